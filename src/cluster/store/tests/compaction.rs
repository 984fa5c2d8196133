//! What is forgotten, and what is not.

use super::*;

fn at(store: &Store, revision: i64) -> Result<RangeReply, StoreError> {
    store.range(&Range { revision: Some(Revision(revision)), ..range_of("\0", "\0") })
}

fn sweep(store: &mut Store, budget: usize) {
    while store.compact_step(budget) {}
}

#[test]
fn what_is_compacted_or_not_yet_there_cannot_be_compacted() {
    let mut store = Store::new();
    assert_eq!(compact(&mut store, -1), Err(StoreError::Compacted));
    assert!(compact(&mut store, 0).is_ok());
    assert_eq!(compact(&mut store, 0), Err(StoreError::Compacted));
    put(&mut store, "a", "1");
    assert_eq!(compact(&mut store, 3), Err(StoreError::FutureRevision));
    assert_eq!(compact(&mut store, 2).unwrap().revision, Revision(2));
    assert_eq!(compact(&mut store, 2), Err(StoreError::Compacted));
    assert_eq!(compact(&mut store, -1), Err(StoreError::Compacted));
}

#[test]
fn the_compact_revision_itself_can_still_be_read() {
    let mut store = Store::new();
    put(&mut store, "a", "1");
    put(&mut store, "a", "2");
    put(&mut store, "a", "3");
    compact(&mut store, 3).unwrap();
    for _ in 0..2 {
        assert_eq!(at(&store, 2), Err(StoreError::Compacted));
        assert_eq!(&*at(&store, 3).unwrap().kvs[0].value, b"2");
        assert_eq!(&*at(&store, 4).unwrap().kvs[0].value, b"3");
        sweep(&mut store, 1);
    }
}

#[test]
fn a_deletion_at_the_compact_revision_survives_until_the_next() {
    let mut store = Store::new();
    put(&mut store, "a", "1");
    delete(&mut store, "a", "");
    compact(&mut store, 3).unwrap();
    sweep(&mut store, 100);
    let kept: Vec<_> =
        store.snapshot().versions().map(|saved| (saved.mark.main.0, saved.tombstone)).collect();
    assert_eq!(kept, [(3, true)]);
    put(&mut store, "b", "1");
    compact(&mut store, 4).unwrap();
    sweep(&mut store, 100);
    let kept: Vec<_> =
        store.snapshot().versions().map(|saved| (saved.mark.main.0, saved.tombstone)).collect();
    assert_eq!(kept, [(4, false)]);
}

#[test]
fn memory_comes_back() {
    let mut store = Store::new();
    put(&mut store, "a", "1");
    put(&mut store, "b", "1");
    let small = store.size();
    for _ in 0..5000 {
        put(&mut store, "a", &"x".repeat(100));
        delete(&mut store, "b", "");
        put(&mut store, "b", "1");
    }
    put(&mut store, "a", "1");
    assert!(store.size().in_use > 500_000);
    let now = store.revision().0;
    compact(&mut store, now).unwrap();
    sweep(&mut store, 1000);
    assert!(store.size().in_use <= small.in_use + 16, "{:?} {small:?}", store.size());
    assert!(store.size().held < 100_000);
}

#[test]
fn the_hash_does_not_depend_on_how_far_the_work_has_got() {
    let mut stores = [Store::new(), Store::new(), Store::new()];
    let rng = &mut fastrand::Rng::with_seed(11);
    for round in 0..3000 {
        let key = format!("{}", rng.u32(..40));
        let change = if rng.u32(..5) == 0 {
            Change::Delete(delete_of(&key, ""))
        } else {
            Change::Put(put_of(&key, &format!("{round}")))
        };
        for store in &mut stores {
            done(store, change.clone());
        }
        if round % 100 == 99 {
            let back = rng.i64(0..50);
            for (at, store) in stores.iter_mut().enumerate() {
                let revision = store.revision().0 - back;
                compact(store, revision).unwrap();
                match at {
                    0 => sweep(store, 7),
                    1 => {
                        store.compact_step(13);
                    }
                    _ => {}
                }
            }
            let hashes = stores.each_ref().map(|store| store.hash_kv(None).unwrap());
            assert_eq!(hashes[0], hashes[1]);
            assert_eq!(hashes[0], hashes[2]);
        }
    }
    for store in &mut stores {
        sweep(store, 50);
    }
    let [first, others @ ..] = stores.each_ref().map(|store| store.size().in_use);
    assert_eq!([first; 2], others);
}

#[test]
fn the_hash_tells_of_any_difference_and_of_revisions_that_it_cannot_reach() {
    let mut store = Store::new();
    put(&mut store, "a", "1");
    let before = store.hash_kv(None).unwrap();
    assert_eq!((before.revision, before.compacted), (Revision(2), Revision(-1)));
    put(&mut store, "a", "2");
    assert_ne!(store.hash_kv(None).unwrap().hash, before.hash);
    assert_eq!(store.hash_kv(Some(Revision(2))).unwrap().hash, before.hash);
    assert_eq!(store.hash_kv(Some(Revision(4))), Err(StoreError::FutureRevision));
    compact(&mut store, 3).unwrap();
    assert_eq!(store.hash_kv(Some(Revision(2))), Err(StoreError::Compacted));
}
