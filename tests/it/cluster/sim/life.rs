//! One simulation: the queue of what happens, and a driver's loop.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fastrand::Rng;
use mgmt::cluster::raft::wire::{ConfChange, EntryType, Message, MessageType, SnapshotMetadata};
use mgmt::cluster::raft::{Committed, Input, MemberId, Output, Reconfiguration, Saved};

use super::clients::{Asker, Clients, Outcome};
use super::command::Command;
use super::invariants::{self, Invariant, Seen, Verdict};
use super::member::Member;
use super::network::Network;
use super::tally::{Counted, Tally};
use super::telling;
use super::watchers::Watchers;
use super::{MS, Mistake, SECOND, Time};

/// What happened, line by line; it outlives a panic.
pub type Trace = Arc<Mutex<Vec<String>>>;

/// How long a cluster may take, once all is well, until it is quiet.
const PATIENCE: Time = 60 * SECOND;

/// How long a leader waits for its disk before it gives way.
const STALL: Time = 500 * MS;

/// Something that will happen. Numbers: the member, and the life for which it is meant.
#[derive(Debug)]
pub enum Next {
    Tick(u64, u64),
    Wake(u64, u64),
    Deliver(Message),
    DeliverSnapshot { message: Message, body: Option<Bytes>, sender_life: u64 },
    Synced(u64, u64, u64),
    SyncIsSlow(u64, u64, u64),
    BodyWritten(u64, u64, SnapshotMetadata, Bytes),
    Ask(usize),
    GiveUp(Asker),
    Watch(usize),
    Trouble,
    Start(u64),
    Thaw(u64, u64),
    Heal,
    Look,
}

pub struct Life {
    pub mistake: Mistake,
    pub rng: Rng,
    pub now: Time,
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    next: BTreeMap<u64, Next>,
    /// Events so far.
    pub moment: u64,
    queued: u64,
    pub members: BTreeMap<u64, Member>,
    pub network: Network,
    pub clients: Clients,
    pub watchers: Watchers,
    pub invariants: Vec<Box<dyn Invariant>>,
    trace: Option<Trace>,
    /// When troubles end.
    pub heals: Time,
    pub healed: bool,
    pub tally: Tally,
    /// Who votes, and the entry that last said so: for the tally.
    pub voters: Vec<u64>,
    pub counted_change: u64,
    pub next_id: u64,
    pub keys: u8,
}

impl Life {
    pub fn new(seed: u64, mistake: Mistake, trace: Option<Trace>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let voters = [1, 3, 3, 3, 3, 5, 5][rng.usize(0..7)];
        let changes: Vec<ConfChange> = (1..=voters)
            .map(|id| ConfChange { id: 1 << 40 | id, node_id: id, ..Default::default() })
            .collect();
        let heals = rng.u64(5 * SECOND..22 * SECOND);
        let mut life = Self {
            mistake,
            now: 0,
            queue: BinaryHeap::new(),
            next: BTreeMap::new(),
            moment: 0,
            queued: 0,
            members: BTreeMap::new(),
            network: Network::fair(),
            clients: Clients::default(),
            watchers: Watchers::new(2),
            invariants: invariants::all(),
            trace,
            heals,
            healed: false,
            tally: Tally::default(),
            voters: (1..=voters).collect(),
            counted_change: 0,
            next_id: 1,
            keys: rng.u8(1..5),
            rng,
        };
        for id in 1..=voters {
            life.add(id, &Saved::new_cluster(&changes));
        }
        let ticks = || life.members.values().map(|member| member.tick);
        let (slow, fast) = (ticks().max().unwrap_or(1), ticks().min().unwrap_or(1));
        life.tally.add(Counted::Skewed, u64::from(slow * 4 >= fast * 5));
        let clients = life.rng.usize(2..7);
        (0..clients).for_each(|client| life.after(SECOND, Next::Ask(client)));
        (0..2).for_each(|watcher| life.after(SECOND, Next::Watch(watcher)));
        life.after(2 * SECOND, Next::Trouble);
        life.after(heals, Next::Heal);
        life
    }

    /// Lives until all is quiet again, or something is broken.
    pub fn live(mut self) -> Result<Tally, String> {
        while let Some(Reverse((at, number))) = self.queue.pop() {
            self.now = at;
            self.moment += 1;
            let next = self.next.remove(&number).expect("each is queued once");
            if matches!(next, Next::Look) && self.quiet() {
                return self.end();
            }
            if self.now > self.heals + PATIENCE {
                return Err(format!("recovers: {}", self.unrest().unwrap_or_default()));
            }
            self.happen(next)?;
        }
        unreachable!("clocks tick on")
    }

