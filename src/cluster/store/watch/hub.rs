//! The watches of all streams.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;

use super::super::Store;
use super::super::id::{Mark, Revision, WatchId};
use super::super::key::KeyRange;
use super::super::record::Record;
use super::interests::{Interests, Watcher};
use super::notice::{Event, Notice, Refusal};
use super::outbox::Outbox;
use super::{StreamId, Wanted, WatchSpec};
use crate::engine::sched::Time;

/// What bounds the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many events may wait in a stream's queue. A single notice may hold more: a revision is never torn.
    pub queued_events: usize,
    /// How long a watch that wants progress hears nothing before it is told, but for up to a tenth more.
    pub progress_every: Duration,
}

impl Default for Limits {
    /// etcd's ten minutes.
    fn default() -> Self {
        Self { queued_events: 1024, progress_every: Duration::from_secs(600) }
    }
}

/// The watches of all streams, and what each has been told.
#[derive(Debug)]
pub struct WatchHub {
    pub(super) limits: Limits,
    /// Up to here, everything has been handed to the watches that are up to date.
    pub(super) seen: Revision,
    pub(super) streams: HashMap<StreamId, Stream>,
    opened: u64,
    /// Watches that are up to date.
    pub(super) synced: Interests,
    /// Watches that are being brought forward from the log.
    pub(super) behind: Interests,
    /// The watches of `behind`, by how far they are.
    pub(super) positions: BTreeSet<(Revision, StreamId, WatchId)>,
    /// Watches whose stream's queue is full, by how far they are.
    pub(super) stalled: BTreeSet<(Revision, StreamId, WatchId)>,
    /// Woken when a stream with stalled watches has room again.
    pub(super) room: Waker,
    /// How far the present round of bringing forward has got.
    pub(super) round: Revision,
    /// When the streams with watches that want progress are looked at.
    pub(super) ticks: BTreeSet<(Time, StreamId)>,
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    pub outbox: Arc<Outbox>,
    /// In order; a vector, as nearly all streams have one.
    watches: Vec<(WatchId, Watch)>,
    /// Ended by a compaction, and not yet by the client: their numbers are taken, and cancelling is still answered.
    compacted: BTreeSet<WatchId>,
    next_id: i64,
    pub tick: Option<Time>,
}

#[derive(Debug)]
pub(super) struct Watch {
    pub range: KeyRange,
    pub wanted: Wanted,
    pub progress: bool,
    /// The start that the client asked for; 0: none.
    pub asked: Revision,
    pub place: Place,
    /// No event since progress was last looked at.
    pub quiet: bool,
}

/// How far a watch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is told at once of whatever happens.
    Synced,
    /// It is told next of this revision, from the log.
    Behind(Revision),
    /// It would be told of this revision had its stream's queue room.
    Stalled(Revision),
}

impl WatchHub {
    /// Beside a store that nobody watches yet.
    pub fn new(store: &Store, limits: Limits) -> Self {
        Self {
            limits,
            seen: store.revision(),
            streams: HashMap::new(),
            opened: 0,
            synced: Interests::default(),
            behind: Interests::default(),
            positions: BTreeSet::new(),
            stalled: BTreeSet::new(),
            room: Waker::noop().clone(),
            round: Revision(0),
            ticks: BTreeSet::new(),
        }
    }

    /// Whom to wake when watches that are stalled can go on: `sync_step` is then worth a call.
    pub fn wake_for_room(&mut self, waker: Waker) {
        self.room = waker;
    }

    /// Opens a stream; what it is to be told comes out of its outbox.
    pub fn open(&mut self) -> (StreamId, Arc<Outbox>) {
        self.opened += 1;
        let id = StreamId(self.opened);
        let stream = Stream::default();
        let outbox = stream.outbox.clone();
        self.streams.insert(id, stream);
        (id, outbox)
    }

    /// Ends a stream with all its watches.
    pub fn close(&mut self, id: StreamId) {
        let Some(mut stream) = self.streams.remove(&id) else { return };
        stream.outbox.close();
        if let Some(tick) = stream.tick {
            self.ticks.remove(&(tick, id));
        }
        for (watch, it) in std::mem::take(&mut stream.watches) {
            self.leave((id, watch), &it);
        }
    }

    /// Adds a watch. The stream is told of it, or why not, before anything that the watch tells.
    pub fn create(&mut self, id: StreamId, spec: WatchSpec, now: Time) -> Option<WatchId> {
        let revision = self.seen;
        let stream = self.streams.get_mut(&id)?;
        let watch = match stream.admit(&spec) {
            Ok(watch) => watch,
            Err(reason) => {
                stream.outbox.answer(Notice::Refused { reason, revision });
                return None;
            }
        };
        stream.outbox.answer(Notice::Created { watch, revision });
        let start = if spec.start == Revision(0) { Revision(revision.0 + 1) } else { spec.start };
        let it = Watch {
            range: owned(&spec.range),
            wanted: spec.wanted,
            progress: spec.progress,
            asked: spec.start,
            place: Place::Synced,
            quiet: true,
        };
        let watcher = Watcher {
            name: (id, watch),
            next: start,
            wanted: it.wanted,
            progress: it.progress,
            outbox: stream.outbox.clone(),
        };
        let range = it.range.clone();
        stream.add(watch, it);
        self.settle(&range, watcher);
        if spec.progress {
            self.schedule(id, now);
        }
        Some(watch)
    }

