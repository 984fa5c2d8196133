//! Leases and their ends.

use std::time::Duration;

use super::*;
use crate::cluster::store::lessor::Lessor;
use crate::engine::sched::Time;

fn leased(key: &str, lease: i64) -> Change {
    Change::Put(Put { lease: Some(LeaseId(lease)), ..put_of(key, "v") })
}

fn revoke(store: &mut Store, id: i64) -> Result<Applied, StoreError> {
    apply(store, Change::LeaseRevoke { id: LeaseId(id) })
}

fn hung(store: &Store, id: i64) -> Vec<String> {
    store.leases().keys(LeaseId(id)).map(|key| String::from_utf8_lossy(&key).into_owned()).collect()
}

#[test]
fn a_lease_takes_its_keys_with_it_in_one_revision_and_in_their_order() {
    let mut store = Store::new();
    grant(&mut store, 7);
    for key in ["c", "a", "b"] {
        done(&mut store, leased(key, 7));
    }
    assert_eq!(hung(&store, 7), ["a", "b", "c"]);
    assert_eq!(revoke(&mut store, 7).unwrap().revision, Revision(5));
    assert_eq!(all(&store).count, 0);
    let deleted: Vec<_> = store.snapshot().versions().filter(|saved| saved.tombstone).collect();
    let order: Vec<_> =
        deleted.iter().map(|saved| (&*saved.kv.key, saved.mark.main.0, saved.mark.sub)).collect();
    assert_eq!(order, [(&b"a"[..], 5, 0), (b"b", 5, 1), (b"c", 5, 2)]);
    assert_eq!(revoke(&mut store, 7), Err(StoreError::LeaseNotFound));
}

#[test]
fn a_lease_without_keys_ends_without_a_revision() {
    let mut store = Store::new();
    grant(&mut store, 7);
    assert_eq!(revoke(&mut store, 7).unwrap().revision, Revision(1));
}

#[test]
fn a_key_hangs_on_the_lease_that_its_last_put_named() {
    let mut store = Store::new();
    grant(&mut store, 1);
    grant(&mut store, 2);
    done(&mut store, leased("a", 1));
    done(&mut store, leased("a", 2));
    assert_eq!((hung(&store, 1).len(), hung(&store, 2).len()), (0, 1));
    put(&mut store, "a", "free");
    assert_eq!(hung(&store, 2).len(), 0);
    done(&mut store, leased("a", 1));
    delete(&mut store, "a", "");
    assert_eq!(hung(&store, 1).len(), 0);
    put(&mut store, "a", "again");
    revoke(&mut store, 1).unwrap();
    assert!(get(&store, "a").is_some());
}

#[test]
fn a_lease_has_any_number_but_0_and_is_granted_once() {
    let mut store = Store::new();
    let mut ask =
        |id| apply(&mut store, Change::LeaseGrant { id: LeaseId(id), ttl_s: 5 }).map(|done| done.reply);
    assert_eq!(ask(-3), Ok(Reply::LeaseGranted { id: LeaseId(-3), ttl_s: 5 }));
    assert_eq!(ask(-3), Err(StoreError::LeaseExists));
    assert!(ask(0).is_err());
    assert_eq!(store.leases().ttl_s(LeaseId(-3)), Some(5));
    assert_eq!(store.leases().ttl_s(LeaseId(4)), None);
}

#[test]
fn a_put_on_an_unknown_lease_is_refused() {
    let mut store = Store::new();
    assert_eq!(apply(&mut store, leased("a", 9)), Err(StoreError::LeaseNotFound));
}

#[test]
fn a_lease_does_not_live_too_long() {
    let mut store = Store::new();
    let grant = |id, ttl_s| Change::LeaseGrant { id: LeaseId(id), ttl_s };
    assert_eq!(apply(&mut store, grant(1, 9_000_000_001)), Err(StoreError::LeaseTtlTooLarge));
    done(&mut store, grant(1, 9_000_000_000));
}

#[test]
fn a_renewed_lease_lives_on_and_others_end_in_their_order() {
    let mut lessor = Lessor::new();
    let mut store = Store::new();
    lessor.promote(store.leases(), Time(0), Duration::ZERO);
    for (id, ttl_s) in [(1, 5), (2, 4), (3, 6)] {
        done(&mut store, Change::LeaseGrant { id: LeaseId(id), ttl_s });
        lessor.granted(LeaseId(id), ttl_s, Time(0));
    }
    assert_eq!(lessor.by_expiry(), [LeaseId(2), LeaseId(1), LeaseId(3)]);
    assert_eq!(lessor.next_expiry(), Some(Time::from_secs(4)));
    assert_eq!(lessor.renew(LeaseId(1), Time::from_secs(3)), Some(5));
    assert_eq!(lessor.remaining(LeaseId(1), Time::from_secs(4)), Some(Duration::from_secs(4)));
    assert_eq!(lessor.expired(Time::from_secs(6), 1), [LeaseId(2)]);
    assert_eq!(lessor.expired(Time::from_secs(6), 9), [LeaseId(3)]);
    assert!(lessor.expired(Time::from_secs(6), 9).is_empty());
    assert_eq!(lessor.renew(LeaseId(2), Time::from_secs(6)), None);
    assert_eq!(lessor.renew(LeaseId(8), Time::from_secs(6)), None);
    assert_eq!(lessor.remaining(LeaseId(2), Time::from_secs(6)), Some(Duration::ZERO));
}

#[test]
fn an_end_that_did_not_come_is_told_again_and_one_that_came_is_not() {
    let mut lessor = Lessor::new();
    lessor.promote(Store::new().leases(), Time(0), Duration::ZERO);
    lessor.granted(LeaseId(1), 2, Time(0));
    lessor.granted(LeaseId(2), 2, Time(0));
    assert_eq!(lessor.expired(Time::from_secs(2), 9), [LeaseId(1), LeaseId(2)]);
    lessor.revoked(LeaseId(1));
    assert!(lessor.expired(Time::from_secs(4), 9).is_empty());
    assert_eq!(lessor.expired(Time::from_secs(5), 9), [LeaseId(2)]);
}

#[test]
fn a_new_leader_gives_every_lease_its_whole_life_and_others_know_no_ends() {
    let mut store = Store::new();
    grant(&mut store, 1);
    let mut lessor = Lessor::new();
    assert!(!lessor.leads());
    assert!(lessor.expired(Time::from_secs(1000), 9).is_empty());
    assert_eq!(lessor.renew(LeaseId(1), Time(0)), None);
    lessor.promote(store.leases(), Time::from_secs(100), Duration::from_secs(1));
    assert_eq!(lessor.remaining(LeaseId(1), Time::from_secs(100)), Some(Duration::from_secs(11)));
    lessor.demote();
    assert_eq!(lessor.next_expiry(), None);
}
