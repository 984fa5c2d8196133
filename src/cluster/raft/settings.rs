//! Who a replica is, how patient, and every bound.

use std::fmt;

use bytes::Bytes;

use super::{CatchUp, MemberId, ProposalId};

/// When a snapshot is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotRule {
    /// When the log has grown since the last one by so many bytes, and by no less than that one's size.
    Bytes(u64),
    /// When it has grown by so many entries.
    Entries(u64),
}

/// How a replica behaves.
#[derive(Clone)]
pub struct Settings {
    /// Who it is.
    pub id: MemberId,
    /// Random, and another at each start: it tells this life's questions from those of earlier ones, and draws the
    /// election timeouts.
    pub boot: u64,
    /// Ticks without a leader after which an election begins; at most twice as many.
    pub election_ticks: u32,
    /// Ticks between two heartbeats.
    pub heartbeat_ticks: u32,
    /// Ticks after which an unanswered read is asked for again.
    pub read_again_ticks: u64,
    /// Ticks after which a proposal or a read is given up.
    pub patience_ticks: u64,
    /// Bytes of entries in one message; a longer entry goes alone.
    pub message_bytes: u64,
    /// Messages on their way to one member.
    pub messages_in_flight: usize,
    /// Bytes of entries in one [`super::Output::Apply`]; a longer entry goes alone.
    pub apply_bytes: u64,
    /// Bytes of entries that a leader takes before the first of them is committed.
    pub uncommitted_bytes: u64,
    /// Own proposals that may wait at a time.
    pub proposals: usize,
    /// Own reads that may wait at a time.
    pub reads: usize,
    /// When a snapshot is due.
    pub snapshot: SnapshotRule,
    /// What is kept behind a snapshot.
    pub catch_up: CatchUp,
    /// Reads a proposal's id out of an entry's content.
    pub identify: fn(&Bytes) -> Option<ProposalId>,
}

impl Settings {
    /// The defaults: etcd's ticks, and bounds that were chosen for a mesh of thousands.
    pub fn new(id: MemberId, boot: u64, identify: fn(&Bytes) -> Option<ProposalId>) -> Self {
        Self {
            id,
            boot,
            election_ticks: 10,
            heartbeat_ticks: 1,
            read_again_ticks: 5,
            patience_ticks: 70,
            message_bytes: 1 << 20,
            messages_in_flight: 512,
            apply_bytes: 4 << 20,
            uncommitted_bytes: 128 << 20,
            proposals: 16_384,
            reads: 16_384,
            snapshot: SnapshotRule::Bytes(256 << 20),
            catch_up: CatchUp { entries: 5_000, bytes: 64 << 20 },
            identify,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("id", &self.id).field("boot", &self.boot).finish_non_exhaustive()
    }
}
