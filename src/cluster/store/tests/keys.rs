//! Single puts, deletes and ranges.

use super::*;
use crate::cluster::store::request::{Sort, SortBy};

fn letters() -> Store {
    let mut store = Store::new();
    for (key, value) in [("a", "3"), ("b", "1"), ("c", "2"), ("b", "4"), ("d", "0")] {
        put(&mut store, key, value);
    }
    store
}

#[test]
fn a_new_store_is_at_revision_1_and_the_first_put_makes_2() {
    let mut store = Store::new();
    assert_eq!(store.revision(), Revision(1));
    assert_eq!(done(&mut store, Change::Put(put_of("a", "1"))).revision, Revision(2));
    let kv = get(&store, "a").unwrap();
    assert_eq!((kv.created, kv.modified, kv.version), (Revision(2), Revision(2), 1));
}

#[test]
fn a_key_that_is_made_again_starts_anew() {
    let mut store = Store::new();
    put(&mut store, "a", "1");
    put(&mut store, "a", "2");
    assert_eq!(get(&store, "a").unwrap().version, 2);
    delete(&mut store, "a", "");
    put(&mut store, "a", "3");
    let kv = get(&store, "a").unwrap();
    assert_eq!((kv.created, kv.modified, kv.version), (Revision(5), Revision(5), 1));
}

#[test]
fn deleting_nothing_takes_no_revision() {
    let mut store = letters();
    let before = store.revision();
    assert_eq!(delete(&mut store, "x", "").deleted, 0);
    assert_eq!(delete(&mut store, "z", "b").deleted, 0);
    assert_eq!(store.revision(), before);
}

#[test]
fn a_delete_tells_what_was_there() {
    let mut store = letters();
    let reply = delete(&mut store, "b", "d");
    assert_eq!(reply.deleted, 2);
    assert_eq!(reply.previous.iter().map(|kv| &*kv.value).collect::<Vec<_>>(), [b"4", b"2"]);
    assert_eq!(keys(&all(&store)), ["a", "d"]);
    assert_eq!(store.revision(), Revision(7));
}

#[test]
fn a_put_tells_what_was_there_when_asked() {
    let mut store = letters();
    assert_eq!(&*put(&mut store, "b", "9").previous.unwrap().value, b"4");
    assert!(put(&mut store, "x", "9").previous.is_none());
    let silent = Put { previous: false, ..put_of("b", "7") };
    assert_eq!(done(&mut store, Change::Put(silent)).reply, Reply::Put(PutReply::default()));
}

#[test]
fn a_put_can_keep_value_or_lease_of_a_key_that_is_there() {
    let mut store = letters();
    grant(&mut store, 5);
    let leased = Put { value: None, lease: Some(LeaseId(5)), ..put_of("a", "") };
    done(&mut store, Change::Put(leased));
    done(&mut store, Change::Put(Put { lease: None, ..put_of("a", "new") }));
    let kv = get(&store, "a").unwrap();
    assert_eq!((&*kv.value, kv.lease, kv.version), (&b"new"[..], LeaseId(5), 3));
    for missing in [Put { value: None, ..put_of("x", "") }, Put { lease: None, ..put_of("x", "") }] {
        assert_eq!(apply(&mut store, Change::Put(missing)), Err(StoreError::KeyNotFound));
    }
}

#[test]
fn ranges_are_one_key_all_from_one_on_or_a_span() {
    let store = letters();
    let found = |key, end| keys(&store.range(&range_of(key, end)).unwrap());
    assert_eq!(found("b", ""), ["b"]);
    assert_eq!(found("bb", ""), [""; 0]);
    assert_eq!(found("b", "\0"), ["b", "c", "d"]);
    assert_eq!(found("\0", "\0"), ["a", "b", "c", "d"]);
    assert_eq!(found("b", "d"), ["b", "c"]);
    assert_eq!(found("c", "b"), [""; 0]);
    assert_eq!(found("c", "c"), [""; 0]);
}

#[test]
fn the_past_can_be_read_and_the_future_not() {
    let mut store = letters();
    delete(&mut store, "a", "");
    let at = |revision| store.range(&Range { revision: Some(Revision(revision)), ..range_of("\0", "\0") });
    assert_eq!(keys(&at(3).unwrap()), ["a", "b"]);
    assert_eq!(&*at(4).unwrap().kvs[1].value, b"1");
    assert_eq!(keys(&at(6).unwrap()), ["a", "b", "c", "d"]);
    assert_eq!(keys(&at(7).unwrap()), ["b", "c", "d"]);
    assert_eq!(at(8), Err(StoreError::FutureRevision));
}

#[test]
fn a_limit_tells_that_there_is_more_and_the_count_ignores_it() {
    let store = letters();
    let limited = |limit| store.range(&Range { limit: Some(limit), ..range_of("\0", "\0") }).unwrap();
    let two = limited(2);
    assert_eq!((keys(&two).len(), two.more, two.count), (2, true, 4));
    let four = limited(4);
    assert_eq!((keys(&four).len(), four.more, four.count), (4, false, 4));
}

#[test]
fn counting_gives_no_keys_and_no_more() {
    let store = letters();
    let range = Range { limit: Some(1), wanted: Wanted::CountOnly, ..range_of("\0", "\0") };
    assert_eq!(store.range(&range).unwrap(), RangeReply { count: 4, ..RangeReply::default() });
}

#[test]
fn keys_alone_come_without_values() {
    let store = letters();
    let range = Range { wanted: Wanted::KeysOnly, ..range_of("\0", "\0") };
    let reply = store.range(&range).unwrap();
    assert!(reply.kvs.iter().all(|kv| kv.value.is_empty() && kv.version > 0));
}

#[test]
fn filters_leave_out_but_are_not_counted_and_come_before_the_limit() {
    let store = letters();
    let range = Range {
        filter: Filter { min_modified: 4, max_created: 5, ..Filter::default() },
        limit: Some(1),
        ..range_of("\0", "\0")
    };
    let reply = store.range(&range).unwrap();
    assert_eq!((keys(&reply), reply.more, reply.count), (vec!["b".to_owned()], true, 4));
    let both = store.range(&Range { limit: Some(2), ..range }).unwrap();
    assert_eq!((keys(&both), both.more), (vec!["b".to_owned(), "c".to_owned()], false));
}

#[test]
fn the_order_can_be_by_anything_and_ties_keep_the_order_of_keys() {
    let store = letters();
    let sorted = |by, descending| {
        keys(&store.range(&Range { sort: Some(Sort { by, descending }), ..range_of("\0", "\0") }).unwrap())
            .concat()
    };
    assert_eq!(sorted(SortBy::Key, true), "dcba");
    assert_eq!(sorted(SortBy::Version, false), "acdb");
    assert_eq!(sorted(SortBy::Version, true), "bacd");
    assert_eq!(sorted(SortBy::Created, true), "dcba");
    assert_eq!(sorted(SortBy::Modified, false), "acbd");
    assert_eq!(sorted(SortBy::Value, false), "dcab");
    let first = Range {
        sort: Some(Sort { by: SortBy::Value, descending: true }),
        limit: Some(1),
        ..range_of("\0", "\0")
    };
    let reply = store.range(&first).unwrap();
    assert_eq!((keys(&reply), reply.more), (vec!["b".to_owned()], true));
}
