//! A digest of the history, to tell whether replicas hold the same.

use std::collections::HashMap;

use crc32c::{crc32c, crc32c_append};

use super::Store;
use super::error::StoreError;
use super::id::{Mark, Revision};
use super::record::{Record, put_number};
use super::snapshot::Snapshot;

/// A digest of the history, comparable between replicas that have compacted at the same revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKv {
    /// The digest, etcd's: crc32c over the bucket's name and over all versions that are kept, as its backend has them.
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
        let mut hash = crc32c(b"key");
        let mut scratch = Vec::new();
        let superseded = self.newer(revision);
        let lives = |record: &Record| !record.is_tombstone() && !superseded.contains_key(record.key());
        let older = |mark: Mark| mark.main <= self.compacted;
        // As in etcd: of what is as old as the compaction, only what is still there at the revision counts; but all
        // of it, except deletions, when nothing is there.
        let anything = superseded.values().any(|there| *there)
            || self.kept().take_while(|(mark, _)| older(*mark)).any(|(_, record)| lives(record));
        for (mark, record) in self.kept().take_while(|(mark, _)| mark.main <= revision) {
            if older(mark) && (record.is_tombstone() || anything && !lives(record)) {
                continue;
            }
            hash = crc32c_append(hash, &mark.main.0.to_be_bytes());
            hash = crc32c_append(hash, b"_");
            hash = crc32c_append(hash, &u64::from(mark.sub).to_be_bytes());
            if record.is_tombstone() {
                hash = crc32c_append(hash, b"t");
            }
            as_in_backend(&mut scratch, record);
            hash = crc32c_append(hash, &scratch);
        }
        Ok(HashKv { hash, revision, compacted: self.compacted })
    }

    /// The keys that were written after the compaction and up to a revision: whether they are there at that revision.
    fn newer(&self, revision: Revision) -> HashMap<&[u8], bool> {
        let within = |mark: Mark| mark.main > self.compacted && mark.main <= revision;
        let written = self.kept().filter(|(mark, _)| within(*mark));
        written.map(|(_, record)| (record.key(), !record.is_tombstone())).collect()
    }
}

/// A version as etcd's backend has it: the message `mvccpb.KeyValue`, without what is zero. Of a deletion, the key.
fn as_in_backend(to: &mut Vec<u8>, record: &Record) {
    to.clear();
    let content = record.content();
    bytes_field(to, 1, record.key());
    if record.is_tombstone() {
        return;
    }
    number_field(to, 2, content.created.0);
    number_field(to, 3, content.mark.main.0);
    number_field(to, 4, content.version);
    bytes_field(to, 5, content.value);
    number_field(to, 6, content.lease.0);
}

/// A field of varying length: its tag, with the wire type 2, the length, and the bytes.
fn bytes_field(to: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        to.push(tag << 3 | 2);
        put_number(to, bytes.len() as u64);
        to.extend_from_slice(bytes);
    }
}

/// A number's field: its tag, with the wire type 0, and the number.
fn number_field(to: &mut Vec<u8>, tag: u8, value: i64) {
    if value != 0 {
        to.push(tag << 3);
        put_number(to, value as u64);
    }
}
