//! The one thread that decides: letters in, one round of the replica, its outputs carried out.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, RwLockWriteGuard};
use std::time::{Duration, Instant};

use super::barrier::Asked;
use super::ended::Ended;
use super::inbox::Letter;
use super::machine::{Effect, Machine};
use super::shared::{Shared, Status};
use super::snapshots;
use super::version;
use super::waiting::{Waiter, Waiting};
use super::writer::{Writer, Writing};
use crate::cluster::etcd::node::NodeError;
use crate::cluster::failpoints::failpoint;
use crate::cluster::raft::wire::{ConfState, Message, MessageType, Snapshot};
use crate::cluster::raft::{Committed, Input, Output, Refusal, Replica, Role};
use crate::cluster::store::error::StoreError;
use crate::cluster::store::id::MemberId;
use crate::cluster::store::reply::{Applied, Reply};
use crate::cluster::store::request::Change;

/// What the core knows.
pub struct Core {
    shared: Arc<Shared>,
    replica: Replica,
    writer: Writer,
    waiting: Waiting,
    asked: Asked,
    /// Files of snapshots that peers sent, by index.
    received: HashMap<u64, PathBuf>,
    /// Saves that are not yet on disk, with when they were begun.
    unsaved: Option<Instant>,
    saves: (u64, u64),
    next_tick: Instant,
    out: Vec<Output>,
    status: Status,
    /// Who asked for a change of members that was applied in this round: answered when the status tells of it.
    changed: Vec<(Answerer, Effect)>,
    /// It ends after this round.
    ending: Option<Ended>,
}

impl Core {
    /// Of a member whose disk is open.
    pub fn new(shared: Arc<Shared>, replica: Replica, writer: Writer) -> Self {
        Self {
            next_tick: Instant::now() + shared.config.tick,
            shared,
            replica,
            writer,
            waiting: Waiting::default(),
            asked: Asked::default(),
            received: HashMap::new(),
            unsaved: None,
            saves: (0, 0),
            out: Vec::new(),
            status: Status { leaderless_since: Some(Instant::now()), ..Status::default() },
            changed: Vec::new(),
            ending: None,
        }
    }

    /// Runs until it is told to stop, or the disk fails.
    pub fn run(mut self) {
        let mut letters = Vec::new();
        let shared = self.shared.clone();
        self.meet(&shared.read());
        self.stand_if_alone();
        self.round();
        while self.ending.is_none() {
            let patience = self.next_tick.saturating_duration_since(Instant::now());
            self.shared.inbox.take(&mut letters, self.waiting.room(), patience);
            for letter in letters.drain(..) {
                self.hear(letter);
            }
            self.tick();
            self.round();
        }
        self.end();
    }

    /// A lone voter need not wait for a leader's heartbeat before it stands for election.
    fn stand_if_alone(&mut self) {
        self.round();
        let own = self.shared.identity.member.0;
        if !is_alone(&self.replica.members(), own) {
            return;
        }
        for _ in 0..self.shared.config.election_ticks * 2 {
            if self.replica.status().role != Role::Follower {
                return;
            }
            self.step(Input::Tick);
        }
    }

    fn step(&mut self, input: Input) {
        self.replica.step(input, &mut self.out);
    }

    /// Ticks once for all that was missed: a process that was stopped must not hurry.
    fn tick(&mut self) {
        let now = Instant::now();
        if now < self.next_tick {
            return;
        }
        self.next_tick = now + self.shared.config.tick;
        let patience = self.shared.config.tick * self.shared.config.election_ticks / 2;
        if self.unsaved.is_some_and(|since| now.duration_since(since) > patience) {
            self.step(Input::DiskStalled);
        }
        self.step(Input::Tick);
    }

