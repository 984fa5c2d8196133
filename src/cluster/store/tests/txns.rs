//! Transactions.

use super::*;
use crate::cluster::store::reply::OpReply;
use crate::cluster::store::request::{Compare, Operand, Test};
use crate::cluster::store::validate::{FormError, check_txn};

fn compare(key: &str, end: &str, test: Test, with: Operand) -> Compare {
    Compare { range: KeyRange::of(bytes(key), bytes(end)), test, with }
}

fn puts(key: &str) -> Op {
    Op::Put(put_of(key, "v"))
}

fn deletes(key: &str, end: &str) -> Op {
    Op::Delete(delete_of(key, end))
}

fn holds(store: &mut Store, compare: Compare) -> bool {
    txn(store, Txn { compares: vec![compare], ..Txn::default() }).unwrap().succeeded
}

#[test]
fn a_txn_that_writes_takes_one_revision_and_one_that_does_not_none() {
    let mut store = Store::new();
    txn(&mut store, then(vec![puts("a"), puts("b"), puts("c")])).unwrap();
    assert_eq!(store.revision(), Revision(2));
    assert!(all(&store).kvs.iter().all(|kv| kv.modified == Revision(2)));
    txn(&mut store, then(vec![Op::Range(range_of("a", "")), deletes("x", "")])).unwrap();
    assert_eq!(store.revision(), Revision(2));
}

