//! What clients and watchers ask of a cluster, and what they are told.

use mgmt::cluster::raft::{Input, ProposalId, ReadId, Role};

use super::clients::{Asker, Outcome, Request};
use super::command::{Command, Write};
use super::invariants::{Seen, Verdict};
use super::life::{Life, Next};
use super::member::Member;
use super::tally::Counted;
use super::{MS, Mistake, SECOND};

impl Life {
    /// A proposal has its end; whether a client heard of it.
    pub fn settle(
        &mut self,
        id: u64,
        life: u64,
        proposal: ProposalId,
        outcome: Outcome,
    ) -> Result<bool, String> {
        let Some(process) = self.member(id, life).and_then(Member::awake) else { return Ok(false) };
        let Some(waiter) = process.proposals.remove(&proposal) else {
            return Err(format!("one end: {proposal:?} ends twice at {id}"));
        };
        Ok(waiter.is_some_and(|asker| self.answer(asker, outcome)))
    }

    pub fn serve(&mut self, id: u64, life: u64, read: ReadId) -> Verdict {
        let Some(process) = self.member(id, life).and_then(Member::awake) else { return Ok(()) };
        let Some(asker) = process.reads.remove(&read) else {
            return Err(format!("one end: {read:?} ends twice at {id}"));
        };
        let Request::Read(key) = self.clients.deeds[asker.deed].request else { return Ok(()) };
        let Some(process) = self.member(id, life).and_then(Member::awake) else { return Ok(()) };
        let (value, applied) = (process.machine.get(key), process.applied);
        let leads = process.replica.status().role == Role::Leader;
        self.tally.add(Counted::ReadFromFollower, u64::from(!leads));
        let at = self.moment;
        if !self.answer(asker, Outcome::Read { value, at }) {
            return Ok(());
        }
        self.seen(&Seen::Read { member: id, life, read, applied })
    }

    pub fn answer(&mut self, asker: Asker, outcome: Outcome) -> bool {
        let heard = self.clients.end(asker, outcome);
        if heard {
            let client = asker.client;
            self.tally.add(
                match outcome {
                    Outcome::Wrote { .. } => Counted::Wrote,
                    Outcome::Read { .. } => Counted::Read,
                    Outcome::Void => Counted::Refused,
                    Outcome::Unknown => Counted::NeverKnown,
                },
                1,
            );
            self.tell(|| format!("client {client}: {outcome:?}"));
            let think = if self.rng.u32(0..4) == 0 { 400 } else { 60 };
            let think = self.rng.u64(0..think * MS);
            self.after(think, Next::Ask(client));
        }
        heard
    }

    /// A client asks for something, at any member.
    pub fn ask(&mut self, client: usize) -> Verdict {
        if self.now > self.heals + 1500 * MS {
            return Ok(());
        }
        let ids: Vec<u64> = self.members.keys().copied().collect();
        let id = ids[self.rng.usize(0..ids.len())];
        let life = self.members[&id].life;
        if self.members[&id].process.is_none() {
            self.after(50 * MS, Next::Ask(client));
            return Ok(());
        }
        let key = self.rng.u8(0..self.keys);
        let (kind, padding) = (self.rng.u32(0..10), self.rng.usize(0..20));
        let request =
            if kind < 4 { Request::Read(key) } else { Request::Write(self.write_to(key, kind < 7)) };
        self.tally.add(Counted::Overlapping, u64::from(self.clients.somebody_waits_for(key)));
        let asker = self.clients.ask(client, request, self.moment);
        self.tell(|| format!("client {client} asks {id}: {request:?}"));
        let padding = if padding == 0 { 3_000 } else { padding * padding };
        let process = self.members.get_mut(&id).and_then(|member| member.process.as_mut());
        let process = process.expect("it was looked at");
        let input = match request {
            Request::Write(command) => {
                process.proposals.insert(command.id, Some(asker));
                Input::Propose { id: command.id, data: command.encode(padding) }
            }
            Request::Read(_) if self.mistake == Mistake::ReadsUnasked => {
                let value = process.machine.get(key);
                self.answer(asker, Outcome::Read { value, at: self.moment });
                return Ok(());
            }
            Request::Read(_) => {
                let read = ReadId(process.next_read);
                process.next_read += 1;
                process.reads.insert(read, asker);
                self.seen(&Seen::Asked { member: id, life, read })?;
                Input::Read(read)
            }
        };
        self.hand(id, input);
        let patience = self.rng.u64(500 * MS..4 * SECOND);
        self.after(patience, Next::GiveUp(asker));
        Ok(())
    }

    pub fn write_to(&mut self, key: u8, put: bool) -> Command {
        let id = self.new_id();
        // What the key had lately, as one or other member knows.
        let process = self.members.values().find_map(|member| member.process.as_ref());
        let lately = process.and_then(|process| process.machine.get(key));
        let write = if put { Write::Put } else { Write::Swap(lately) };
        Command { id, key, write, value: id.0 }
    }

    pub fn new_id(&mut self) -> ProposalId {
        self.next_id += 1;
        ProposalId(self.next_id)
    }

    /// A watcher goes to any member that is there.
    pub fn watch(&mut self, watcher: usize) -> Verdict {
        self.members.values_mut().filter_map(|member| member.process.as_mut()).for_each(|process| {
            process.watchers.remove(&watcher);
        });
        let ids: Vec<u64> = self.members.keys().copied().collect();
        let id = ids[self.rng.usize(0..ids.len())];
        let next = self.watchers.next[watcher];
        if let Some(process) = self.members.get_mut(&id).and_then(|member| member.process.as_mut()) {
            let now = process.machine.revision() + 1;
            let next = if self.mistake == Mistake::WatchesFromNow { now.max(next) } else { next };
            process.watchers.insert(watcher, next);
            self.tally.add(Counted::WatcherMoved, 1);
        }
        let stays = if self.healed { 300 * MS } else { self.rng.u64(100 * MS..3 * SECOND) };
        self.after(stays, Next::Watch(watcher));
        self.feed(id)
    }

    /// Watchers are told what a member's machine has for them.
    pub fn feed(&mut self, id: u64) -> Verdict {
        let Some(process) = self.members.get_mut(&id).and_then(Member::awake) else { return Ok(()) };
        self.watchers.happened(process.machine.events(self.watchers.newest() + 1))?;
        for (watcher, next) in &mut process.watchers {
            let events = process.machine.events(*next);
            *next += events.len() as u64;
            self.tally.add(Counted::Watched, events.len() as u64);
            self.watchers.told(*watcher, events)?;
        }
        Ok(())
    }
}
