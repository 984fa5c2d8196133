//! A store from what was saved of one.

use super::Store;
use super::auth::Auth;
use super::auth::record::AuthRecord;
use super::facts::Facts;
use super::id::{LeaseId, Mark, Revision};
use super::index::Index;
use super::record::{Content, Record};
use super::reply::Alarm;
use super::snapshot::Saved;

/// Builds a store from what was saved: versions come in the order of the log.
#[derive(Debug, Default)]
pub struct Restore {
    store: Store,
    last: Option<Mark>,
}

/// Why what was saved makes no store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A version stands behind a later one.
    #[error("version {found} follows {last}: versions must be in order")]
    OutOfOrder {
        /// The version.
        found: Mark,
        /// The one before.
        last: Mark,
    },
    /// The same lease twice, or one without a number.
    #[error("lease {0} cannot be granted again")]
    Lease(LeaseId),
    /// A version without a key.
    #[error("version {0} has no key")]
    NoKey(Mark),
}

impl Restore {
    /// Of nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a lease.
    pub fn lease(&mut self, id: LeaseId, ttl_s: i64) -> Result<(), RestoreError> {
        self.store.leases.grant(id, ttl_s).map_err(|_| RestoreError::Lease(id))
    }

    /// Adds an alarm.
    pub fn alarm(&mut self, alarm: Alarm) {
        self.store.alarms.insert(alarm);
    }

    /// Adds who may do what.
    pub fn auth(&mut self, auth: AuthRecord) {
        self.store.auth = Auth::from_record(auth);
    }

    /// Adds what the members have told.
    pub fn facts(&mut self, facts: Facts) {
        self.store.facts = facts;
    }

    /// Adds the next version.
    pub fn version(&mut self, saved: &Saved) -> Result<(), RestoreError> {
        let mark = saved.mark;
        if let Some(last) = self.last.filter(|last| *last >= mark) {
            return Err(RestoreError::OutOfOrder { found: mark, last });
        }
        if saved.kv.key.is_empty() {
            return Err(RestoreError::NoKey(mark));
        }
        self.last = Some(mark);
        let store = &mut self.store;
        let record = if saved.tombstone {
            Record::tombstone(&mut store.scratch, &saved.kv.key, mark)
        } else {
            let kv = &saved.kv;
            let content =
                Content { mark, created: kv.created, version: kv.version, lease: kv.lease, value: &kv.value };
            Record::written(&mut store.scratch, &kv.key, &content)
        };
        store.log.append(mark, record);
        Ok(())
    }

    /// The store. `compacted` is the revision of the last compaction, whether or not its work was done (-1: none);
    /// `applied` the last entry of the consensus log that is in it.
    pub fn finish(self, compacted: Revision, applied: u64) -> Store {
        let mut store = self.store;
        store.index = Index::of(&store.log);
        for record in store.index.newest() {
            store.leases.attach(record);
        }
        let newest = self.last.map_or(Revision(1), |last| last.main);
        store.revision = newest.max(compacted).max(Revision(1));
        store.compacted = compacted;
        // What was saved by others may still hold what their compaction had not got to.
        store.sweep = (compacted > Revision(0)).then(Mark::default);
        store.applied = applied;
        store
    }
}
