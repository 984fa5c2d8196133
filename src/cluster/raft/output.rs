//! What a replica wants done.

use super::wire;
use super::{MemberId, ProposalId, ReadId};

/// Something to do. The order counts, and all of it is done (a save: begun) before the next input.
#[derive(Clone, Debug)]
pub enum Output {
    /// Write this behind what was written before; report [`super::Input::Persisted`] when it is on disk.
    Persist(Save),
    /// Send this to `message.to`, at once. It may be lost, delayed, overtaken or doubled. With
    /// [`wire::MessageType::Snap`]: the snapshot's body goes first, and [`super::Input::SnapshotSent`] is owed.
    Send(wire::Message),
    /// Carry these out on the state machine.
    Apply(Vec<Committed>),
    /// Replace the state machine by this snapshot, which is on disk.
    Install(wire::Snapshot),
    /// Make a snapshot of the state machine as it is now; answered by `SnapshotMade` or `SnapshotFailed`. A newer one
    /// may be installed meanwhile; a start is from the newest of the log's marks, not from the last.
    SnapshotDue(wire::SnapshotMetadata),
    /// The state machine is new enough for this read.
    ReadReady {
        /// Whose.
        id: ReadId,
        /// What it is at least new enough for.
        index: u64,
    },
    /// Nobody could say in time whether the state machine is new enough.
    ReadFailed(ReadId),
    /// Who leads from now on.
    Leader {
        /// Nobody, as far as is known, if `None`.
        leader: Option<MemberId>,
        /// In this term.
        term: u64,
    },
    /// Who the members are from now on.
    Members(wire::ConfState),
    /// The proposal was not made. Nothing will come of it.
    Refused {
        /// Which.
        id: ProposalId,
        /// Why.
        why: Refusal,
    },
    /// A change of leader lost the proposal. Nothing will come of it.
    Dropped(ProposalId),
    /// Nobody knows what became of the proposal: it may be applied, now or later.
    Unsettled(ProposalId),
    /// This member must not go on.
    Broken(Broken),
}

/// What must be on disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Save {
    /// Grows with every save.
    pub number: u64,
    /// The new hard state, written behind the entries.
    pub hard_state: Option<wire::HardState>,
    /// They replace what was written from the first one's index on.
    pub entries: Vec<wire::Entry>,
    /// It replaces all that was written; written before the entries, and see [`Save::behind_snapshot`].
    pub snapshot: Option<wire::Snapshot>,
    /// If false, it need not be synced: to have been handed to the kernel is enough.
    pub must_sync: bool,
}

impl Save {
    /// A hard state to be written between snapshot and entries. A snapshot is in force once it is known to be
    /// committed; entries behind one that is not, as a torn write may leave them, would be a gap.
    pub fn behind_snapshot(&self) -> Option<wire::HardState> {
        let commit = self.snapshot.as_ref()?.metadata.index;
        self.hard_state.map(|state| wire::HardState { commit, ..state })
    }
}

/// An entry that will never change.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// The entry. Empty ones and changes of members are among them.
    pub entry: wire::Entry,
    /// A proposal that waits here for its answer.
    pub proposal: Option<ProposalId>,
}

/// Why a proposal was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody leads.
    #[error("no leader")]
    NoLeader,
    /// Leadership is being handed over.
    #[error("leadership is being handed over")]
    HandingOver,
    /// Too much waits already.
    #[error("too many requests")]
    TooMany,
    /// Another change of members is not through yet.
    #[error("another change of members is under way")]
    ChangeUnderWay,
    /// The leader was to go, and could not hand over.
    #[error("the leader could not hand over leadership")]
    NoSuccessor,
    /// It would leave nobody to vote.
    #[error("the last voter cannot go")]
    LastVoter,
}

/// Why a member must not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It has confirmed what it does not have: its disk lost it, or it is another's.
    #[error("entries up to {committed} were confirmed by this member, but its log ends at {last}")]
    LogLost {
        /// What the leader holds for confirmed.
        committed: u64,
        /// The last entry here.
        last: u64,
    },
}