#[test]
fn requests_see_what_those_before_them_wrote_and_tell_the_revision_at_that_point() {
    let mut store = Store::new();
    put(&mut store, "a", "old");
    let reply = txn(
        &mut store,
        then(vec![
            Op::Range(range_of("a", "")),
            puts("a"),
            Op::Range(range_of("a", "")),
            deletes("b", ""),
            Op::Txn(then(vec![Op::Range(range_of("a", ""))])),
        ]),
    )
    .unwrap();
    let revisions: Vec<i64> = reply.replies.iter().map(|(revision, _)| revision.0).collect();
    assert_eq!(revisions, [2, 3, 3, 3, 3]);
    let value = |reply: &OpReply| match reply {
        OpReply::Range(reply) => reply.kvs[0].value.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(value(&reply.replies[0].1), "old");
    assert_eq!(value(&reply.replies[2].1), "v");
}

#[test]
fn comparisons_choose_the_list() {
    let mut store = Store::new();
    let create = Txn {
        compares: vec![compare("a", "", Test::Equal, Operand::Created(0))],
        then: vec![puts("a")],
        otherwise: vec![Op::Range(range_of("a", ""))],
    };
    assert!(txn(&mut store, create.clone()).unwrap().succeeded);
    let second = txn(&mut store, create).unwrap();
    assert!(!second.succeeded);
    assert!(matches!(&second.replies[0].1, OpReply::Range(reply) if reply.count == 1));
}

#[test]
fn each_thing_can_be_compared_in_each_way() {
    let mut store = Store::new();
    grant(&mut store, 7);
    put(&mut store, "a", "m");
    done(&mut store, Change::Put(Put { lease: Some(LeaseId(7)), ..put_of("a", "m") }));
    let operands = [
        [Operand::Version(1), Operand::Version(2), Operand::Version(3)],
        [Operand::Created(1), Operand::Created(2), Operand::Created(3)],
        [Operand::Modified(2), Operand::Modified(3), Operand::Modified(4)],
        [Operand::Value(bytes("l")), Operand::Value(bytes("m")), Operand::Value(bytes("n"))],
        [Operand::Lease(LeaseId(6)), Operand::Lease(LeaseId(7)), Operand::Lease(LeaseId(8))],
    ];
    for [less, same, more] in operands {
        let mut way =
            |test| [&less, &same, &more].map(|with| holds(&mut store, compare("a", "", test, with.clone())));
        assert_eq!(way(Test::Equal), [false, true, false]);
        assert_eq!(way(Test::NotEqual), [true, false, true]);
        assert_eq!(way(Test::Greater), [true, false, false]);
        assert_eq!(way(Test::Less), [false, false, true]);
    }
}

#[test]
fn a_missing_key_has_zeros_and_no_value() {
    let mut store = Store::new();
    for with in [Operand::Version(0), Operand::Created(0), Operand::Modified(0), Operand::Lease(LeaseId(0))] {
        assert!(holds(&mut store, compare("a", "", Test::Equal, with.clone())));
        assert!(holds(&mut store, compare("a", "z", Test::Equal, with)));
    }
    for test in [Test::Equal, Test::NotEqual, Test::Less, Test::Greater] {
        assert!(!holds(&mut store, compare("a", "", test, Operand::Value(bytes("")))));
    }
}

#[test]
fn every_key_of_a_range_must_pass() {
    let mut store = Store::new();
    put(&mut store, "a", "1");
    put(&mut store, "b", "2");
    assert!(holds(&mut store, compare("a", "c", Test::Greater, Operand::Value(bytes("0")))));
    assert!(!holds(&mut store, compare("a", "c", Test::Equal, Operand::Value(bytes("1")))));
}

#[test]
fn an_unknown_target_compares_as_equal() {
    let mut store = Store::new();
    assert!(holds(&mut store, compare("a", "", Test::Equal, Operand::Unknown)));
    assert!(!holds(&mut store, compare("a", "", Test::Less, Operand::Unknown)));
}

#[test]
fn comparisons_within_come_before_all_writes() {
    let mut store = Store::new();
    let inner = Txn {
        compares: vec![compare("a", "", Test::Equal, Operand::Version(0))],
        then: vec![puts("b")],
        otherwise: vec![puts("c")],
    };
    txn(&mut store, then(vec![puts("a"), Op::Txn(inner)])).unwrap();
    assert_eq!(keys(&all(&store)), ["a", "b"]);
}

#[test]
fn an_error_in_the_taken_list_means_that_nothing_is_written() {
    let mut store = Store::new();
    for value in ["1", "2", "3"] {
        put(&mut store, "k", value);
    }
    compact(&mut store, 3).unwrap();
    let at = |revision| Op::Range(Range { revision: Some(Revision(revision)), ..range_of("k", "") });
    let leased = Op::Put(Put { lease: Some(LeaseId(9)), ..put_of("b", "") });
    let kept = Op::Put(Put { value: None, ..put_of("b", "") });
    let cases = [
        (at(2), StoreError::Compacted),
        // The revision that this very transaction would make is the future.
        (at(5), StoreError::FutureRevision),
        (leased, StoreError::LeaseNotFound),
        (kept, StoreError::KeyNotFound),
    ];
    for (op, error) in cases {
        assert_eq!(txn(&mut store, then(vec![puts("a"), op.clone()])), Err(error));
        assert_eq!(txn(&mut store, then(vec![puts("a"), Op::Txn(then(vec![op.clone()]))])), Err(error));
        assert_eq!((store.revision(), get(&store, "a")), (Revision(4), None));
        let other_way = Txn { otherwise: vec![op], ..Txn::default() };
        assert!(txn(&mut store, other_way).is_ok());
    }
    assert!(txn(&mut store, then(vec![puts("a"), at(3)])).is_ok());
}

#[test]
fn a_txn_that_only_reads_needs_no_place_in_the_log() {
    let mut store = Store::new();
    put(&mut store, "a", "1");
    let reads = then(vec![Op::Range(range_of("a", "")), Op::Txn(then(vec![Op::Range(range_of("b", ""))]))]);
    assert!(reads.only_reads());
    assert!(!then(vec![Op::Txn(then(vec![deletes("a", "")]))]).only_reads());
    let reply = store.read_txn(&reads).unwrap();
    assert_eq!(reply, txn(&mut store, reads).unwrap());
}

#[test]
fn a_key_is_written_once_in_a_txn() {
    let within = |op: Op| Op::Txn(then(vec![op]));
    let duplicates = [
        vec![puts("a"), puts("a")],
        vec![puts("a"), deletes("a", "")],
        vec![deletes("a", "c"), puts("b")],
        vec![within(puts("b")), puts("b")],
        vec![within(puts("b")), within(puts("b"))],
        vec![within(deletes("a", "c")), within(puts("b"))],
        vec![within(within(puts("b"))), deletes("b", "")],
    ];
    for ops in duplicates {
        let both = [then(ops.clone()), Txn { otherwise: ops, ..Txn::default() }];
        for txn in both {
            assert_eq!(check_txn(&txn), Err(FormError::DuplicateKey), "{txn:?}");
        }
    }
    let fine = [
        then(vec![deletes("a", ""), deletes("a", "c"), deletes("c", "a"), puts("c")]),
        then(vec![puts("a"), deletes("b", "a")]),
        // etcd overlooks ranges without an end, and deletions within what comes after.
        then(vec![within(puts("b")), within(deletes("a", "c"))]),
        then(vec![deletes("a", "\0"), within(puts("b"))]),
        Txn { then: vec![puts("a")], otherwise: vec![puts("a")], ..Txn::default() },
        then(vec![Op::Txn(Txn {
            then: vec![puts("a")],
            otherwise: vec![deletes("a", "")],
            ..Txn::default()
        })]),
    ];
    for txn in fine {
        assert_eq!(check_txn(&txn), Ok(()), "{txn:?}");
    }
}
