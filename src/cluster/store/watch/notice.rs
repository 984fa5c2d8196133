//! What a stream is told.

use std::sync::Arc;

use super::super::Store;
use super::super::id::{Revision, WatchId};
use super::super::record::Record;
use super::super::reply::KeyValue;
use super::Wanted;

/// What a stream is told, in order. `revision` is the store's at that time: what the answer's header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A watch is there.
    Created {
        /// Which.
        watch: WatchId,
        /// The store's revision.
        revision: Revision,
    },
    /// A watch could not be made; the stream goes on.
    Refused {
        /// Why.
        reason: Refusal,
        /// The store's revision.
        revision: Revision,
    },
    /// Something happened: all that a watch is to know of one or more whole revisions.
    Events {
        /// For which watch.
        watch: WatchId,
        /// The store's revision.
        revision: Revision,
        /// What happened, in order; shared by all watches that are told the same.
        events: Arc<[Event]>,
    },
    /// A watch has ended because the client wanted it to.
    Canceled {
        /// Which.
        watch: WatchId,
        /// The store's revision.
        revision: Revision,
    },
    /// A watch has ended because what it had to tell next is compacted. Its header has revision 0.
    Compacted {
        /// Which.
        watch: WatchId,
        /// The revision of the compaction.
        compacted: Revision,
    },
    /// Everything up to a revision has been told.
    Progress {
        /// By which watch; `None`: by all of the stream.
        watch: Option<WatchId>,
        /// Up to this revision.
        revision: Revision,
    },
}

/// Why a watch could not be made. The texts are etcd's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The stream has a watch of this number.
    #[error("mvcc: duplicate watch ID provided on the WatchStream")]
    DuplicateId,
    /// Its range holds nothing.
    #[error("mvcc: watcher range is empty")]
    EmptyRange,
    /// It starts before everything.
    #[error("etcdserver: mvcc: required revision has been compacted")]
    NegativeStart,
}

/// A key was written or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which of the two.
    pub kind: EventKind,
    /// What was written; of a deleted key, only key and revision.
    pub kv: KeyValue,
    /// What was there before, when that is wanted, was there and is still kept.
    pub previous: Option<KeyValue>,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// It was written.
    Put,
    /// It was deleted.
    Delete,
}

impl Event {
    pub(super) fn of(store: &Store, record: &Record, previous: bool) -> Self {
        let kind = if record.is_tombstone() { EventKind::Delete } else { EventKind::Put };
        let previous = if previous { store.before(record) } else { None };
        Self { kind, kv: record.to_kv(true), previous }
    }
}

impl Wanted {
    pub(super) fn wants(self, record: &Record) -> bool {
        if record.is_tombstone() { !self.no_delete } else { !self.no_put }
    }
}

impl Store {
    /// What a key was before one of its versions, unless that is compacted. A key that is made anew was nothing, even if
    /// the same transaction had deleted it.
    fn before(&self, record: &Record) -> Option<KeyValue> {
        if !record.is_tombstone() && record.content().version == 1 {
            return None;
        }
        let at = Revision(record.main().0 - 1);
        if at < self.compacted {
            return None;
        }
        self.index.get(record.key())?.at(at).map(|record| record.to_kv(true))
    }
}
