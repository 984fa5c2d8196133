//! Puts and deletes.

use super::Store;
use super::error::StoreError;
use super::id::{LeaseId, Mark, Revision};
use super::key::KeyRange;
use super::record::{Content, Record};
use super::reply::{DeleteReply, PutReply};
use super::request::{Delete, Put};

/// The revision that a change writes: taken at its first write.
pub(super) struct Writing {
    next: Mark,
}

impl Writing {
    /// After what is current.
    pub(super) fn after(revision: Revision) -> Self {
        Self { next: Mark { main: Revision(revision.0 + 1), sub: 0 } }
    }
}

impl Store {
    /// Refuses a put that cannot be done.
    pub(super) fn check_put(&self, put: &Put) -> Result<(), StoreError> {
        self.leases.check(put.lease.unwrap_or_default())?;
        self.check_kept(put)
    }

    /// Refuses a put that keeps value or lease of a key that is not there.
    pub(super) fn check_kept(&self, put: &Put) -> Result<(), StoreError> {
        let keeps = put.value.is_none() || put.lease.is_none();
        if keeps && self.current(&put.key).is_none() { Err(StoreError::KeyNotFound) } else { Ok(()) }
    }

    /// What a key is now.
    pub(super) fn current(&self, key: &[u8]) -> Option<&Record> {
        self.index.get(key).and_then(|versions| versions.at(self.revision))
    }

    /// Does a checked put.
    pub(super) fn put(&mut self, writing: &mut Writing, put: &Put) -> PutReply {
        let mark = self.mark(writing);
        // Borrowed from the index alone, as the room for the new record is the store's too.
        let old = self.index.get(&put.key).and_then(|versions| versions.at(mark.main)).cloned();
        let before = old.as_ref().map(Record::content);
        let old_lease = before.as_ref().map_or(LeaseId(0), |before| before.lease);
        let content = Content {
            mark,
            created: before.as_ref().map_or(mark.main, |before| before.created),
            version: before.as_ref().map_or(1, |before| before.version + 1),
            lease: put.lease.unwrap_or(old_lease),
            value: put.value.as_deref().or(before.as_ref().map(|before| before.value)).unwrap_or_default(),
        };
        let record = Record::written(&mut self.scratch, &put.key, &content);
        let before = self.index.push(&record);
        self.hang(&record, before);
        self.log.append(mark, record);
        PutReply { previous: old.filter(|_| put.previous).map(|old| old.to_kv(true)) }
    }

    /// Deletes what is there of a range.
    pub(super) fn delete(&mut self, writing: &mut Writing, delete: &Delete) -> DeleteReply {
        let now = self.revision;
        let found: Vec<Record> = match &delete.range {
            KeyRange::One(key) => self.current(key).cloned().into_iter().collect(),
            range => self.index.range(range).filter_map(|versions| versions.at(now).cloned()).collect(),
        };
        for record in &found {
            self.delete_one(writing, record.key());
        }
        let deleted = found.len();
        let previous =
            if delete.previous { found.iter().map(|old| old.to_kv(true)).collect() } else { Vec::new() };
        DeleteReply { deleted, previous }
    }

    /// Deletes a key that is there.
    pub(super) fn delete_one(&mut self, writing: &mut Writing, key: &[u8]) {
        if self.current(key).is_none() {
            return;
        }
        let mark = self.mark(writing);
        let record = Record::tombstone(&mut self.scratch, key, mark);
        let before = self.index.push(&record);
        self.hang(&record, before);
        self.log.append(mark, record);
    }

    /// Hangs a key's newest version on its lease, and takes the one before from its own.
    pub(super) fn hang(&mut self, record: &Record, before: LeaseId) {
        let lease = record.lease();
        if before != LeaseId(0) && before != lease {
            self.leases.detach(before, record.key());
        }
        if lease != LeaseId(0) {
            self.leases.attach(record);
        }
    }

    /// The place of the next write; the first makes the revision current.
    fn mark(&mut self, writing: &mut Writing) -> Mark {
        let mark = writing.next;
        writing.next.sub += 1;
        self.revision = mark.main;
        mark
    }
}
