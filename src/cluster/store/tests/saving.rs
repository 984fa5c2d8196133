//! Snapshots, and stores made from them.

use super::*;
use crate::cluster::store::id::Mark;
use crate::cluster::store::restore::{Restore, RestoreError};
use crate::cluster::store::snapshot::{Saved, Snapshot};

fn restored(snapshot: &Snapshot) -> Store {
    let mut restore = Restore::new();
    for (id, ttl_s) in &snapshot.leases {
        restore.lease(*id, *ttl_s).unwrap();
    }
    for alarm in &snapshot.alarms {
        restore.alarm(*alarm);
    }
    restore.facts(snapshot.facts.clone());
    for saved in snapshot.versions() {
        restore.version(&saved).unwrap();
    }
    restore.finish(snapshot.compacted, snapshot.applied)
}

#[test]
fn a_store_made_from_a_snapshot_is_the_same_store() {
    let mut store = Store::new();
    grant(&mut store, 5);
    let rng = &mut fastrand::Rng::with_seed(3);
    for round in 0..5000 {
        let key = format!("{}", rng.u32(..500));
        let lease = Some(LeaseId(if rng.bool() { 5 } else { 0 }));
        if rng.u32(..4) == 0 {
            delete(&mut store, &key, "");
        } else {
            done(&mut store, Change::Put(Put { lease, ..put_of(&key, &format!("{round}")) }));
        }
        if round == 3000 {
            let half = store.revision().0 / 2;
            compact(&mut store, half).unwrap();
            store.compact_step(100);
        }
    }
    done(&mut store, Change::ClusterVersion { version: "3.5.0".into() });
    let mut second = restored(&store.snapshot());
    assert_eq!(second.revision(), store.revision());
    assert_eq!(second.compacted(), store.compacted());
    assert_eq!(second.applied_index(), store.applied_index());
    assert_eq!(second.facts(), store.facts());
    assert_eq!(all(&second), all(&store));
    assert_eq!(
        second.leases().keys(LeaseId(5)).collect::<Vec<_>>(),
        store.leases().keys(LeaseId(5)).collect::<Vec<_>>()
    );
    assert_eq!(second.hash_kv(None), store.hash_kv(None));
    // And it stays the same.
    for store in [&mut store, &mut second] {
        while store.compact_step(64) {}
        done(store, Change::LeaseRevoke { id: LeaseId(5) });
        let now = store.revision().0;
        compact(store, now).unwrap();
    }
    assert_eq!(second.hash_kv(None), store.hash_kv(None));
    assert_eq!(second.size().in_use, store.size().in_use);
}

#[test]
fn a_snapshot_stays_as_it_was_while_the_store_goes_on() {
    let mut store = Store::new();
    for round in 0..3000 {
        put(&mut store, &format!("{}", round % 100), "v");
    }
    let snapshot = store.snapshot();
    let before: Vec<Saved> = snapshot.versions().collect();
    for round in 0..3000 {
        put(&mut store, &format!("{}", round % 100), "w");
    }
    let now = store.revision().0;
    compact(&mut store, now).unwrap();
    while store.compact_step(100) {}
    assert_eq!(before.len(), 3000);
    assert_eq!(snapshot.versions().collect::<Vec<_>>(), before);
}

#[test]
fn a_compaction_that_was_not_finished_is_finished_after_restoring() {
    let mut store = Store::new();
    for value in ["1", "2", "3"] {
        put(&mut store, "a", value);
    }
    let saved: Vec<Saved> = store.snapshot().versions().collect();
    compact(&mut store, 4).unwrap();
    let mut restore = Restore::new();
    for saved in &saved {
        restore.version(saved).unwrap();
    }
    let mut second = restore.finish(Revision(4), 9);
    assert!(second.compacting());
    assert_eq!(second.hash_kv(None), store.hash_kv(None));
    while second.compact_step(10) {}
    assert_eq!(second.snapshot().versions().count(), 1);
}

#[test]
fn what_was_saved_out_of_order_makes_no_store() {
    let saved = |main, key: &str| Saved {
        mark: Mark { main: Revision(main), sub: 0 },
        tombstone: false,
        kv: KeyValue { key: bytes(key), version: 1, ..KeyValue::default() },
    };
    let mut restore = Restore::new();
    restore.version(&saved(3, "a")).unwrap();
    assert!(matches!(restore.version(&saved(3, "b")), Err(RestoreError::OutOfOrder { .. })));
    assert!(matches!(restore.version(&saved(4, "")), Err(RestoreError::NoKey(_))));
    restore.lease(LeaseId(1), 5).unwrap();
    assert_eq!(restore.lease(LeaseId(1), 5), Err(RestoreError::Lease(LeaseId(1))));
}
