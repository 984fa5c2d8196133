//! One member's part in the consensus: takes inputs, asks its parts what is to be done.

use raft::{Config, RawNode, ReadOnlyOption, SnapshotStatus, StateRole};

use super::changing::{Held, Leaving};
use super::forward::{Receiver, Sender};
use super::hearing::Hearing;
use super::log::{Log, LogError};
use super::lots::Lots;
use super::outbox::Outbox;
use super::proposals::Proposals;
use super::reading::Reads;
use super::{
    Broken, CatchUp, Input, MemberId, Output, ProposalId, Reconfiguration, Saved, Settings, SnapshotRule,
    convert, logger, wire,
};

/// Of the log in memory, a lone member keeps no more: the first to join a young cluster needs no snapshot.
const KEPT_ALONE_BYTES: u64 = 1 << 20;

/// Why a replica cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log cannot be right.
    #[error("cannot start member {0} from its log: {1}")]
    Log(MemberId, LogError),
    /// The `raft` crate refuses.
    #[error("cannot start member {0}: {1}")]
    Raft(MemberId, #[source] raft::Error),
}

/// A snapshot that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Snapshots {
    Idle,
    /// Asked for, whether or not it is due.
    Wanted,
    Making,
}

/// One member's part in the consensus. Give it inputs by [`Replica::step`], any number of them, then take what is to be
/// done from [`Replica::flush`], and do it in order before the next step. Nothing else is needed, and nothing is
/// retried for a client: a proposal ends in an `Apply` that names it, or in one `Refused`, `Dropped` or `Unsettled`.
pub struct Replica {
    pub(super) settings: Settings,
    pub(super) raw: RawNode<Log>,
    pub(super) lots: Lots,
    /// Ticks since the start.
    pub(super) now: u64,
    pub(super) outbox: Outbox,
    /// Wanted since the last round.
    pub(super) batch: Vec<(ProposalId, wire::Entry)>,
    pub(super) proposals: Proposals,
    pub(super) sender: Sender,
    pub(super) receiver: Receiver,
    /// Wanted since the last round.
    pub(super) changes: Vec<Reconfiguration>,
    pub(super) leaving: Option<Leaving>,
    pub(super) held: Option<Held>,
    pub(super) reads: Reads,
    pub(super) hearing: Hearing,
    /// The newest term of an entry that was applied.
    pub(super) applied_term: u64,
    snapshots: Snapshots,
    /// Of the last one, in bytes.
    snapshot_size: u64,
    disk_stalled: bool,
    /// What was last told of the leader.
    told: (Option<MemberId>, u64),
    /// The tick since which nobody leads.
    leaderless: Option<u64>,
    broken: Option<Broken>,
}

impl std::fmt::Debug for Replica {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replica").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Replica {
    /// A member as its disk knows it. Entries behind the snapshot that were committed are applied again.
    pub fn new(settings: Settings, saved: &Saved) -> Result<Self, StartError> {
        let id = settings.id;
        let log = Log::new(saved).map_err(|error| StartError::Log(id, error))?;
        let metadata = saved.snapshot.as_ref().map(|snapshot| &snapshot.metadata);
        let applied = metadata.map_or(0, |metadata| metadata.index);
        let config = Config {
            id: id.0,
            election_tick: settings.election_ticks as usize,
            heartbeat_tick: settings.heartbeat_ticks as usize,
            applied,
            max_size_per_msg: settings.message_bytes,
            max_inflight_msgs: settings.messages_in_flight,
            check_quorum: true,
            pre_vote: true,
            read_only_option: ReadOnlyOption::Safe,
            batch_append: true,
            max_uncommitted_size: settings.uncommitted_bytes,
            max_committed_size_per_ready: settings.apply_bytes,
            ..Config::default()
        };
        let mut raw =
            RawNode::new(&config, log, &logger::to_tracing()).map_err(|error| StartError::Raft(id, error))?;
        let mut lots = Lots::new(settings.boot ^ id.0.rotate_left(32), settings.election_ticks);
        lots.settle(&mut raw, true);
        let outbox = Outbox::new(raw.raft.term);
        Ok(Self {
            sender: Sender::new(id, settings.boot),
            applied_term: metadata.map_or(0, |metadata| metadata.term),
            settings,
            raw,
            lots,
            now: 0,
            outbox,
            batch: Vec::new(),
            proposals: Proposals::default(),
            receiver: Receiver::default(),
            changes: Vec::new(),
            leaving: None,
            held: None,
            reads: Reads::default(),
            hearing: Hearing::default(),
            snapshots: Snapshots::Idle,
            snapshot_size: 0,
            disk_stalled: false,
            told: (None, 0),
            leaderless: Some(0),
            broken: None,
        })
    }

