//! What alarms forbid.

use super::*;
use crate::cluster::store::id::MemberId;
use crate::cluster::store::reply::Alarm;
use crate::cluster::store::request::{AlarmChange, AlarmKind};

fn alarm(store: &mut Store, raise: bool, member: u64, kind: Option<AlarmKind>) -> Vec<Alarm> {
    match done(store, Change::Alarm(AlarmChange { raise, member: MemberId(member), kind })).reply {
        Reply::Alarms(alarms) => alarms,
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_space_nothing_grows_but_all_else_works() {
    let mut store = Store::new();
    put(&mut store, "a", "1");
    grant(&mut store, 3);
    alarm(&mut store, true, 5, Some(AlarmKind::NoSpace));
    let puts = || Op::Put(put_of("b", ""));
    let refused = [
        Change::Put(put_of("b", "1")),
        Change::Txn(then(vec![puts()])),
        Change::Txn(Txn { otherwise: vec![puts()], ..Txn::default() }),
        Change::Txn(then(vec![Op::Txn(then(vec![puts()]))])),
        Change::LeaseGrant { id: LeaseId(4), ttl_s: 5 },
    ];
    for change in refused {
        assert_eq!(apply(&mut store, change), Err(StoreError::NoSpace));
    }
    txn(&mut store, then(vec![Op::Range(range_of("a", "")), Op::Delete(delete_of("x", ""))])).unwrap();
    delete(&mut store, "a", "");
    compact(&mut store, 2).unwrap();
    done(&mut store, Change::LeaseRevoke { id: LeaseId(3) });
    alarm(&mut store, false, 5, Some(AlarmKind::NoSpace));
    put(&mut store, "b", "1");
}

#[test]
fn a_corrupt_cluster_can_only_be_read() {
    let mut store = Store::new();
    put(&mut store, "a", "1");
    grant(&mut store, 3);
    alarm(&mut store, true, 5, Some(AlarmKind::Corrupt));
    let refused = [
        Change::Put(put_of("b", "1")),
        Change::Delete(delete_of("a", "")),
        Change::Txn(Txn::default()),
        Change::Compact { revision: Revision(1) },
        Change::LeaseGrant { id: LeaseId(4), ttl_s: 5 },
        Change::LeaseRevoke { id: LeaseId(3) },
    ];
    for change in refused {
        assert_eq!(apply(&mut store, change), Err(StoreError::Corrupt));
    }
    assert!(get(&store, "a").is_some());
    assert!(store.read_txn(&then(vec![Op::Range(range_of("a", ""))])).is_ok());
}

#[test]
fn alarms_end_one_by_one() {
    let mut store = Store::new();
    let of = |member, kind| Alarm { member: MemberId(member), kind };
    assert_eq!(alarm(&mut store, true, 5, Some(AlarmKind::NoSpace)), [of(5, AlarmKind::NoSpace)]);
    assert_eq!(alarm(&mut store, true, 5, Some(AlarmKind::NoSpace)), [of(5, AlarmKind::NoSpace)]);
    alarm(&mut store, true, 6, Some(AlarmKind::NoSpace));
    assert!(alarm(&mut store, true, 6, None).is_empty());
    assert!(alarm(&mut store, false, 0, None).is_empty());
    assert!(alarm(&mut store, false, 5, None).is_empty());
    assert!(alarm(&mut store, false, 5, Some(AlarmKind::Corrupt)).is_empty());
    assert_eq!(alarm(&mut store, false, 5, Some(AlarmKind::NoSpace)), [of(5, AlarmKind::NoSpace)]);
    assert_eq!(apply(&mut store, Change::Put(put_of("a", ""))), Err(StoreError::NoSpace));
    assert_eq!(store.alarms().collect::<Vec<_>>(), [of(6, AlarmKind::NoSpace)]);
}
