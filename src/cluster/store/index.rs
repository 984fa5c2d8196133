//! Which versions each key has.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::id::{LeaseId, Mark, Revision};
use super::key::KeyRange;
use super::log::Log;
use super::record::{ByKey, Record};

/// The keys in order, with their versions. A key's oldest kept version is also the map's key, so most keys (those with
/// one version) cost three words here.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: BTreeMap<ByKey, Option<Box<Newer>>>,
}

/// All versions of a key but the oldest kept, oldest first.
#[derive(Debug, Default)]
struct Newer {
    versions: Vec<Record>,
}

/// The kept versions of one key.
#[derive(Clone, Copy)]
pub(super) struct Versions<'a> {
    oldest: &'a Record,
    newer: &'a [Record],
}

impl Index {
    /// Of all versions of a log: much faster than one after the other, and it fills the map's nodes.
    pub(super) fn of(log: &Log) -> Self {
        let keys = in_order(log);
        let by_key = keys.chunk_by(|left, right| left.key() == right.key());
        let entry = |versions: &[&Record]| {
            let (oldest, newer) = versions.split_first()?;
            let newer: Vec<Record> = newer.iter().map(|record| (*record).clone()).collect();
            let newer = (!newer.is_empty()).then(|| Box::new(Newer { versions: newer }));
            Some((ByKey((*oldest).clone()), newer))
        };
        Self { keys: by_key.filter_map(entry).collect() }
    }

    /// The newest version of each key.
    pub(super) fn newest(&self) -> impl Iterator<Item = &Record> {
        self.keys.iter().map(|entry| Versions::of(entry).newest())
    }

    /// How many keys there are, deleted ones that are still kept too.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The versions of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<Versions<'_>> {
        self.keys.get_key_value(key).map(Versions::of)
    }

    /// The keys of a range, in order.
    pub(super) fn range<'a>(&'a self, range: &'a KeyRange) -> impl Iterator<Item = Versions<'a>> {
        // A map refuses bounds that hold nothing.
        let found = (!range.is_empty()).then(|| self.keys.range::<[u8], _>(range.bounds()));
        found.into_iter().flatten().map(Versions::of)
    }

    /// Adds a key's newest version; returns the lease of the one before.
    pub(super) fn push(&mut self, record: &Record) -> LeaseId {
        match self.keys.entry(ByKey(record.clone())) {
            Entry::Vacant(entry) => {
                entry.insert(None);
                LeaseId(0)
            }
            Entry::Occupied(mut entry) => {
                let oldest = entry.key().0.lease();
                let newer = entry.get_mut().get_or_insert_default();
                let before = newer.versions.last().map_or(oldest, Record::lease);
                newer.versions.push(record.clone());
                before
            }
        }
    }

    /// Forgets the versions of a key that nobody can see at `at` or later, and tells them. A deletion before `at` is
    /// one of them.
    pub(super) fn compact(&mut self, key: &[u8], at: Revision, forgotten: &mut Vec<Record>) {
        let Some((oldest, newer)) = self.keys.get_key_value(key) else { return };
        let versions = Versions::of((oldest, newer));
        let Some(seen) = versions.count_to(at).checked_sub(1) else { return };
        let gone = versions.nth(seen).is_some_and(|last| last.is_tombstone() && last.main() < at);
        let drop = seen + usize::from(gone);
        if drop == 0 {
            return;
        }
        let Some((ByKey(oldest), newer)) = self.keys.remove_entry(key) else { return };
        forgotten.push(oldest);
        let Some(mut newer) = newer else { return };
        forgotten.extend(newer.versions.drain(..drop - 1));
        if newer.versions.is_empty() {
            return;
        }
        let oldest = ByKey(newer.versions.remove(0));
        newer.versions.shrink_to(newer.versions.len() * 2);
        let newer = if newer.versions.is_empty() { None } else { Some(newer) };
        self.keys.insert(oldest, newer);
    }
}

/// The versions of a log by key, those of a key in their order. What sorts them lies side by side: a look at the keys
/// themselves would have to fetch each from elsewhere.
fn in_order(log: &Log) -> Vec<&Record> {
    let records = || log.from(Mark::default()).map(|(_, record)| record);
    let first = records().next().map_or(&[][..], Record::key);
    let alike = records().fold(first.len(), |alike, record| {
        let same = first[..alike].iter().zip(record.key()).take_while(|(left, right)| left == right);
        same.count()
    });
    let head = |record: &Record| {
        let mut head = [0; 16];
        let distinct = record.key().get(alike..).unwrap_or_default();
        let length = distinct.len().min(head.len());
        head[..length].copy_from_slice(&distinct[..length]);
        u128::from_be_bytes(head)
    };
    let mut heads: Vec<(u128, &Record)> = records().map(|record| (head(record), record)).collect();
    // Stable: versions of a key stay in their order.
    heads.sort_by(|(left, one), (right, other)| left.cmp(right).then_with(|| one.key().cmp(other.key())));
    heads.into_iter().map(|(_, record)| record).collect()
}

impl<'a> Versions<'a> {
    fn of((ByKey(oldest), newer): (&'a ByKey, &'a Option<Box<Newer>>)) -> Self {
        Self { oldest, newer: newer.as_ref().map_or(&[], |newer| &newer.versions) }
    }

    /// The newest, which may be a deletion.
    pub(super) fn newest(self) -> &'a Record {
        self.newer.last().unwrap_or(self.oldest)
    }

    /// What the key was at a revision; `None`: not there.
    pub(super) fn at(self, revision: Revision) -> Option<&'a Record> {
        // Most reads are of what is current.
        let newest = self.newest();
        let found = if newest.main() <= revision {
            Some(newest)
        } else {
            self.count_to(revision).checked_sub(1).and_then(|last| self.nth(last))
        };
        found.filter(|record| !record.is_tombstone())
    }

    /// How many versions are not newer than a revision.
    fn count_to(self, revision: Revision) -> usize {
        if self.oldest.main() > revision {
            return 0;
        }
        1 + self.newer.partition_point(|record| record.main() <= revision)
    }

    fn nth(self, nth: usize) -> Option<&'a Record> {
        nth.checked_sub(1).map_or(Some(self.oldest), |at| self.newer.get(at))
    }
}