    /// Ends a watch and says so; of a watch that is not there, nothing is said. One that a compaction has ended is there
    /// until then.
    pub fn cancel(&mut self, id: StreamId, watch: WatchId) {
        let notice = Notice::Canceled { watch, revision: self.seen };
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.compacted.remove(&watch) {
            return stream.outbox.answer(notice);
        }
        self.end((id, watch), notice);
    }

    /// Hands what the store has written since the last call to the watches that are up to date. To be called after
    /// each change, at the latest before the store's next `compact_step`. Never waits: a watch whose queue is full
    /// falls behind.
    pub fn notify(&mut self, store: &Store) {
        let from = Mark { main: Revision(self.seen.0 + 1), sub: 0 };
        let mut records = store.log.from(from).peekable();
        while let Some((mark, record)) = records.next() {
            let mut written = vec![record];
            while let Some((_, record)) = records.next_if(|(next, _)| next.main == mark.main) {
                written.push(record);
            }
            self.seen = mark.main;
            self.tell(store, mark.main, &written);
        }
        self.seen = store.revision();
    }

    /// Whether watches are to be brought forward by `sync_step`.
    pub fn has_stragglers(&self) -> bool {
        !self.positions.is_empty() || !self.stalled.is_empty()
    }

    /// The store was replaced by one that is further, or made anew: watches that were up to date go on from its log.
    pub fn restored(&mut self, store: &Store) {
        let up_to_date: Vec<(StreamId, WatchId)> = self
            .streams
            .iter()
            .flat_map(|(id, stream)| stream.watches.iter().map(move |(watch, it)| ((*id, *watch), it.place)))
            .filter_map(|(name, place)| (place == Place::Synced).then_some(name))
            .collect();
        let told = std::mem::replace(&mut self.seen, store.revision());
        for (id, watch) in up_to_date {
            let Some(range) = self.watch_mut((id, watch)).map(|it| it.range.clone()) else { continue };
            if let Some(mut watcher) = self.synced.remove(&range, (id, watch)) {
                watcher.next = watcher.next.max(Revision(told.0 + 1));
                self.settle(&range, watcher);
            }
        }
    }

    /// Tells the watches that are up to date what one revision wrote.
    fn tell(&mut self, store: &Store, revision: Revision, written: &[&Record]) {
        let mut matches = Matches::default();
        for (at, record) in written.iter().enumerate() {
            matches.add(&self.synced, record.key(), at);
        }
        let mut slow = Vec::new();
        let mut active = Vec::new();
        for (group, ats) in matches.by_group() {
            let mut sets = EventSets::default();
            for watcher in self.synced.group(group).iter().filter(|watcher| watcher.next <= revision) {
                let records = || ats.iter().map(|(_, at)| written[*at]);
                let events = sets.of(store, watcher.wanted, revision, records);
                if events.is_empty() {
                    continue;
                }
                let notice = Notice::Events { watch: watcher.name.1, revision, events };
                if !watcher.outbox.offer(notice, self.limits.queued_events) {
                    slow.push(watcher.name);
                } else if watcher.progress {
                    active.push(watcher.name);
                }
            }
        }
        self.note_active(&active);
        for name in slow {
            let Some(range) = self.watch_mut(name).map(|it| it.range.clone()) else { continue };
            self.synced.remove(&range, name);
            self.stall(name, revision);
        }
    }

    /// Puts a watch where it belongs by what it is to be told next.
    pub(super) fn settle(&mut self, range: &KeyRange, watcher: Watcher) {
        let name = watcher.name;
        let place = if watcher.next > self.seen {
            self.synced.insert(range, watcher);
            Place::Synced
        } else {
            let next = watcher.next;
            self.behind.insert(range, watcher);
            self.positions.insert((next, name.0, name.1));
            Place::Behind(next)
        };
        self.place(name, place);
    }

    /// Notes that a watch, taken from where it was, waits for room in its stream's queue.
    pub(super) fn stall(&mut self, name: (StreamId, WatchId), next: Revision) {
        self.stalled.insert((next, name.0, name.1));
        self.place(name, Place::Stalled(next));
        if let Some(stream) = self.streams.get(&name.0) {
            stream.outbox.wake_for_room(self.limits.queued_events, &self.room);
        }
    }

