//! How fast the store is and what it holds: puts and gets of 500,000 keys of 20 bytes with values of 256, resident bytes
//! a key, compaction, restoring, and one key that 10,000 streams watch. Prints one line of JSON.
//!
//! Works only under `cargo bench`; `cargo test --all-targets` starts it too.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mgmt::cluster::store::Store;
use mgmt::cluster::store::id::{LeaseId, Revision};
use mgmt::cluster::store::key::KeyRange;
use mgmt::cluster::store::request::{Change, Command, Put, Range};
use mgmt::cluster::store::restore::Restore;
use mgmt::cluster::store::watch::{Limits, Outbox, Wanted as Events, WatchHub, WatchSpec};
use mgmt::engine::sched::Time;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const KEYS: u64 = 500_000;
const WATCHERS: usize = 10_000;

/// Resident bytes of this process; 0 where there is no /proc.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

/// A key of 20 bytes; those that follow one another lie far apart.
fn key(number: u64) -> Bytes {
    Bytes::from(format!("/bench/{:013x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12))
}

fn put(store: &mut Store, key: Bytes, value: &Bytes) {
    let index = store.applied_index() + 1;
    let put = Put { key, value: Some(value.clone()), lease: Some(LeaseId(0)), previous: false };
    let command = Command { id: index, caller: None, change: Change::Put(put) };
    store.apply(index, command).expect("a put without a lease works");
}

fn get(store: &Store, key: Bytes) -> usize {
    let range = Range::of(KeyRange::One(key));
    store.range(&range).map_or(0, |reply| reply.count)
}

fn a_second(count: u64, took: Duration) -> u64 {
    (count as f64 / took.as_secs_f64()) as u64
}

fn fan_out(store: &mut Store) -> (u64, Duration) {
    let before = resident();
    let mut hub = WatchHub::new(store, Limits::default());
    let outboxes: Vec<Arc<Outbox>> = (0..WATCHERS)
        .map(|_| {
            let (stream, outbox) = hub.open();
            let spec = WatchSpec {
                id: None,
                range: KeyRange::One(key(0)),
                start: Revision(0),
                wanted: Events::default(),
                progress: true,
            };
            hub.create(stream, spec, Time(0));
            outbox.try_take();
            outbox
        })
        .collect();
    put(store, key(0), &Bytes::from_static(b"changed"));
    let start = Instant::now();
    hub.notify(store);
    let took = start.elapsed();
    let told = outboxes.iter().filter(|outbox| outbox.try_take().is_some()).count();
    assert_eq!(told, WATCHERS, "each stream is told");
    ((resident() - before) / WATCHERS as u64, took)
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let value = Bytes::from(vec![b'v'; 256]);
    let (bytes_a_watch, fanning_out) = fan_out(&mut Store::new());
    let mut store = Store::new();
    let before = resident();
    let start = Instant::now();
    for number in 0..KEYS {
        put(&mut store, key(number), &value);
    }
    let puts = start.elapsed();
    let bytes_a_key = (resident() - before) / KEYS;
    let start = Instant::now();
    let found: usize = (0..KEYS).map(|number| get(&store, key(number * 7919 % KEYS))).sum();
    let gets = start.elapsed();
    assert_eq!(found as u64, KEYS, "every key is there");

    let start = Instant::now();
    let snapshot = store.snapshot();
    let pinning = start.elapsed();
    let start = Instant::now();
    let mut restore = Restore::new();
    for saved in snapshot.versions() {
        restore.version(&saved).expect("versions come in order");
    }
    let restored = restore.finish(snapshot.compacted, snapshot.applied);
    let restoring = start.elapsed();
    let start = Instant::now();
    assert_eq!(restored.hash_kv(None), store.hash_kv(None), "it is the same store");
    let hashing = start.elapsed() / 2;
    drop((snapshot, restored));

    let start = Instant::now();
    for number in 0..KEYS {
        put(&mut store, key(number), &value);
    }
    let updates = start.elapsed();
    let index = store.applied_index() + 1;
    let change = Change::Compact { revision: store.revision() };
    store.apply(index, Command { id: index, caller: None, change }).expect("nothing was compacted");
    let start = Instant::now();
    let mut longest = Duration::ZERO;
    loop {
        let step = Instant::now();
        let more = store.compact_step(1000);
        longest = longest.max(step.elapsed());
        if !more {
            break;
        }
    }
    let compacting = start.elapsed();
    let compacted_bytes_a_key = store.size().held as u64 / KEYS;
    println!(
        "{{\"puts_a_second\":{},\"updates_a_second\":{},\"gets_a_second\":{},\"bytes_a_key\":{bytes_a_key},\
         \"counted_bytes_a_key_after_compaction\":{compacted_bytes_a_key},\"pin_us\":{},\"restore_ms\":{},\"hash_ms\":{},\
         \"compact_ms\":{},\"longest_step_us\":{},\"bytes_a_watch\":{bytes_a_watch},\"fan_out_us\":{}}}",
        a_second(KEYS, puts),
        a_second(KEYS, updates),
        a_second(KEYS, gets),
        pinning.as_micros(),
        restoring.as_millis(),
        hashing.as_millis(),
        compacting.as_millis(),
        longest.as_micros(),
        fanning_out.as_micros(),
    );
}
