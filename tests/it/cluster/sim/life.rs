//! One simulation: the queue of what happens, and a driver's loop.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fastrand::Rng;
use mgmt::cluster::raft::wire::{ConfChange, ConfChangeType, Message, MessageType, SnapshotMetadata};
use mgmt::cluster::raft::{
    Committed, Input, MemberId, Output, ProposalId, ReadId, Role, Saved, SnapshotRule,
};

use super::clients::{Asker, Clients, Outcome, Request};
use super::command::{Command, Write};
use super::invariants::{self, Invariant, Last, Seen, Verdict};
use super::member::Member;
use super::network::Network;
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
enum Next {
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
    mistake: Mistake,
    pub rng: Rng,
    pub now: Time,
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    next: BTreeMap<u64, Next>,
    /// Events so far.
    pub moment: u64,
    queued: u64,
    pub members: BTreeMap<u64, Member>,
    pub network: Network,
    clients: Clients,
    watchers: Watchers,
    invariants: Vec<Box<dyn Invariant>>,
    trace: Option<Trace>,
    /// When troubles end.
    pub heals: Time,
    pub healed: bool,
    next_id: u64,
    keys: u8,
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
            next_id: 1,
            keys: rng.u8(1..5),
            rng,
        };
        for id in 1..=voters {
            life.add(id, &Saved::new_cluster(&changes));
        }
        let clients = life.rng.usize(2..7);
        (0..clients).for_each(|client| life.after(SECOND, Next::Ask(client)));
        (0..2).for_each(|watcher| life.after(SECOND, Next::Watch(watcher)));
        life.after(2 * SECOND, Next::Trouble);
        life.after(heals, Next::Heal);
        life
    }

    /// Lives until all is quiet again, or something is broken.
    pub fn live(mut self) -> Result<(), String> {
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

    fn after(&mut self, delay: Time, next: Next) {
        self.queued += 1;
        self.queue.push(Reverse((self.now + delay, self.queued)));
        self.next.insert(self.queued, next);
    }

    fn seen(&mut self, seen: &Seen<'_>) -> Verdict {
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
                    self.tell(|| format!("{id}: its disk stalls"));
                    self.hand(id, Input::DiskStalled);
                }
            }
            Next::BodyWritten(id, life, metadata, body) => {
                if let Some(member) = self.member(id, life) {
                    member.disk.keep(metadata, body);
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
    fn member(&mut self, id: u64, life: u64) -> Option<&mut Member> {
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
            }
            Output::SnapshotDue(metadata) => {
                let delay = self.rng.u64(MS..100 * MS);
                let fails = self.rng.u32(0..10) == 0;
                let Some(process) = self.member(id, life).and_then(Member::awake) else { return Ok(()) };
                let body = process.machine.snapshot();
                if fails {
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
                self.seen(&Seen::Leads { member: id, term })?;
            }
            Output::Leader { .. } | Output::Members(_) => {}
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
        if entry.r#type() == mgmt::cluster::raft::wire::EntryType::ConfChange {
            let change = <ConfChange as prost::Message>::decode(entry.data.clone()).unwrap();
            if change.r#type() == ConfChangeType::RemoveNode
                && let Some(gone) = self.members.get_mut(&change.node_id)
            {
                gone.removed = true;
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

    /// A proposal has its end; whether a client heard of it.
    fn settle(&mut self, id: u64, life: u64, proposal: ProposalId, outcome: Outcome) -> Result<bool, String> {
        let Some(process) = self.member(id, life).and_then(Member::awake) else { return Ok(false) };
        let Some(waiter) = process.proposals.remove(&proposal) else {
            return Err(format!("one end: {proposal:?} ends twice at {id}"));
        };
        Ok(waiter.is_some_and(|asker| self.answer(asker, outcome)))
    }

    fn serve(&mut self, id: u64, life: u64, read: ReadId) -> Verdict {
        let Some(process) = self.member(id, life).and_then(Member::awake) else { return Ok(()) };
        let Some(asker) = process.reads.remove(&read) else {
            return Err(format!("one end: {read:?} ends twice at {id}"));
        };
        let Request::Read(key) = self.clients.deeds[asker.deed].request else { return Ok(()) };
        let Some(process) = self.member(id, life).and_then(Member::awake) else { return Ok(()) };
        let (value, applied) = (process.machine.get(key), process.applied);
        let at = self.moment;
        if !self.answer(asker, Outcome::Read { value, at }) {
            return Ok(());
        }
        self.seen(&Seen::Read { member: id, life, read, applied })
    }

    fn answer(&mut self, asker: Asker, outcome: Outcome) -> bool {
        let heard = self.clients.end(asker, outcome);
        if heard {
            let client = asker.client;
            self.tell(|| format!("client {client}: {outcome:?}"));
            let think = if self.rng.u32(0..4) == 0 { 400 } else { 60 };
            let think = self.rng.u64(0..think * MS);
            self.after(think, Next::Ask(client));
        }
        heard
    }

    /// A client asks for something, at any member.
    fn ask(&mut self, client: usize) -> Verdict {
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

    fn write_to(&mut self, key: u8, put: bool) -> Command {
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
    fn watch(&mut self, watcher: usize) -> Verdict {
        self.members.values_mut().filter_map(|member| member.process.as_mut()).for_each(|process| {
            process.watchers.remove(&watcher);
        });
        let ids: Vec<u64> = self.members.keys().copied().collect();
        let id = ids[self.rng.usize(0..ids.len())];
        let next = self.watchers.next[watcher];
        if let Some(process) = self.members.get_mut(&id).and_then(|member| member.process.as_mut()) {
            process.watchers.insert(watcher, next);
        }
        let stays = if self.healed { 300 * MS } else { self.rng.u64(100 * MS..3 * SECOND) };
        self.after(stays, Next::Watch(watcher));
        self.feed(id)
    }

    /// Watchers are told what a member's machine has for them.
    fn feed(&mut self, id: u64) -> Verdict {
        let Some(process) = self.members.get_mut(&id).and_then(Member::awake) else { return Ok(()) };
        self.watchers.happened(process.machine.events(self.watchers.newest() + 1))?;
        for (watcher, next) in &mut process.watchers {
            let events = process.machine.events(*next);
            *next += events.len() as u64;
            self.watchers.told(*watcher, events)?;
        }
        Ok(())
    }

    /// A member's disk goes on with what waits for it.
    fn write(&mut self, id: u64) {
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
        let copies = self.network.copies(from, to, &mut self.rng);
        if message.r#type() == MessageType::Snap {
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

    /// A member that was not there before.
    pub fn add(&mut self, id: u64, saved: &Saved) {
        let tick = self.rng.u64(70 * MS..130 * MS);
        let rule = SnapshotRule::Entries(self.rng.u64(5..80));
        let keep = self.rng.u64(0..20);
        self.members.insert(id, Member::new(id, saved, tick, rule, keep));
        let delay = self.rng.u64(0..500 * MS);
        self.after(delay, Next::Start(id));
    }

    fn start(&mut self, id: u64) -> Verdict {
        let seed = self.rng.u64(..);
        let Some(member) = self.members.get_mut(&id) else { return Ok(()) };
        if member.process.is_some() {
            return Ok(());
        }
        let entries = member.start(seed).map_err(|error| format!("{id} does not start: {error}"))?;
        let life = member.life;
        let process = member.process.as_ref().expect("it was started");
        let index = process.applied;
        self.tell(|| format!("{id} starts behind {index}"));
        self.after(0, Next::Tick(id, life));
        self.seen(&Seen::OnDisk(&entries))?;
        self.seen(&Seen::Started { member: id, index })
    }

    /// The power goes, and comes again after that.
    pub fn crash(&mut self, id: u64, down: Time) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(process) = member.process.take() else { return };
        member.disk.crash(&mut self.rng);
        self.tell(|| format!("{id} crashes"));
        for asker in process.waiting() {
            self.answer(asker, Outcome::Unknown);
        }
        self.after(down, Next::Start(id));
    }

    pub fn freeze(&mut self, id: u64, time: Time) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.process.is_some()) else {
            return;
        };
        member.frozen = true;
        let life = member.life;
        self.tell(|| format!("{id} freezes"));
        self.after(time, Next::Thaw(id, life));
    }

    fn thaw(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if let Some(process) = member.process.as_mut().filter(|_| member.frozen) {
            member.frozen = false;
            process.waking = false;
            self.tell(|| format!("{id} goes on"));
            self.hand(id, Input::Tick);
        }
    }

    /// A change of members is asked for, at any that is there.
    pub fn change(&mut self, at: u64, kind: ConfChangeType, node: u64) {
        let id = self.new_id();
        let change = ConfChange { id: id.0, r#type: kind.into(), node_id: node, ..Default::default() };
        let Some(process) = self.members.get_mut(&at).and_then(|member| member.process.as_mut()) else {
            return;
        };
        process.proposals.insert(id, None);
        self.tell(|| format!("asked of {at}: {change:?}"));
        self.hand(at, Input::Change(change));
    }

    /// From now on nothing befalls anybody.
    fn heal(&mut self) -> Verdict {
        self.tell(|| "all is well again".to_owned());
        self.healed = true;
        self.network = Network::fair();
        let ids: Vec<u64> = self.members.keys().copied().collect();
        for id in ids {
            self.thaw(id);
            self.members.get_mut(&id).expect("it is there").stall = None;
            self.start(id)?;
        }
        self.after(SECOND, Next::Look);
        Ok(())
    }

    /// Stops those that were removed, as soon as all others know it: before, their votes may be needed.
    fn dismiss(&mut self) {
        let ids: Vec<u64> = self.members.keys().copied().collect();
        for id in ids {
            let mut others = self.members.values().filter(|other| !other.removed);
            let known = others.all(|other| {
                let members = other.process.as_ref().map(|process| process.replica.members());
                members.is_some_and(|known| !known.voters.contains(&id) && !known.learners.contains(&id))
            });
            let Some(member) = self.members.get_mut(&id).filter(|member| known && member.removed) else {
                continue;
            };
            let gone = member.process.take();
            for asker in gone.iter().flat_map(|process| process.waiting()) {
                self.answer(asker, Outcome::Unknown);
            }
        }
    }

    /// What is not as it should be, once all is well.
    fn unrest(&self) -> Option<String> {
        let live = self.members.values().filter(|member| !member.removed);
        let mut applied = None;
        let mut leaders = 0;
        for member in live {
            let Some(process) = &member.process else { return Some(format!("{} is down", member.id)) };
            let status = process.replica.status();
            let known = process.replica.members();
            if !known.voters.contains(&member.id) && !known.learners.contains(&member.id) {
                // Its addition did not get through.
                continue;
            }
            leaders += u32::from(status.role == Role::Leader);
            let first = *applied.get_or_insert(process.applied);
            if process.applied != first || status.last != first {
                return Some(format!("{first} is applied, but {status:?}"));
            }
            if !process.proposals.is_empty() || !process.reads.is_empty() {
                return Some(format!("{}: {:?} {:?} wait", member.id, process.proposals, process.reads));
            }
        }
        if leaders != 1 {
            return Some(format!("{leaders} leaders"));
        }
        let behind = self.watchers.next.iter().any(|next| *next != self.watchers.newest() + 1);
        (behind || !self.clients.waiting.is_empty()).then(|| "somebody waits".to_owned())
    }

    fn quiet(&self) -> bool {
        self.healed && self.now > self.heals + 1800 * MS && self.unrest().is_none()
    }

    fn end(mut self) -> Verdict {
        self.tell(|| "all is quiet".to_owned());
        let processes = self.members.iter().filter(|(_, member)| !member.removed);
        let processes: Vec<_> =
            processes.filter_map(|(id, member)| Some((*id, member.process.as_ref()?))).collect();
        let members = processes.iter().filter(|(id, process)| {
            let known = process.replica.members();
            known.voters.contains(id) || known.learners.contains(id)
        });
        let states: Vec<(u64, u64, Bytes)> =
            members.map(|(id, process)| (*id, process.applied, process.machine.snapshot())).collect();
        for (id, _, state) in &states {
            if *state != states[0].2 {
                return Err(format!("one state: {} and {id} differ", states[0].0));
            }
        }
        let applied = states.iter().map(|(id, applied, _)| (*id, *applied)).collect();
        let last = Last { clients: &self.clients, applied };
        for invariant in &mut self.invariants {
            invariant.end(&last).map_err(|error| format!("{}: {error}", invariant.name()))?;
        }
        Ok(())
    }
}
