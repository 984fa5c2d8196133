//! Bringing watches forward that are not up to date.

use super::super::Store;
use super::super::id::{Mark, Revision, WatchId};
use super::super::record::Record;
use super::StreamId;
use super::hub::{EventSets, Matches, WatchHub};
use super::notice::Notice;

/// After so many bytes of keys and values a stretch ends: what one reader is told at once is held in memory, encoded, until
/// it takes it, for each reader that is behind.
const STRETCH_BYTES: usize = 1 << 20;

/// How far the watches are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncing {
    /// All are up to date.
    Done,
    /// There is more to do now.
    More,
    /// All that are not up to date wait for their readers: worth another look when one of these has made room
    /// ([`WatchHub::wake_for_room`]), or in a while (etcd looks every 100 ms).
    Stalled,
}

/// Revisions of the log, from the first to the last, with what they wrote.
struct Stretch<'s> {
    first: Revision,
    last: Revision,
    records: Vec<(Revision, &'s Record)>,
}

impl WatchHub {
    /// Brings the watches forward that are not up to date: reads about `budget` versions of the log, or a megabyte, once
    /// for all watches that are within that stretch. A watch for which the store has forgotten what comes next is ended.
    pub fn sync_step(&mut self, store: &Store, budget: usize) -> Syncing {
        self.end_compacted(store);
        self.resume();
        if let Some(stretch) = self.stretch(store, budget) {
            let slow = self.replay(store, &stretch);
            self.advance(&stretch, &slow);
        }
        match (self.positions.is_empty(), self.stalled.is_empty()) {
            (false, _) => Syncing::More,
            (true, false) => Syncing::Stalled,
            (true, true) => Syncing::Done,
        }
    }

    fn end_compacted(&mut self, store: &Store) {
        let compacted = store.compacted();
        let lost: Vec<(StreamId, WatchId)> = [&self.positions, &self.stalled]
            .into_iter()
            .flat_map(|set| set.iter().take_while(|(next, ..)| *next < compacted))
            .map(|(_, id, watch)| (*id, *watch))
            .collect();
        for (id, watch) in lost {
            self.end((id, watch), Notice::Compacted { watch, compacted });
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.keep(watch);
            }
        }
    }

    /// Lets watches go on whose streams have room again.
    fn resume(&mut self) {
        let limit = self.limits.queued_events;
        let has_room = |id: &StreamId| {
            self.streams.get(id).is_some_and(|stream| stream.outbox.has_room(limit, &self.room))
        };
        let ready: Vec<_> = self.stalled.iter().filter(|(_, id, _)| has_room(id)).copied().collect();
        for (next, id, watch) in ready {
            self.stalled.remove(&(next, id, watch));
            let Some(outbox) = self.streams.get(&id).map(|stream| stream.outbox.clone()) else { continue };
            let Some(it) = self.watch_mut((id, watch)) else { continue };
            let range = it.range.clone();
            let watcher = super::interests::Watcher {
                name: (id, watch),
                next,
                wanted: it.wanted,
                progress: it.progress,
                outbox,
            };
            self.settle(&range, watcher);
        }
    }

    /// What is to be read next. Rounds go from old to new, so that watches that keep coming with an old start cannot
    /// hold up the others.
    fn stretch<'s>(&self, store: &'s Store, budget: usize) -> Option<Stretch<'s>> {
        let ahead = self.positions.range((self.round, StreamId(0), WatchId(i64::MIN))..).next();
        let (first, ..) = *ahead.or_else(|| self.positions.first())?;
        let mut records: Vec<(Revision, &Record)> = Vec::new();
        let mut last = self.seen;
        let mut bytes = 0;
        for (mark, record) in store.log.from(Mark { main: first, sub: 0 }) {
            if mark.main > self.seen {
                break;
            }
            let before = records.last().map(|(main, _)| *main);
            if (records.len() >= budget || bytes >= STRETCH_BYTES)
                && let Some(before) = before.filter(|before| *before < mark.main)
            {
                last = before;
                break;
            }
            bytes += record.key().len() + record.content().value.len();
            records.push((mark.main, record));
        }
        Some(Stretch { first, last, records })
    }

    /// Tells the watches that are within a stretch what it holds for them; returns those whose queue is full.
    fn replay(&mut self, store: &Store, stretch: &Stretch<'_>) -> Vec<(StreamId, WatchId)> {
        let mut matches = Matches::default();
        for (at, (_, record)) in stretch.records.iter().enumerate() {
            matches.add(&self.behind, record.key(), at);
        }
        let mut slow = Vec::new();
        let mut active = Vec::new();
        let within = stretch.first..=stretch.last;
        for (group, ats) in matches.by_group() {
            let mut sets = EventSets::default();
            for watcher in self.behind.group(group).iter().filter(|watcher| within.contains(&watcher.next)) {
                let records = || {
                    let mine = ats.iter().map(|(_, at)| stretch.records[*at]);
                    mine.filter(|(main, _)| *main >= watcher.next).map(|(_, record)| record)
                };
                let events = sets.of(store, watcher.wanted, watcher.next, records);
                if events.is_empty() {
                    continue;
                }
                let notice = Notice::Events { watch: watcher.name.1, revision: self.seen, events };
                if !watcher.outbox.offer(notice, self.limits.queued_events) {
                    slow.push(watcher.name);
                } else if watcher.progress {
                    active.push(watcher.name);
                }
            }
        }
        self.note_active(&active);
        slow.sort_unstable();
        slow
    }

    /// Notes that the watches within a stretch, but for the slow ones, know all of it.
    fn advance(&mut self, stretch: &Stretch<'_>, slow: &[(StreamId, WatchId)]) {
        let after = Revision(stretch.last.0 + 1);
        self.round = after;
        let end = (after, StreamId(0), WatchId(i64::MIN));
        let mut rest = self.positions.split_off(&(stretch.first, StreamId(0), WatchId(i64::MIN)));
        let mut beyond = rest.split_off(&end);
        self.positions.append(&mut beyond);
        for (next, id, watch) in rest {
            let name = (id, watch);
            let Some(range) = self.watch_mut(name).map(|it| it.range.clone()) else { continue };
            let Some(mut watcher) = self.behind.remove(&range, name) else { continue };
            if slow.binary_search(&name).is_ok() {
                self.stall(name, next);
            } else {
                watcher.next = after;
                self.settle(&range, watcher);
            }
        }
    }
}