    /// Ends a watch with a notice.
    pub(super) fn end(&mut self, (id, watch): (StreamId, WatchId), notice: Notice) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(it) = stream.remove(watch) else { return };
        stream.outbox.answer(notice);
        self.leave((id, watch), &it);
    }

    /// Notes that watches that want progress have told something.
    pub(super) fn note_active(&mut self, names: &[(StreamId, WatchId)]) {
        for name in names {
            if let Some(it) = self.watch_mut(*name) {
                it.quiet = false;
            }
        }
    }

    fn place(&mut self, name: (StreamId, WatchId), place: Place) {
        if let Some(it) = self.watch_mut(name) {
            it.place = place;
        }
    }

    pub(super) fn watch_mut(&mut self, (id, watch): (StreamId, WatchId)) -> Option<&mut Watch> {
        self.streams.get_mut(&id)?.get_mut(watch)
    }

    fn leave(&mut self, name: (StreamId, WatchId), it: &Watch) {
        match it.place {
            Place::Synced => {
                self.synced.remove(&it.range, name);
            }
            Place::Behind(next) => {
                self.behind.remove(&it.range, name);
                self.positions.remove(&(next, name.0, name.1));
            }
            Place::Stalled(next) => {
                self.stalled.remove(&(next, name.0, name.1));
            }
        }
    }
}

impl Stream {
    /// The number of a new watch: the client's, else the next that was not yet given.
    fn admit(&mut self, spec: &WatchSpec) -> Result<WatchId, Refusal> {
        if spec.start < Revision(0) {
            return Err(Refusal::NegativeStart);
        }
        if spec.range.is_empty() {
            return Err(Refusal::EmptyRange);
        }
        if let Some(id) = spec.id {
            return if self.is_taken(id) { Err(Refusal::DuplicateId) } else { Ok(id) };
        }
        while self.is_taken(WatchId(self.next_id)) {
            self.next_id += 1;
        }
        self.next_id += 1;
        Ok(WatchId(self.next_id - 1))
    }

    fn is_taken(&self, id: WatchId) -> bool {
        self.find(id).is_ok() || self.compacted.contains(&id)
    }

    /// Keeps the number of a watch that a compaction has ended.
    pub(super) fn keep(&mut self, id: WatchId) {
        self.compacted.insert(id);
    }

    fn find(&self, id: WatchId) -> Result<usize, usize> {
        self.watches.binary_search_by_key(&id, |(id, _)| *id)
    }

    fn get_mut(&mut self, id: WatchId) -> Option<&mut Watch> {
        let at = self.find(id).ok()?;
        self.watches.get_mut(at).map(|(_, watch)| watch)
    }

    fn add(&mut self, id: WatchId, watch: Watch) {
        if let Err(at) = self.find(id) {
            self.watches.reserve_exact(usize::from(self.watches.is_empty()));
            self.watches.insert(at, (id, watch));
        }
    }

    fn remove(&mut self, id: WatchId) -> Option<Watch> {
        self.find(id).ok().map(|at| self.watches.remove(at).1)
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = (WatchId, &mut Watch)> {
        self.watches.iter_mut().map(|(id, watch)| (*id, watch))
    }
}

/// Which groups are to be told of which records.
#[derive(Default)]
pub(super) struct Matches {
    found: Vec<(u32, usize)>,
    groups: Vec<u32>,
}

impl Matches {
    pub(super) fn add(&mut self, interests: &Interests, key: &[u8], at: usize) {
        interests.in_key(key, &mut self.groups);
        self.found.extend(self.groups.drain(..).map(|group| (group, at)));
    }

    /// Each group with its records in order.
    pub(super) fn by_group(&mut self) -> impl Iterator<Item = (u32, &[(u32, usize)])> {
        self.found.sort_unstable();
        self.found.chunk_by(|left, right| left.0 == right.0).map(|chunk| (chunk[0].0, chunk))
    }
}

/// The events of one group, made once for all watches that want the same of them.
#[derive(Default)]
pub(super) struct EventSets {
    made: Vec<(Wanted, Revision, Arc<[Event]>)>,
}

impl EventSets {
    /// What a watch that wants this and is at `next` is told of some records.
    pub(super) fn of<'r, I: Iterator<Item = &'r Record>>(
        &mut self,
        store: &Store,
        wanted: Wanted,
        next: Revision,
        records: impl Fn() -> I,
    ) -> Arc<[Event]> {
        // The last made comes first: watches are likely to come in runs.
        let same = self.made.iter().rev().take(8).find(|(one, at, _)| *one == wanted && *at == next);
        if let Some((_, _, events)) = same {
            return events.clone();
        }
        let events: Arc<[Event]> = records()
            .filter(|record| wanted.wants(record))
            .map(|record| Event::of(store, record, wanted.previous))
            .collect();
        self.made.push((wanted, next, events.clone()));
        events
    }
}

/// A copy that keeps no network buffer.
fn owned(range: &KeyRange) -> KeyRange {
    let copy = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
    match range {
        KeyRange::One(key) => KeyRange::One(copy(key)),
        KeyRange::From(start) => KeyRange::From(copy(start)),
        KeyRange::Span(start, end) => KeyRange::Span(copy(start), copy(end)),
    }
}
