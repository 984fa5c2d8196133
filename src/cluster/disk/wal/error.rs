//! Why the log cannot be read or written.

use std::io;
use std::path::{Path, PathBuf};

use super::decoder::Fault;
use super::name::SegmentName;
use crate::cluster::disk::durable::DirLockError;
use crate::cluster::raft::wire::WalMetadata;

/// What no crash does to a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Damage {
    #[error("the record is not as it was written: {0}")]
    Frame(Fault),
    #[error("bytes were zeroed, records follow them")]
    Zeroed,
    #[error("the segment begins with something else than its checksum and metadata")]
    NoHeader,
    #[error("the segment belongs to another log")]
    OtherMetadata,
    #[error("a record of the unknown kind {0}")]
    UnknownKind(u64),
    #[error("a record that cannot be decoded")]
    Undecodable(#[from] prost::DecodeError),
    #[error("entry {found} where at most {expected} can follow")]
    Gap { expected: u64, found: u64 },
    #[error("the segment is larger than any can be")]
    Oversized,
}

/// Why the log cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum WalError {
    #[error(transparent)]
    Dir(#[from] DirLockError),
    #[error("there is a log already in {dir:?}")]
    Exists { dir: PathBuf },
    #[error("there is no log in {dir:?}")]
    Absent { dir: PathBuf },
    #[error("the log in {dir:?} has no segment {sequence}, but later ones")]
    SegmentMissing { dir: PathBuf, sequence: u64 },
    #[error("the log in {dir:?} begins with {first}, after the snapshot of entry {index}")]
    Released { dir: PathBuf, first: SegmentName, index: u64 },
    #[error("the log in {dir:?} does not know the snapshot of entry {index} in term {term}")]
    MarkMissing { dir: PathBuf, index: u64, term: u64 },
    #[error("the log in {dir:?} has a snapshot of entry {index} in term {found}, not in term {term}")]
    MarkMismatch { dir: PathBuf, index: u64, term: u64, found: u64 },
    #[error("the log is that of member {:x} in cluster {:x}, not of member {:x} in cluster {:x}",
        .found.node_id, .found.cluster_id, .expected.node_id, .expected.cluster_id)]
    Identity { expected: WalMetadata, found: WalMetadata },
    /// What was synced once is no longer there.
    #[error("the log is damaged: {path:?}, byte {offset}: {damage}")]
    Damaged { path: PathBuf, offset: u64, damage: Damage },
    /// No room. The log is as before the call, which may be repeated.
    #[error("the disk is full: cannot {operation} {path:?}")]
    Full { operation: &'static str, path: PathBuf, source: io::Error },
    /// Fatal: what was written may be lost, and a second try would not tell.
    #[error("cannot sync {path:?}")]
    Sync { path: PathBuf, source: io::Error },
    /// A sync failed before, or what was half written could not be taken back.
    #[error("the log in {dir:?} is not written to any more: an earlier write or sync failed")]
    Closed { dir: PathBuf },
    #[error("cannot {operation} {path:?}")]
    File { operation: &'static str, path: PathBuf, source: io::Error },
}

impl WalError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Damaged { damage: Damage::UnknownKind(_), .. } => {
                "a newer version may have written it: run that one; if none has, the disk has damaged it"
            }
            Self::Absent { .. } => {
                "something else is there: name this member's data directory, or one that does not exist yet"
            }
            Self::Damaged { .. } | Self::SegmentMissing { .. } => {
                "what was promised is gone from this disk, so look at it; then remove the member from its cluster, empty its \
                 data directory and add it again, or restore a snapshot when it is the only one"
            }
            Self::Dir(DirLockError::InUse { .. }) => "stop that process, or name another data directory",
            Self::Identity { .. } => "name the data directory of this member, or an empty one",
            Self::Full { .. } => "make room; the log goes on by itself",
            Self::Sync { .. } | Self::Closed { .. } => "look at the disk, then start again",
            Self::MarkMissing { .. } | Self::MarkMismatch { .. } | Self::Released { .. } => {
                "log and snapshot are not of the same data directory"
            }
            _ => return None,
        })
    }

    /// A failed call as what it means: some mean that there is no room.
    pub(super) fn file(operation: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { operation, path, source }
            }
            _ => Self::File { operation, path, source },
        }
    }
}
