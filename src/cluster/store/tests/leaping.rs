//! A store that begins a new life.

use super::*;

#[test]
fn the_revision_leaps_and_the_keys_stay_as_they_are() {
    let mut store = Store::new();
    put(&mut store, "a", "1");
    put(&mut store, "a", "2");
    put(&mut store, "b", "3");
    delete(&mut store, "b", "");
    assert_eq!(store.leap(1_000), Some(Revision(1_005)));
    assert_eq!(store.revision(), Revision(1_005));
    let kept = store.range(&range_of("\0", "\0")).unwrap();
    let kept: Vec<_> = kept.kvs.iter().map(|kv| (&*kv.value, kv.modified, kv.version)).collect();
    assert_eq!(kept, [(&b"2"[..], Revision(3), 2)]);
    put(&mut store, "a", "4");
    assert_eq!(store.revision(), Revision(1_006));
}

#[test]
fn what_was_before_a_leap_cannot_be_asked_for() {
    let mut store = Store::new();
    put(&mut store, "a", "1");
    store.leap(1_000);
    for revision in [1, 2, 3, 1_001] {
        let past = Range { revision: Some(Revision(revision)), ..range_of("a", "") };
        assert_eq!(store.range(&past), Err(StoreError::Compacted), "{revision}");
    }
    let now = Range { revision: Some(Revision(1_002)), ..range_of("a", "") };
    assert_eq!(store.range(&now).unwrap().kvs.len(), 1);
    assert!(!store.compacting());
}

#[test]
fn a_leap_beyond_all_numbers_changes_nothing() {
    let mut store = Store::new();
    put(&mut store, "a", "1");
    for by in [u64::MAX, i64::MAX as u64] {
        assert_eq!(store.leap(by), None);
    }
    assert_eq!(store.revision(), Revision(2));
    let past = Range { revision: Some(Revision(2)), ..range_of("a", "") };
    assert!(store.range(&past).is_ok());
}

#[test]
fn a_store_that_leapt_is_saved_and_restored_as_it_is() {
    let mut store = Store::new();
    put(&mut store, "a", "1");
    store.leap(1_000);
    let saved = store.snapshot();
    assert_eq!((saved.revision, saved.compacted), (Revision(1_002), Revision(1_002)));
    let mut restore = crate::cluster::store::restore::Restore::new();
    saved.versions().for_each(|version| restore.version(&version).unwrap());
    let restored = restore.finish(saved.compacted, saved.applied);
    assert_eq!(restored.revision(), Revision(1_002));
}
