//! Who is interested in a key.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::super::id::{Revision, WatchId};
use super::super::key::KeyRange;
use super::intervals::Intervals;
use super::outbox::Outbox;
use super::{StreamId, Wanted};

/// Watches by what they watch. Those of the same range are one group, which is told the same.
#[derive(Debug, Default)]
pub(super) struct Interests {
    keys: HashMap<Bytes, u32>,
    spans: Intervals,
    groups: Vec<Group>,
    free: Vec<u32>,
}

/// The watches of one range, in the order of their names.
#[derive(Debug, Default)]
struct Group {
    watchers: Vec<Watcher>,
}

/// One watch, as far as telling it events goes.
#[derive(Clone, Debug)]
pub(super) struct Watcher {
    pub name: (StreamId, WatchId),
    /// The first revision that it has not been told of.
    pub next: Revision,
    pub wanted: Wanted,
    /// It wants to hear of progress, so that its events must be noted.
    pub progress: bool,
    pub outbox: Arc<Outbox>,
}

impl Interests {
    pub(super) fn insert(&mut self, range: &KeyRange, watcher: Watcher) {
        let number = self.number(range).unwrap_or_else(|| self.add_group(range));
        let watchers = &mut self.groups[number as usize].watchers;
        if let Err(at) = watchers.binary_search_by_key(&watcher.name, |watcher| watcher.name) {
            watchers.insert(at, watcher);
        }
    }

    pub(super) fn remove(&mut self, range: &KeyRange, name: (StreamId, WatchId)) -> Option<Watcher> {
        let number = self.number(range)?;
        let watchers = &mut self.groups[number as usize].watchers;
        let at = watchers.binary_search_by_key(&name, |watcher| watcher.name).ok()?;
        let watcher = watchers.remove(at);
        if watchers.is_empty() {
            *watchers = Vec::new();
            self.free.push(number);
            match range {
                KeyRange::One(key) => {
                    self.keys.remove(key);
                }
                span => self.spans.remove(span),
            }
        }
        Some(watcher)
    }

    /// Adds the groups that are interested in a key.
    pub(super) fn in_key(&self, key: &[u8], groups: &mut Vec<u32>) {
        groups.extend(self.keys.get(key));
        self.spans.holding(key, groups);
    }

    pub(super) fn group(&self, number: u32) -> &[Watcher] {
        self.groups.get(number as usize).map_or(&[], |group| &group.watchers)
    }

    fn number(&self, range: &KeyRange) -> Option<u32> {
        match range {
            KeyRange::One(key) => self.keys.get(key).copied(),
            span => self.spans.get(span),
        }
    }

    fn add_group(&mut self, range: &KeyRange) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.groups.push(Group::default());
            (self.groups.len() - 1) as u32
        });
        match range {
            KeyRange::One(key) => {
                self.keys.insert(key.clone(), number);
            }
            span => self.spans.insert(span, number),
        }
        number
    }
}
