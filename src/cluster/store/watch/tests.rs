//! What watches promise, a sentence each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::time::Duration;

use super::super::Store;
use super::super::id::{Revision, WatchId};
use super::super::key::KeyRange;
use super::super::request::Op;
use super::super::tests::{bytes, compact, delete, put, put_of, then, txn};
use super::*;
use crate::engine::sched::Time;

struct World {
    store: Store,
    hub: WatchHub,
    stream: StreamId,
    outbox: Arc<Outbox>,
}

impl World {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let store = Store::new();
        let mut hub = WatchHub::new(&store, limits);
        let (stream, outbox) = hub.open();
        Self { store, hub, stream, outbox }
    }

    fn put(&mut self, key: &str) {
        put(&mut self.store, key, "v");
        self.hub.notify(&self.store);
    }

    fn watch(&mut self, spec: WatchSpec) -> Option<WatchId> {
        self.hub.create(self.stream, spec, Time(0))
    }

    fn sync(&mut self) -> Syncing {
        let mut syncing = Syncing::More;
        while syncing == Syncing::More {
            syncing = self.hub.sync_step(&self.store, 100);
        }
        syncing
    }

    fn told(&self) -> Vec<Notice> {
        std::iter::from_fn(|| self.outbox.try_take()).collect()
    }

    /// The keys and revisions of events, a list for each notice; others are left out.
    fn events(&self) -> Vec<Vec<(String, i64)>> {
        let keys = |notice| match notice {
            Notice::Events { events, .. } => {
                let of = |event: &Event| {
                    (String::from_utf8_lossy(&event.kv.key).into_owned(), event.kv.modified.0)
                };
                Some(events.iter().map(of).collect())
            }
            _ => None,
        };
        self.told().into_iter().filter_map(keys).collect()
    }
}

fn on(key: &str, end: &str) -> WatchSpec {
    WatchSpec {
        id: None,
        range: KeyRange::of(bytes(key), bytes(end)),
        start: Revision(0),
        wanted: Wanted::default(),
        progress: false,
    }
}

fn of(key: &str, revision: i64) -> (String, i64) {
    (key.to_owned(), revision)
}

#[test]
fn numbers_are_given_from_0_unless_the_client_chooses() {
    let mut world = World::new();
    assert_eq!(world.watch(on("a", "")), Some(WatchId(0)));
    assert_eq!(world.watch(WatchSpec { id: Some(WatchId(1)), ..on("a", "") }), Some(WatchId(1)));
    assert_eq!(world.watch(WatchSpec { id: Some(WatchId(-7)), ..on("a", "") }), Some(WatchId(-7)));
    assert_eq!(world.watch(on("a", "")), Some(WatchId(2)));
}

#[test]
fn a_watch_that_cannot_be_made_is_refused_and_the_stream_goes_on() {
    let mut world = World::new();
    world.watch(WatchSpec { id: Some(WatchId(5)), ..on("a", "") });
    world.watch(WatchSpec { id: Some(WatchId(5)), ..on("a", "") });
    world.watch(on("b", "a"));
    world.watch(WatchSpec { start: Revision(-1), ..on("b", "") });
    world.watch(on("b", ""));
    let revision = Revision(1);
    assert_eq!(
        world.told(),
        [
            Notice::Created { watch: WatchId(5), revision },
            Notice::Refused { reason: Refusal::DuplicateId, revision },
            Notice::Refused { reason: Refusal::EmptyRange, revision },
            Notice::Refused { reason: Refusal::NegativeStart, revision },
            Notice::Created { watch: WatchId(0), revision },
        ]
    );
}

#[test]
fn from_now_means_after_what_is_there() {
    let mut world = World::new();
    world.put("a");
    world.watch(on("a", ""));
    world.put("a");
    world.put("b");
    assert_eq!(world.events(), [[of("a", 3)]]);
}

#[test]
fn a_start_that_lies_ahead_waits() {
    let mut world = World::new();
    world.watch(WatchSpec { start: Revision(4), ..on("a", "") });
    for _ in 0..4 {
        world.put("a");
    }
    assert_eq!(world.events(), [[of("a", 4)], [of("a", 5)]]);
}

#[test]
fn the_past_comes_in_one_piece_and_then_each_revision_on_its_own() {
    let mut world = World::new();
    for _ in 0..4 {
        world.put("a");
        world.put("b");
    }
    world.watch(WatchSpec { start: Revision(4), ..on("a", "") });
    assert_eq!(world.sync(), Syncing::Done);
    world.put("a");
    assert_eq!(world.events(), [vec![of("a", 4), of("a", 6), of("a", 8)], vec![of("a", 10)]]);
}