    /// Takes one input. Most of what follows from it is told by the next [`Replica::flush`].
    pub fn step(&mut self, input: Input, out: &mut Vec<Output>) {
        if self.broken.is_some() {
            return;
        }
        match input {
            Input::Tick => self.tick(out),
            Input::Message(message) => self.hear(message, out),
            Input::Propose { id, data } => self.propose(id, data, out),
            Input::Change(change) => self.changes.push(change),
            Input::Read(id) => self.read(id, out),
            Input::Persisted { number } => {
                self.disk_stalled = false;
                self.persisted(number, out);
            }
            Input::SnapshotNow if self.snapshots == Snapshots::Idle => self.snapshots = Snapshots::Wanted,
            Input::SnapshotNow => {}
            Input::SnapshotMade { metadata, data, size } => {
                self.snapshots = Snapshots::Idle;
                self.snapshot_size = size;
                let snapshot = convert::snapshot_to_raft(&wire::Snapshot { data, metadata });
                let keep = self.kept();
                self.raw.mut_store().compact(snapshot, keep);
            }
            Input::SnapshotFailed => self.snapshots = Snapshots::Idle,
            Input::SnapshotSent { to, arrived } => {
                let status = if arrived { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
                self.raw.report_snapshot(to.0, status);
            }
            Input::Transfer { to } => self.raw.transfer_leader(to.0),
            Input::Unreachable(peer) => self.raw.report_unreachable(peer.0),
            Input::DiskStalled => {
                self.disk_stalled = true;
                self.give_way();
            }
        }
        self.lots.settle(&mut self.raw, false);
    }

    /// What is to be done now.
    pub fn flush(&mut self, out: &mut Vec<Output>) {
        if self.broken.is_some() {
            return;
        }
        self.propose_changes(out);
        self.propose_batch(out);
        self.ask(out);
        self.drain(out);
        // Entries that were just committed in a new leader's term let it answer what it could not before.
        self.ask(out);
        self.drain(out);
        self.serve_reads(out);
        self.tell_leader(out);
        self.trim();
        self.snapshot_if_due(out);
    }

    fn tick(&mut self, out: &mut Vec<Output>) {
        self.now += 1;
        let elapsed = self.raw.raft.election_elapsed;
        if self.may_stand() {
            self.raw.tick();
        }
        let raft = &self.raw.raft;
        let stood = raft.state != StateRole::Leader && elapsed > 0 && raft.election_elapsed == 0;
        self.lots.settle(&mut self.raw, stood);
        out.extend(self.proposals.overdue(self.now).into_iter().map(Output::Unsettled));
        self.give_way();
        if self.leader().is_some() {
            self.leaderless = None;
            return;
        }
        let since = *self.leaderless.get_or_insert(self.now);
        if self.now - since >= u64::from(self.settings.election_ticks) {
            out.extend(self.proposals.take_all().into_iter().map(Output::Unsettled));
        }
    }

    /// The `raft` crate takes it for granted that a lone voter, which leads as soon as it stands, has all its entries on
    /// disk; and that a snapshot is applied, as the entries before it are gone. Either is soon the case.
    fn may_stand(&self) -> bool {
        let raft = &self.raw.raft;
        let saved = self.outbox.is_empty() && raft.raft_log.persisted == raft.raft_log.last_index();
        let enough = !raft.prs().is_singleton() || saved;
        raft.state == StateRole::Leader || (enough && !self.outbox.has_snapshot())
    }

    /// A leader whose disk stalls hinders all; it tries to hand over until its disk goes on.
    fn give_way(&mut self) {
        if self.disk_stalled && self.raw.raft.state == StateRole::Leader {
            self.hand_over();
        }
    }

    fn hear(&mut self, message: wire::Message, out: &mut Vec<Output>) {
        let kind = message.r#type();
        if self.raw.raft.prs().get(message.from).is_some() {
            self.hearing.heard(&message, self.raw.raft.term, self.now);
        }
        if kind == wire::MessageType::Prop {
            return self.take_forwarded(message);
        }
        let last = self.raw.raft.raft_log.last_index();
        if kind == wire::MessageType::Heartbeat && message.commit > last && message.term >= self.raw.raft.term
        {
            let broken = Broken::LogLost { committed: message.commit, last };
            self.broken = Some(broken);
            return out.push(Output::Broken(broken));
        }
        let beyond = kind == wire::MessageType::AppResp && !message.reject && message.index > last;
        let too_soon = kind == wire::MessageType::TimeoutNow && (self.disk_stalled || !self.may_stand());
        if beyond || too_soon || !self.answers(&message) {
            return;
        }
        match convert::message_to_raft(&message) {
            Ok(message) => {
                // Refused: a response from who is no member any more.
                let _ = self.raw.step(message);
            }
            Err(error) => {
                tracing::warn!(from = %MemberId(message.from), %error, "a peer's message is ignored")
            }
        }
    }

    fn tell_leader(&mut self, out: &mut Vec<Output>) {
        let now = (self.leader(), self.raw.raft.term);
        if now != self.told {
            self.told = now;
            if self.raw.raft.state == StateRole::Leader {
                self.hearing.lead(self.now);
            }
            out.push(Output::Leader { leader: now.0, term: now.1 });
        }
    }

    /// Forgets entries that this member has applied and nobody who answers will ask for.
    fn trim(&mut self) {
        let mut up_to = self.raw.raft.raft_log.applied;
        if self.raw.raft.state == StateRole::Leader {
            let own = self.raw.raft.id;
            let others = self.raw.raft.prs().iter().filter(|(id, peer)| **id != own && peer.recent_active);
            let needed = others.map(|(_, peer)| peer.matched.max(peer.pending_snapshot)).min();
            up_to = up_to.min(needed.unwrap_or(up_to));
        }
        let keep = self.kept();
        self.raw.mut_store().trim(up_to, keep);
    }

    /// What is kept of the log in memory for those who come back: little where there is nobody else yet.
    fn kept(&self) -> CatchUp {
        let CatchUp { entries, bytes } = self.settings.catch_up;
        let own = self.raw.raft.id;
        let alone = self.raw.raft.prs().iter().all(|(id, _)| *id == own);
        CatchUp { entries, bytes: if alone { bytes.min(KEPT_ALONE_BYTES) } else { bytes } }
    }

    fn snapshot_if_due(&mut self, out: &mut Vec<Output>) {
        let log = self.raw.store();
        let index = self.raw.raft.raft_log.applied;
        let grown = index.saturating_sub(log.snapshot_index());
        let due = match self.settings.snapshot {
            SnapshotRule::Bytes(bytes) => log.new_bytes() >= bytes.max(self.snapshot_size),
            SnapshotRule::Entries(entries) => grown >= entries,
        };
        let wanted = self.snapshots == Snapshots::Wanted || log.wants_snapshot();
        // Also between two electorates: who is needed to get on may need it.
        if self.snapshots == Snapshots::Making || grown == 0 || !(due || wanted) {
            return;
        }
        let Ok(term) = self.raw.raft.raft_log.term(index) else { return };
        self.snapshots = Snapshots::Making;
        out.push(Output::SnapshotDue(wire::SnapshotMetadata { conf_state: self.members(), index, term }));
    }
}