    pub fn tell(&self, text: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            trace.lock().unwrap().push(format!("{:>10.3} {}", self.now as f64 / MS as f64, text()));
        }
    }

    pub fn after(&mut self, delay: Time, next: Next) {
        self.queued += 1;
        self.queue.push(Reverse((self.now + delay, self.queued)));
        self.next.insert(self.queued, next);
    }

    pub fn seen(&mut self, seen: &Seen<'_>) -> Verdict {
        for invariant in &mut self.invariants {
            invariant.seen(seen).map_err(|error| format!("{}: {error}", invariant.name()))?;
        }
        Ok(())
    }

    fn happen(&mut self, next: Next) -> Verdict {
        match next {
            Next::Tick(id, life) => self.tick(id, life),
            Next::Wake(id, life) => return self.wake(id, life),
            Next::Deliver(message) => self.hand(message.to, Input::Message(message)),
            Next::DeliverSnapshot { message, body, sender_life } => {
                self.deliver_snapshot(message, body, sender_life);
            }
            Next::Synced(id, life, number) => {
                if let Some(member) = self.member(id, life) {
                    let (entries, answers) = member.disk.done(number);
                    self.seen(&Seen::OnDisk(&entries))?;
                    answers.into_iter().for_each(|answer| self.hand(id, answer));
                    self.write(id);
                }
            }
            Next::SyncIsSlow(id, life, number) => {
                if self.member(id, life).is_some_and(|member| member.disk.syncs(number)) {
                    self.tally.add(Counted::Stalled, 1);
                    self.tell(|| format!("{id}: its disk stalls"));
                    self.hand(id, Input::DiskStalled);
                }
            }
            Next::BodyWritten(id, life, metadata, body) => {
                if let Some(member) = self.member(id, life) {
                    member.disk.keep(metadata, body);
                    self.tally.add(Counted::SnapshotMade, 1);
                    self.write(id);
                }
            }
            Next::Ask(client) => return self.ask(client),
            Next::GiveUp(asker) => _ = self.answer(asker, Outcome::Unknown),
            Next::Watch(watcher) => return self.watch(watcher),
            Next::Trouble if self.healed => {}
            Next::Trouble => {
                self.trouble()?;
                let pause = self.rng.u64(50 * MS..1500 * MS);
                self.after(pause, Next::Trouble);
            }
            Next::Start(id) => return self.start(id),
            Next::Thaw(id, life) => {
                if self.member(id, life).is_some() {
                    self.thaw(id);
                }
            }
            Next::Heal => return self.heal(),
            Next::Look => {
                self.dismiss();
                self.after(200 * MS, Next::Look);
            }
        }
        Ok(())
    }

    /// A member, if it is still in that life.
    pub fn member(&mut self, id: u64, life: u64) -> Option<&mut Member> {
        self.members.get_mut(&id).filter(|member| member.life == life && member.process.is_some())
    }

    pub fn hand(&mut self, id: u64, input: Input) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if member.hand(input) {
            let life = member.life;
            let delay = if self.rng.u32(0..3) == 0 { self.rng.u64(0..3 * MS) } else { 20 };
            self.after(delay, Next::Wake(id, life));
        }
    }

    fn tick(&mut self, id: u64, life: u64) {
        let Some(member) = self.member(id, life) else { return };
        let (period, frozen) = (member.tick, member.frozen);
        if !frozen {
            self.hand(id, Input::Tick);
        }
        let jitter = self.rng.u64(0..=period / 5);
        self.after(period + jitter, Next::Tick(id, life));
    }

    /// A process takes all that waits for it.
    fn wake(&mut self, id: u64, life: u64) -> Verdict {
        let Some(process) = self.member(id, life).and_then(Member::awake) else { return Ok(()) };
        process.waking = false;
        let inbox = std::mem::take(&mut process.inbox);
        let mut out = Vec::new();
        for input in inbox {
            self.tell(|| telling::input(id, &input));
            let Some(process) = self.member(id, life).and_then(Member::awake) else { return Ok(()) };
            process.replica.step(input, &mut out);
        }
        let Some(process) = self.member(id, life).and_then(Member::awake) else { return Ok(()) };
        process.replica.flush(&mut out);
        for output in out {
            self.tell(|| telling::output(id, &output));
            self.carry_out(id, life, output)?;
        }
        self.write(id);
        self.feed(id)
    }

    fn carry_out(&mut self, id: u64, life: u64, output: Output) -> Verdict {
        match output {
            Output::Persist(save) => {
                if self.mistake == Mistake::AnswersBeforeSync {
                    self.hand(id, Input::Persisted { number: save.number });
                }
                let Some(member) = self.member(id, life) else { return Ok(()) };
                member.disk.save(save);
            }
            Output::Send(message) => {
                self.tally.add(Counted::HandedOver, u64::from(message.r#type() == MessageType::TimeoutNow));
                self.seen(&Seen::Sent(&message))?;
                self.send(message);
            }
            Output::Apply(entries) => {
                for committed in entries {
                    self.apply(id, life, &committed)?;
                }
            }
            Output::Install(snapshot) => {
                let index = snapshot.metadata.index;
                self.seen(&Seen::Installed { member: id, index })?;
                let Some(member) = self.member(id, life) else { return Ok(()) };
                let body = member.disk.bodies[&index].clone();
                let Some(process) = member.awake() else { return Ok(()) };
                process.machine.restore(&body);
                process.applied = index;
                self.tally.add(Counted::SnapshotInstalled, 1);
            }
            Output::SnapshotDue(metadata) => {
                let delay = self.rng.u64(MS..100 * MS);
                let fails = self.rng.u32(0..10) == 0;
                let Some(process) = self.member(id, life).and_then(Member::awake) else { return Ok(()) };
                let body = process.machine.snapshot();
                if fails {
                    self.tally.add(Counted::SnapshotFailed, 1);
                    self.hand(id, Input::SnapshotFailed);
                } else {
                    self.after(delay, Next::BodyWritten(id, life, metadata, body));
                }
            }
            Output::ReadReady { id: read, .. } => self.serve(id, life, read)?,
            Output::ReadFailed(read) => {
                let process = self.member(id, life).and_then(Member::awake);
                if let Some(asker) = process.and_then(|process| process.reads.remove(&read)) {
                    self.answer(asker, Outcome::Unknown);
                }
            }
            Output::Leader { leader, term } if leader == Some(MemberId(id)) => {
                self.tally.add(Counted::Elected, 1);
                self.seen(&Seen::Leads { member: id, term })?;
            }
            Output::Leader { .. } => {}
            Output::Members(members) => self.seen(&Seen::Members { member: id, members: &members })?,
            Output::Refused { id: proposal, .. } | Output::Dropped(proposal) => {
                self.seen(&Seen::Void { id: proposal })?;
                self.settle(id, life, proposal, Outcome::Void)?;
            }
            Output::Unsettled(proposal) => _ = self.settle(id, life, proposal, Outcome::Unknown)?,
            Output::Broken(broken) => return Err(format!("{id} cannot go on: {broken}")),
        }
        Ok(())
    }

    fn apply(&mut self, id: u64, life: u64, committed: &Committed) -> Verdict {
        self.seen(&Seen::Applied { member: id, committed })?;
        let entry = &committed.entry;
        let moment = self.moment;
        let Some(process) = self.member(id, life).and_then(Member::awake) else { return Ok(()) };
        process.applied = entry.index;
        if entry.r#type() != EntryType::Normal {
            let change = Reconfiguration::read(entry).unwrap();
            self.count_change(entry.index, &change);
            if let Reconfiguration::Single(change) = &change {
                self.come_or_go(entry.index, change);
            }
        } else if !entry.data.is_empty() {
            let reply = process.machine.apply(entry.index, &entry.data);
            let command = Command::decode(&entry.data);
            self.clients.applied.entry(command.id).or_insert(moment);
            if let Some(proposal) = committed.proposal {
                let outcome = Outcome::Wrote { swapped: reply.swapped, at: moment };
                if self.settle(id, life, proposal, outcome)? {
                    self.seen(&Seen::Acked { id: proposal, index: entry.index })?;
                }
            }
            return Ok(());
        }
        if let Some(proposal) = committed.proposal {
            self.settle(id, life, proposal, Outcome::Void)?;
        }
        Ok(())
    }

    /// A member's disk goes on with what waits for it.
    pub fn write(&mut self, id: u64) {
        let now = self.now;
        let Some(member) = self.members.get_mut(&id).filter(|member| member.process.is_some()) else {
            return;
        };
        let Some((number, needed)) = member.disk.begin() else { return };
        let (life, stall) = (member.life, member.stall.filter(|(_, until)| now < *until));
        let share = self.rng.f64();
        let mut takes = if needed { 50 + (10.0 * MS as f64 * share * share * share) as Time } else { 10 };
        if let Some((most, _)) = stall.filter(|_| needed) {
            takes += self.rng.u64(0..most);
        }
        self.after(takes, Next::Synced(id, life, number));
        if takes > STALL {
            self.after(STALL, Next::SyncIsSlow(id, life, number));
        }
    }

    fn send(&mut self, message: Message) {
        let (from, to) = (message.from, message.to);
        // A transfer that is passed on bears its aim as sender; no cut matters less.
        let copies = self.network.copies(self.now, (from, to), &mut self.rng, &mut self.tally);
        if message.r#type() == MessageType::Snap {
            self.tally.add(Counted::SnapshotSent, 1);
            let Some(member) = self.members.get(&from) else { return };
            let index = message.snapshot.metadata.index;
            let body = (!copies.is_empty()).then(|| member.disk.bodies[&index].clone());
            let (takes, sender_life) = (self.rng.u64(5 * MS..400 * MS), member.life);
            return self.after(takes, Next::DeliverSnapshot { message, body, sender_life });
        }
        if copies.is_empty() && self.rng.bool() {
            self.hand(from, Input::Unreachable(MemberId(to)));
        }
        for delay in copies {
            self.after(delay, Next::Deliver(message.clone()));
        }
    }

    fn deliver_snapshot(&mut self, message: Message, body: Option<Bytes>, sender_life: u64) {
        let (from, to) = (message.from, message.to);
        let receiver = self.members.get_mut(&to).filter(|member| member.process.is_some() && !member.frozen);
        let arrived = body.is_some() && receiver.is_some();
        if let (Some(body), Some(member)) = (body, receiver) {
            member.disk.bodies.insert(message.snapshot.metadata.index, body);
            self.hand(to, Input::Message(message));
        }
        if self.member(from, sender_life).is_some() {
            self.hand(from, Input::SnapshotSent { to: MemberId(to), arrived });
        }
    }
}