    fn hear(&mut self, letter: Letter) {
        match letter {
            Letter::Propose { id, data, command, answer } => {
                if self.status.disk_full {
                    // Whoever asked may have gone.
                    return drop(answer.send(Err(StoreError::NoSpace.into())));
                }
                self.waiting.add(id, Waiter::Command(command, answer), data.len());
                self.step(Input::Propose { id, data });
            }
            Letter::Change { change, answer } => {
                if let Some(id) = change.id() {
                    self.waiting.add(id, Waiter::Change(answer), 0);
                }
                self.step(Input::Change(change));
            }
            Letter::Read => {
                let readers = self.shared.barrier.take();
                if !readers.is_empty() {
                    let id = self.asked.ask(readers);
                    self.step(Input::Read(id));
                }
            }
            Letter::Transfer { to } => self.step(Input::Transfer { to: to.into() }),
            Letter::Message { message, file } => self.hear_peer(message, file),
            Letter::Unreachable(peer) => self.step(Input::Unreachable(peer)),
            Letter::SnapshotSent { to, arrived } => self.step(Input::SnapshotSent { to, arrived }),
            Letter::Persisted { number } => {
                self.saves.1 = number;
                self.unsaved = (self.saves.0 != number).then(Instant::now);
                self.step(Input::Persisted { number });
            }
            Letter::LogFailed(error) => {
                tracing::error!(%error, hint = error.hint(), "the log cannot be written: the store ends");
                self.end_for(Ended::Files);
            }
            Letter::LogFull(full) => {
                self.status.disk_full = full;
                if full {
                    tracing::error!("no space is left for the log: changes are refused until there is");
                    self.step(Input::DiskStalled);
                } else {
                    tracing::info!("there is space for the log again");
                }
            }
            Letter::SnapshotWritten { metadata, bytes } => {
                self.writer.write(Writing::Snapshot { metadata, bytes });
            }
            Letter::SnapshotMade { metadata, bytes } => {
                let data = snapshots::name(&metadata).to_string().into();
                self.step(Input::SnapshotMade { metadata, data, size: bytes });
            }
            Letter::SnapshotFailed => self.step(Input::SnapshotFailed),
            Letter::Removed => self.removed(),
            Letter::Stop => self.end_for(Ended::Asked),
        }
    }

    fn hear_peer(&mut self, message: Message, file: Option<PathBuf>) {
        if let Some(file) = file {
            let metadata = &message.snapshot.metadata;
            match snapshots::adopt(&self.shared.snaps, metadata, &file) {
                Ok(path) => drop(self.received.insert(metadata.index, path)),
                Err(error) => return tracing::warn!(%error, "a snapshot of the leader's cannot be kept"),
            }
        }
        self.step(Input::Message(message));
    }

    /// Lets the replica say what is to be done, and does it.
    fn round(&mut self) {
        self.replica.flush(&mut self.out);
        let mut out = std::mem::take(&mut self.out);
        failpoint!(raftBeforeLeaderSend if !out.is_empty() && self.leads());
        failpoint!(raftBeforeFollowerSend if !out.is_empty() && !self.leads());
        for output in out.drain(..) {
            self.carry_out(output);
        }
        // Its room is kept for the next round.
        out.append(&mut self.out);
        self.out = out;
        self.tell();
        for (waiter, effect) in self.changed.drain(..) {
            waiter.answer(effect);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Persist(save) => {
                self.saves.0 = save.number;
                self.unsaved.get_or_insert_with(Instant::now);
                self.writer.write(Writing::Save(save));
            }
            Output::Send(message) => self.send(message),
            Output::Apply(entries) => self.apply(entries),
            Output::Install(snapshot) => self.install(&snapshot),
            Output::SnapshotDue(metadata) => snapshots::make(&self.shared, metadata),
            Output::ReadReady { id, .. } => self.asked.answer(id, || Ok(())),
            Output::ReadFailed(id) => {
                let lost = self.status.standing.leader.is_none();
                self.asked.answer(id, || Err(if lost { NodeError::NoLeader } else { NodeError::Timeout }));
            }
            Output::Leader { leader, term } => self.lead(leader.map(|leader| leader.0), term),
            Output::Members(voters) => self.shared.write().voters = voters,
            Output::Refused { id, why } => self.waiting.fail(id, refused(why)),
            Output::Dropped(id) => self.waiting.fail(id, NodeError::LeaderChanged),
            Output::Unsettled(id) => {
                let lost = self.status.standing.leader.is_none();
                self.waiting.fail(id, if lost { NodeError::TimeoutLeaderFailed } else { NodeError::Timeout });
            }
            Output::Broken(broken) => {
                tracing::error!(%broken, "this member must not go on: remove it, and add it anew with empty files");
                self.end_for(Ended::Broken(broken));
            }
        }
    }