#[test]
fn a_start_before_the_compaction_is_made_and_then_ended() {
    let mut world = World::new();
    for _ in 0..4 {
        world.put("a");
    }
    compact(&mut world.store, 4).unwrap();
    world.watch(WatchSpec { start: Revision(3), ..on("a", "") });
    world.watch(WatchSpec { start: Revision(4), ..on("a", "") });
    world.sync();
    let told = world.told();
    assert_eq!(told[2], Notice::Compacted { watch: WatchId(0), compacted: Revision(4) });
    assert!(matches!(&told[3], Notice::Events { watch: WatchId(1), events, .. } if events.len() == 2));
}

#[test]
fn all_events_of_a_revision_come_together() {
    let mut world = World::new();
    world.watch(on("a", "c"));
    let ops = ["b", "x", "a"].map(|key| Op::Put(put_of(key, "v")));
    txn(&mut world.store, then(ops.to_vec())).unwrap();
    world.hub.notify(&world.store);
    assert_eq!(world.events(), [[of("b", 2), of("a", 2)]]);
}

#[test]
fn filters_leave_out_puts_or_deletes_and_a_delete_has_key_and_revision_only() {
    let mut world = World::new();
    world.watch(WatchSpec { wanted: Wanted { no_put: true, ..Wanted::default() }, ..on("a", "") });
    world.watch(WatchSpec { wanted: Wanted { no_delete: true, ..Wanted::default() }, ..on("a", "") });
    world.put("a");
    delete(&mut world.store, "a", "");
    world.hub.notify(&world.store);
    let told = world.told();
    assert_eq!(told.len(), 4);
    let Notice::Events { watch: WatchId(0), events, .. } = &told[3] else { panic!("{told:?}") };
    assert_eq!(events[0].kind, EventKind::Delete);
    let kv = super::super::reply::KeyValue { key: bytes("a"), modified: Revision(3), ..Default::default() };
    assert_eq!(events[0].kv, kv);
}

#[test]
fn what_was_there_before_comes_when_asked_unless_compacted() {
    let mut world = World::new();
    for _ in 0..3 {
        world.put("a");
    }
    compact(&mut world.store, 3).unwrap();
    let spec = WatchSpec { wanted: Wanted { previous: true, ..Wanted::default() }, ..on("a", "") };
    world.watch(WatchSpec { start: Revision(3), ..spec });
    world.sync();
    let told = world.told();
    let Notice::Events { events, .. } = &told[1] else { panic!("{told:?}") };
    let before: Vec<_> = events.iter().map(|event| event.previous.as_ref().map(|kv| kv.modified.0)).collect();
    assert_eq!(before, [None, Some(3)]);
}

#[test]
fn a_cancelled_watch_says_so_and_an_unknown_one_nothing() {
    let mut world = World::new();
    world.watch(on("a", ""));
    world.told();
    world.hub.cancel(world.stream, WatchId(0));
    world.hub.cancel(world.stream, WatchId(0));
    world.put("a");
    assert_eq!(world.told(), [Notice::Canceled { watch: WatchId(0), revision: Revision(1) }]);
}

#[test]
fn a_slow_reader_falls_behind_and_loses_nothing() {
    let mut world = World::with(Limits { queued_events: 2, ..Limits::default() });
    world.watch(on("a", ""));
    for _ in 0..10 {
        world.put("a");
    }
    assert_eq!(world.outbox.len(), 3);
    assert_eq!(world.sync(), Syncing::Stalled);
    let mut events = world.events();
    assert_eq!(world.sync(), Syncing::Done);
    events.extend(world.events());
    assert_eq!(events.concat(), (2..12).map(|revision| of("a", revision)).collect::<Vec<_>>());
}

#[test]
fn the_hub_is_woken_when_a_slow_reader_has_made_room() {
    let mut world = World::with(Limits { queued_events: 4, ..Limits::default() });
    let woken = Arc::new(Woken::default());
    world.hub.wake_for_room(woken.clone().into());
    world.watch(on("a", ""));
    for _ in 0..10 {
        world.put("a");
    }
    assert_eq!(world.sync(), Syncing::Stalled);
    let taken_until_woken = |world: &World| {
        (1..).find(|_| {
            world.outbox.try_take();
            woken.0.swap(false, Ordering::Relaxed)
        })
    };
    assert_eq!(taken_until_woken(&world), Some(4), "that it watches, and three events of four");
    assert_eq!(world.sync(), Syncing::Stalled, "what comes next is more than the room that there is");
    assert_eq!(taken_until_woken(&world), Some(1));
    assert_eq!(world.sync(), Syncing::Done);
    assert_eq!(world.events().concat().last(), Some(&of("a", 11)));
}

