//! A digest of the history, to tell whether replicas hold the same.

use crc32c::crc32c_append;

use super::Store;
use super::error::StoreError;
use super::id::Revision;
use super::snapshot::Snapshot;

/// A digest of the history, comparable between replicas that have compacted at the same revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKv {
    /// The digest: crc32c over places, keys, numbers and values of all versions that are kept.
    pub hash: u32,
    /// Up to and including this revision.
    pub revision: Revision,
    /// What is compacted; -1: nothing.
    pub compacted: Revision,
}

impl Store {
    /// The digest of the history up to a revision; `None`: up to the current one. Reads all of it: for a large store,
    /// better done on a [`snapshot`](Self::snapshot).
    pub fn hash_kv(&self, revision: Option<Revision>) -> Result<HashKv, StoreError> {
        self.check_revision(revision)?;
        self.snapshot().hash_kv(revision)
    }
}

impl Snapshot {
    /// The digest of the history up to a revision; `None`: up to the snapshot's.
    pub fn hash_kv(&self, revision: Option<Revision>) -> Result<HashKv, StoreError> {
        let revision = revision.unwrap_or(self.revision);
        if revision > self.revision {
            return Err(StoreError::FutureRevision);
        }
        if revision < self.compacted {
            return Err(StoreError::Compacted);
        }
        let mut hash = 0;
        for (mark, record) in self.kept().take_while(|(mark, _)| mark.main <= revision) {
            let content = record.content();
            hash = crc32c_append(hash, &mark.main.0.to_be_bytes());
            hash = crc32c_append(hash, &mark.sub.to_be_bytes());
            hash = crc32c_append(hash, &(record.key().len() as u64).to_be_bytes());
            hash = crc32c_append(hash, record.key());
            hash = crc32c_append(hash, &[u8::from(record.is_tombstone())]);
            hash = crc32c_append(hash, &content.created.0.to_be_bytes());
            hash = crc32c_append(hash, &content.version.to_be_bytes());
            hash = crc32c_append(hash, &content.lease.0.to_be_bytes());
            hash = crc32c_append(hash, content.value);
        }
        Ok(HashKv { hash, revision, compacted: self.compacted })
    }
}
