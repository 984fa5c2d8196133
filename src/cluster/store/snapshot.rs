//! The store at one moment, to be written out while changes go on.

use std::collections::HashMap;

use super::Store;
use super::auth::record::AuthRecord;
use super::facts::Facts;
use super::id::{LeaseId, Mark, Revision};
use super::log::Log;
use super::record::Record;
use super::reply::{Alarm, KeyValue};

/// The store at one moment. Taking it copies a pointer for each thousand versions, so it can be taken under a lock and
/// read elsewhere; meanwhile, it holds the memory of what is compacted.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The last entry of the consensus log that it holds.
    pub applied: u64,
    /// The revision.
    pub revision: Revision,
    /// What is compacted, all its work done; -1: nothing.
    pub compacted: Revision,
    /// Each lease, with how long it lives in seconds, as granted.
    pub leases: Vec<(LeaseId, i64)>,
    /// The alarms that are on.
    pub alarms: Vec<Alarm>,
    /// Users, roles, and whether that is on.
    pub auth: AuthRecord,
    /// What the members have told.
    pub facts: Facts,
    sweep: Option<Mark>,
    log: Log,
}

/// One version as etcd's backend keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its place in the log.
    pub mark: Mark,
    /// The key was deleted; then `kv` has nothing but the key.
    pub tombstone: bool,
    /// The key with its value and numbers.
    pub kv: KeyValue,
}

impl Store {
    /// The store as it is now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            applied: self.applied,
            revision: self.revision,
            compacted: self.compacted,
            leases: self.leases.all().collect(),
            alarms: self.alarms().collect(),
            auth: self.auth.to_record(),
            facts: self.facts.clone(),
            sweep: self.sweep,
            log: self.log.clone(),
        }
    }
}

impl Snapshot {
    /// All versions that are kept, in the order of the log.
    pub fn versions(&self) -> impl Iterator<Item = Saved> {
        self.kept().map(|(mark, record)| {
            let tombstone = record.is_tombstone();
            let mut kv = record.to_kv(true);
            if tombstone {
                kv.modified = Revision(0);
            }
            Saved { mark, tombstone, kv }
        })
    }

    /// About how many versions there are: those that a compaction has not got to are counted.
    pub fn len(&self) -> usize {
        self.log.versions()
    }

    /// Whether nothing was ever written, or everything is forgotten.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes the versions take.
    pub fn bytes(&self) -> usize {
        self.log.bytes()
    }

    /// All versions that are kept. A compaction whose work is not yet done is done here by leaving out what it will
    /// forget.
    pub(super) fn kept(&self) -> impl Iterator<Item = (Mark, &Record)> {
        let compacted = self.compacted;
        let mut last: HashMap<&[u8], Mark> = HashMap::new();
        if let Some(sweep) = self.sweep {
            let pending = self.log.from(sweep).take_while(|(mark, _)| mark.main <= compacted);
            last.extend(pending.map(|(mark, record)| (record.key(), mark)));
        }
        self.log.from(Mark::default()).filter(move |(mark, record)| {
            mark.main > compacted
                || last.is_empty()
                || last
                    .get(record.key())
                    .is_none_or(|last| last == mark && (!record.is_tombstone() || mark.main == compacted))
        })
    }
}