/// Whether it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_slow_watch_ends_when_what_it_has_to_tell_is_compacted() {
    let mut world = World::with(Limits { queued_events: 1, ..Limits::default() });
    world.watch(on("a", ""));
    for _ in 0..5 {
        world.put("a");
    }
    compact(&mut world.store, 5).unwrap();
    world.sync();
    assert_eq!(world.told().last(), Some(&Notice::Compacted { watch: WatchId(0), compacted: Revision(5) }));
}

#[test]
fn progress_is_told_behind_all_events_and_only_when_all_watches_are_up_to_date() {
    let mut world = World::new();
    world.hub.request_progress(world.stream);
    assert!(world.told().is_empty(), "a stream without watches has no progress");
    world.put("a");
    world.watch(WatchSpec { start: Revision(1), ..on("a", "") });
    world.told();
    world.hub.request_progress(world.stream);
    assert!(world.told().is_empty());
    world.sync();
    world.put("a");
    world.hub.request_progress(world.stream);
    assert_eq!(world.told().last(), Some(&Notice::Progress { watch: None, revision: Revision(3) }));
    world.watch(WatchSpec { start: Revision(9), ..on("a", "") });
    world.told();
    world.hub.request_progress(world.stream);
    assert!(world.told().is_empty());
}

#[test]
fn a_quiet_watch_tells_its_progress_now_and_then() {
    let every = Duration::from_secs(10);
    let mut world = World::with(Limits { progress_every: every, ..Limits::default() });
    world.watch(on("a", ""));
    assert_eq!(world.hub.next_progress(), None);
    world.watch(WatchSpec { progress: true, ..on("a", "") });
    world.told();
    let first = world.hub.next_progress().unwrap();
    assert!(first >= Time(0) + every && first <= Time(0) + every * 11 / 10);
    world.hub.tell_progress(Time::from_secs(9));
    assert!(world.told().is_empty());
    world.hub.tell_progress(first);
    assert_eq!(world.told(), [Notice::Progress { watch: Some(WatchId(1)), revision: Revision(1) }]);
    world.put("a");
    world.told();
    let second = world.hub.next_progress().unwrap();
    world.hub.tell_progress(second);
    assert!(world.told().is_empty(), "it has told an event since");
    let third = world.hub.next_progress().unwrap();
    world.hub.tell_progress(third);
    assert_eq!(world.told().len(), 1);
}

#[test]
fn a_closed_stream_has_an_end_and_leaves_nothing() {
    let mut world = World::new();
    world.put("a");
    world.watch(WatchSpec { progress: true, ..on("a", "") });
    world.watch(WatchSpec { start: Revision(1), ..on("a", "\0") });
    world.told();
    world.hub.close(world.stream);
    world.put("a");
    assert!(world.told().is_empty());
    assert_eq!((world.sync(), world.hub.next_progress()), (Syncing::Done, None));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(matches!(world.outbox.poll_take(&mut cx), std::task::Poll::Ready(None)));
}

#[test]
fn many_watches_of_a_key_share_what_they_are_told() {
    let mut world = World::new();
    let outboxes: Vec<_> = (0..100)
        .map(|_| {
            let (stream, outbox) = world.hub.open();
            world.hub.create(stream, on("a", ""), Time(0));
            outbox.try_take();
            outbox
        })
        .collect();
    world.put("a");
    let sets: Vec<_> = outboxes
        .iter()
        .map(|outbox| match outbox.try_take() {
            Some(Notice::Events { events, .. }) => events,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(sets.iter().all(|set| Arc::ptr_eq(set, &sets[0])));
}

#[test]
fn watches_go_on_when_the_store_is_replaced_by_one_that_is_further() {
    let mut world = World::new();
    world.watch(on("a", ""));
    world.put("a");
    put(&mut world.store, "a", "unseen");
    put(&mut world.store, "a", "unseen");
    world.hub.restored(&world.store);
    world.sync();
    world.put("a");
    let revisions: Vec<i64> = world.events().concat().into_iter().map(|(_, revision)| revision).collect();
    assert_eq!(revisions, [2, 3, 4, 5]);
}
