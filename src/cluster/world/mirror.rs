//! A stretch of the store's keys as they were last seen, and how it changes.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::cluster::store::id::Revision;

/// A key's value, and when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Bytes,
    /// The revision of its last write.
    pub written: Revision,
    /// The revision at which the key came into being.
    pub created: Revision,
}

/// What became of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Which.
    pub key: Bytes,
    /// What it holds now; `None`: it is gone.
    pub now: Option<Entry>,
}

/// Keys as they were at a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    entries: BTreeMap<Bytes, Entry>,
    revision: Revision,
}

impl Mirror {
    /// The keys, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, &Entry)> {
        self.entries.iter()
    }

    /// The revision that it shows.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// All keys were read anew: how they differ from what was known. What is older than what was seen already is not
    /// taken, unless it is of another `history`: a store that was made anew from an old state.
    pub fn replace(
        &mut self,
        entries: BTreeMap<Bytes, Entry>,
        revision: Revision,
        history: History,
    ) -> Vec<Changed> {
        if history == History::Same && revision < self.revision {
            return Vec::new();
        }
        let gone = self.entries.keys().filter(|key| !entries.contains_key(*key));
        let mut changes: Vec<Changed> = gone.map(|key| Changed { key: key.clone(), now: None }).collect();
        let differs = |(key, entry): &(&Bytes, &Entry)| self.entries.get(*key) != Some(entry);
        changes.extend(
            entries
                .iter()
                .filter(differs)
                .map(|(key, entry)| Changed { key: key.clone(), now: Some(entry.clone()) }),
        );
        self.entries = entries;
        self.revision = revision;
        changes
    }

    /// Keys have changed, up to a revision. Changes that were seen already are skipped.
    pub fn apply(&mut self, changes: Vec<(Revision, Changed)>, upto: Revision) -> Vec<Changed> {
        let seen = self.revision;
        let mut told = Vec::with_capacity(changes.len());
        for (revision, change) in changes {
            if revision <= seen {
                continue;
            }
            let differs = match &change.now {
                Some(entry) => self.entries.insert(change.key.clone(), entry.clone()).as_ref() != Some(entry),
                None => self.entries.remove(&change.key).is_some(),
            };
            if differs {
                told.push(change);
            }
        }
        self.revision = self.revision.max(upto);
        told
    }
}

/// Whether a store is the one that was read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// It is: its revisions only grow.
    Same,
    /// It has another cluster id: its revisions say nothing about those before.
    Another,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(value: &'static str, written: i64) -> Entry {
        Entry { value: value.into(), written: Revision(written), created: Revision(1) }
    }

    fn put(key: &'static str, value: &'static str, at: i64) -> (Revision, Changed) {
        (Revision(at), Changed { key: key.into(), now: Some(entry(value, at)) })
    }

    fn gone(key: &'static str) -> Changed {
        Changed { key: key.into(), now: None }
    }

    fn keys(of: &[(&'static str, &'static str, i64)]) -> BTreeMap<Bytes, Entry> {
        of.iter().map(|(key, value, at)| (Bytes::from(*key), entry(value, *at))).collect()
    }

    #[test]
    fn reading_anew_tells_only_what_differs() {
        let mut mirror = Mirror::default();
        let first = mirror.replace(keys(&[("a", "1", 2), ("b", "1", 3)]), Revision(3), History::Same);
        assert_eq!(first.len(), 2);
        let second = mirror.replace(keys(&[("b", "1", 3), ("c", "1", 9)]), Revision(9), History::Same);
        assert_eq!(second, [gone("a"), put("c", "1", 9).1]);
    }

    #[test]
    fn what_is_older_than_what_was_seen_is_not_taken() {
        let mut mirror = Mirror::default();
        mirror.replace(keys(&[("a", "2", 5)]), Revision(5), History::Same);
        assert_eq!(mirror.replace(keys(&[("a", "1", 4)]), Revision(4), History::Same), []);
        assert_eq!(mirror.apply(vec![put("a", "1", 4)], Revision(4)), []);
        assert_eq!(mirror.revision(), Revision(5));
        let anew = mirror.replace(keys(&[("a", "1", 4)]), Revision(4), History::Another);
        assert_eq!(anew, [put("a", "1", 4).1]);
    }

    #[test]
    fn changes_are_told_once_and_in_order() {
        let mut mirror = Mirror::default();
        let changes =
            vec![put("a", "1", 2), put("a", "2", 3), (Revision(4), gone("a")), (Revision(5), gone("x"))];
        let told = mirror.apply(changes.clone(), Revision(5));
        assert_eq!(told.len(), 3);
        assert_eq!(mirror.apply(changes, Revision(5)), []);
        assert_eq!(mirror.iter().count(), 0);
    }
}
