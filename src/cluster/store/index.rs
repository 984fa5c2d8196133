//! Which versions each key has.

use std::collections::BTreeMap;

use super::id::Revision;
use super::key::KeyRange;
use super::record::{ByKey, Record};

/// The keys in order, with their versions. A key's oldest kept version is also the map's key, so most keys (those with
/// one version) cost three words here.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: BTreeMap<ByKey, Option<Box<Newer>>>,
}

/// All versions of a key but the oldest kept, oldest first.
#[derive(Debug)]
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

    /// Adds a key's newest version.
    pub(super) fn push(&mut self, record: &Record) {
        match self.keys.get_mut(record.key()) {
            None => {
                self.keys.insert(ByKey(record.clone()), None);
            }
            Some(Some(newer)) => newer.versions.push(record.clone()),
            Some(none) => *none = Some(Box::new(Newer { versions: vec![record.clone()] })),
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
