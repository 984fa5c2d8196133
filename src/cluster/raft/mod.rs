//! Consensus: which entries all members agree on, and the messages with which they do.
//!
//! [`Replica`] is one member's part of it: a state machine without clock, thread or I/O around the `raft` crate, whose
//! types stay behind this module. Inputs go in by [`Replica::step`]; [`Replica::flush`] says what is to be done now.
//!
//! | file | what |
//! |---|---|
//! | `wire` | the messages of etcd's Raft, as they are sent and written |
//! | `input`, `output` | what a replica hears, and what it wants done |
//! | `settings` | who it is, how patient, and every bound |
//! | `replica` | one member: takes inputs, asks its parts |
//! | `ready` | what Raft wants written, sent and applied, in the order that is safe |
//! | `outbox` | messages that wait for the disk |
//! | `proposing`, `proposals`, `forward` | proposals: made here, sent on to the leader, settled or dropped |
//! | `reconfiguration` | a change of members: as it is asked for, and as an entry of the log |
//! | `changing` | changes of members; a leader that goes hands over first |
//! | `hearing` | when each member was last heard of |
//! | `reading` | reads that wait to be proved fresh |
//! | `log` | the newest entries, in memory |
//! | `lots` | how long a member waits before it stands for election |
//! | `convert` | between `wire` and the `raft` crate, field by field |
//! | `logger` | the `raft` crate's log lines, as ours |
//!
//! What it never does: parse bytes with the `raft` crate's protobuf (RUSTSEC-2024-0437), propose anything twice, or
//! let a vote or an acknowledgement out before it is on disk.

mod changing;
mod convert;
mod forward;
mod hearing;
mod id;
mod input;
mod log;
mod logger;
mod lots;
mod outbox;
mod output;
mod proposals;
mod proposing;
mod reading;
mod ready;
mod reconfiguration;
mod replica;
mod settings;
mod status;
pub mod wire;

pub use id::{MemberId, ProposalId, ReadId};
pub use input::Input;
pub use log::{CatchUp, LogError, Saved};
pub use output::{Broken, Committed, Output, Refusal, Save};
pub use reconfiguration::{ReadError, Reconfiguration};
pub use replica::{Replica, StartError};
pub use settings::{Settings, SnapshotRule};
pub use status::{Progress, Role, Status};

#[cfg(test)]
mod tests;
