//! What a replica hears.

use bytes::Bytes;

use super::wire;
use super::{MemberId, ProposalId, ReadId, Reconfiguration};

/// Something happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A tick of the clock, 100 ms by default. A process that was stopped makes one tick for all that it missed.
    Tick,
    /// A peer says something. With [`wire::MessageType::Snap`]: the snapshot's body is here already.
    Message(wire::Message),
    /// A client wants this in the log.
    Propose {
        /// What [`super::Settings::identify`] finds in `data`.
        id: ProposalId,
        /// The entry's content.
        data: Bytes,
    },
    /// The members are to be others; answered under the change's id.
    Change(Reconfiguration),
    /// A client wants to read what was committed before now.
    Read(ReadId),
    /// The save of this number, and all before it, is on disk.
    Persisted {
        /// See [`super::Save::number`].
        number: u64,
    },
    /// A snapshot is wanted whether or not one is due.
    SnapshotNow,
    /// The snapshot that [`super::Output::SnapshotDue`] asked for is on disk.
    SnapshotMade {
        /// As it was asked for.
        metadata: wire::SnapshotMetadata,
        /// What a lagging member is sent: a name of the snapshot rather than its content.
        data: Bytes,
        /// Its size in bytes: the next one is not due before the log has grown by as much.
        size: u64,
    },
    /// The snapshot that was asked for could not be made; it will be asked for again.
    SnapshotFailed,
    /// How sending a snapshot ended. Each one that is sent must be reported, else its receiver gets nothing more.
    SnapshotSent {
        /// The receiver.
        to: MemberId,
        /// It has it.
        arrived: bool,
    },
    /// Leadership is to go to this voter. Best tried again if no [`super::Output::Leader`] follows.
    Transfer {
        /// The leader to be.
        to: MemberId,
    },
    /// What was sent last to this member is probably lost.
    Unreachable(MemberId),
    /// A save takes longer than a leader's may. Over with the next [`Input::Persisted`].
    DiskStalled,
}