    fn send(&self, message: Message) {
        let snapshot = message.r#type() == MessageType::Snap;
        match snapshots::name_of(&message.snapshot.data).filter(|_| snapshot) {
            Some(name) => {
                let path = self.shared.snaps.path(name);
                self.shared.transport.send_snapshot(message, &path);
            }
            None => self.shared.transport.send(message),
        }
    }

    fn apply(&mut self, entries: Vec<Committed>) {
        let shared = self.shared.clone();
        let mut machine = shared.write();
        let mut answers = Vec::with_capacity(entries.len());
        let mut members_changed = false;
        for Committed { entry, proposal } in entries {
            let waiter = proposal.and_then(|id| self.waiting.take(id));
            let (known, waiter) = match waiter {
                Some(Waiter::Command(command, answer)) => (Some(*command), Some(Answerer::Command(answer))),
                Some(Waiter::Change(answer)) => (None, Some(Answerer::Change(answer))),
                None => (None, None),
            };
            failpoint!(beforeApplyOneConfChange if entry.r#type() != crate::cluster::raft::wire::EntryType::Normal);
            let effect = machine.apply(&entry, known, shared.config.max_learners);
            if let Effect::Store(Change::ClusterVersion { version }, Ok(_)) = &effect
                && version::is_newer(version)
            {
                tracing::error!(%version, hint = version::HINT, "the cluster runs a newer version than this: the store ends");
                self.end_for(Ended::Outdated);
            }
            members_changed |= matches!(effect, Effect::Members(_))
                || matches!(effect, Effect::Store(Change::MemberAttributes { .. }, _));
            self.follow(&effect);
            match waiter {
                Some(waiter @ Answerer::Command(_)) => answers.push((waiter, effect)),
                Some(waiter @ Answerer::Change(_)) => self.changed.push((waiter, effect)),
                None => {}
            }
        }
        self.status.standing.applied = machine.store.applied_index();
        let machine = RwLockWriteGuard::downgrade(machine);
        let stragglers = {
            let mut hub = shared.hub();
            hub.notify(&machine.store);
            hub.has_stragglers()
        };
        if members_changed {
            self.meet(&machine);
        }
        let housework = stragglers || machine.store.compacting();
        drop(machine);
        if housework {
            shared.alarm.ring();
        }
        for (waiter, effect) in answers {
            waiter.answer(effect);
        }
    }

    /// What a change means for this member beside the machine.
    fn follow(&self, effect: &Effect) {
        let Effect::Store(change, Ok(Applied { reply, .. })) = effect else { return };
        let now = || self.shared.now();
        match (change, reply) {
            (_, Reply::LeaseGranted { id, ttl_s }) => {
                self.shared.lessor().granted(*id, *ttl_s, now());
                self.shared.alarm.ring();
            }
            (Change::Compact { .. }, _) => {
                failpoint!(compactAfterSetScheduledCompact);
            }
            (Change::LeaseRevoke { id }, _) => self.shared.lessor().revoked(*id),
            (Change::Auth(change), Reply::Auth(reply)) => self.shared.tokens().follow(change, reply, now()),
            _ => {}
        }
    }

    /// Who the members are has changed.
    fn meet(&mut self, machine: &Machine) {
        let own = self.shared.identity.member;
        let members: Vec<_> = machine.members.iter().filter(|member| member.id != own).cloned().collect();
        self.shared.transport.set_members(&members);
        if machine.members.is_removed(own) {
            self.removed();
        }
    }

    fn removed(&mut self) {
        if self.ending.is_none() {
            tracing::warn!("this member was removed from the cluster: it ends");
        }
        self.end_for(Ended::Removed);
    }

    /// Ends after this round. The first reason counts.
    fn end_for(&mut self, why: Ended) {
        self.ending.get_or_insert(why);
    }

    /// Becomes what a snapshot says.
    fn install(&mut self, snapshot: &Snapshot) {
        let index = snapshot.metadata.index;
        let path = self
            .received
            .remove(&index)
            .unwrap_or_else(|| self.shared.snaps.path(snapshots::name(&snapshot.metadata)));
        let shared = self.shared.clone();
        failpoint!(applyBeforeOpenSnapshot);
        match snapshots::read(&path, &snapshot.metadata) {
            Ok(loaded) => {
                failpoint!(raftBeforeApplySnap);
                let mut machine = shared.write();
                *machine = loaded;
                let machine = RwLockWriteGuard::downgrade(machine);
                shared.hub().restored(&machine.store);
                self.status.standing.applied = machine.store.applied_index();
                self.meet(&machine);
                drop(machine);
                failpoint!(raftAfterApplySnap);
                shared.alarm.ring();
                tracing::info!(index, "became what the leader's snapshot says");
            }
            Err(error) => {
                tracing::error!(%error, "a snapshot that was received cannot be used: the store ends");
                self.end_for(Ended::Files);
            }
        }
    }

    fn lead(&mut self, leader: Option<u64>, term: u64) {
        let own = self.shared.identity.member;
        let leader = leader.map(MemberId);
        if leader.is_some() && leader != self.status.standing.leader {
            self.shared.vitals.leader_changed();
        }
        self.status.standing.leader = leader;
        self.status.standing.term = term;
        self.status.leaderless_since = leader.is_none().then(Instant::now);
        let machine = self.shared.read();
        let mut lessor = self.shared.lessor();
        if leader == Some(own) {
            let extend = self.shared.config.tick * self.shared.config.election_ticks;
            lessor.promote(machine.store.leases(), self.shared.now(), extend);
            tracing::info!(term, "this member leads");
        } else {
            lessor.demote();
            match leader {
                Some(leader) => tracing::info!(term, %leader, "another member leads"),
                None => tracing::info!(term, "nobody leads"),
            }
        }
        drop((lessor, machine));
        self.shared.alarm.ring();
    }

    /// Whether this member leads, as far as it knows.
    #[cfg(feature = "failpoints")]
    fn leads(&self) -> bool {
        self.status.standing.leader == Some(self.shared.identity.member)
    }

    /// Tells services how this member stands.
    fn tell(&mut self) {
        let now = self.replica.status();
        let machine = self.shared.read();
        let own = self.shared.identity.member;
        let status = &mut self.status;
        status.standing.term = now.term;
        status.standing.committed = now.committed;
        status.standing.learner = machine.voters.learners.contains(&own.0);
        status.standing.learner_serves = self.shared.config.learners_serve;
        let alone = is_alone(&machine.voters, own.0);
        status.alone = alone && now.role == Role::Leader && now.applied >= now.committed;
        status.joint = !machine.voters.voters_outgoing.is_empty();
        status.last = now.last;
        drop(machine);
        status.progress = now.members;
        self.shared.standing.send_replace(status.clone());
    }

    /// Ends: what was taken is written, who waits is told.
    fn end(self) {
        self.shared.inbox.close();
        drop(self.waiting);
        drop(self.asked);
        self.writer.finish();
        let why = self.ending.unwrap_or(Ended::Asked);
        self.shared.standing.send_modify(|status| status.ended = Some(why));
    }
}

/// Who is told of an effect.
enum Answerer {
    Command(tokio::sync::oneshot::Sender<super::waiting::Answer>),
    Change(tokio::sync::oneshot::Sender<super::waiting::ChangeAnswer>),
}

impl Answerer {
    fn answer(self, effect: Effect) {
        // Whoever waited may have gone.
        match (self, effect) {
            (Self::Command(answer), Effect::Store(_, applied)) => {
                drop(answer.send(applied.map_err(NodeError::from)))
            }
            (Self::Change(answer), Effect::Members(done)) => drop(answer.send(done.map_err(NodeError::from))),
            (Self::Command(_) | Self::Change(_), _) => {}
        }
    }
}

/// Whether nobody else has a vote.
fn is_alone(voters: &ConfState, own: u64) -> bool {
    voters.voters == [own] && voters.voters_outgoing.is_empty()
}

fn refused(why: Refusal) -> NodeError {
    match why {
        Refusal::NoLeader => NodeError::NoLeader,
        Refusal::HandingOver => NodeError::LeaderChanged,
        Refusal::TooMany => NodeError::TooManyRequests,
        Refusal::ChangeUnderWay => NodeError::Member(crate::cluster::store::member::MemberError::Unhealthy),
        Refusal::NoSuccessor | Refusal::LastVoter => {
            NodeError::Member(crate::cluster::store::member::MemberError::NotEnoughStarted)
        }
    }
}

/// The longest that a request may wait: etcd's five seconds and two elections.
pub fn patience(tick: Duration, election_ticks: u32) -> Duration {
    Duration::from_secs(5) + tick * election_ticks * 2
}
