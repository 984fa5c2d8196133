//! The write-ahead log, in etcd's own format: files, frames and records as etcd 3.5 writes them.
//!
//! - Pure, over bytes: [`frame`], [`encoder`], [`decoder`], [`tear`] (a torn tail told from damage), [`replay`].
//! - Files: `segment`, `open`, `log`, through the small seam of [`device`].
//!
//! A log is a directory of segments, `SEQUENCE-INDEX.wal`. Each is reserved ahead, begins with the checksum of all before it
//! and the metadata, and is finished once it is above its size. The checksum goes on over segments, so none can be missing,
//! and no record in between.
//!
//! Writing and syncing are two calls, so that a writer can put several batches into one sync. Nobody is promised anything
//! before the sync; one that fails closes the log for good.

pub mod decoder;
pub mod device;
pub mod encoder;
mod error;
pub mod frame;
mod log;
mod name;
mod open;
pub mod replay;
mod segment;
pub mod tear;
#[cfg(test)]
mod tests;

pub use error::{Damage, WalError};
pub use log::Wal;
pub use name::SegmentName;
pub use open::{Cut, Options, Recovered, read_marks};

/// Names a snapshot in the log: by index and term.
pub type SnapshotMark = crate::cluster::raft::wire::WalSnapshot;

/// Whose log it is.
pub type Metadata = crate::cluster::raft::wire::WalMetadata;

/// What a segment is reserved with, and about where it is finished, in bytes: etcd's `SegmentSizeBytes`.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// What the writer leaves unsynced before it syncs unasked, in bytes; a single record may be larger.
pub const UNSYNCED: usize = 4 << 20;
