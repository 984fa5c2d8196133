//! Who may.

use super::*;
use crate::cluster::store::request::{AlarmChange, Compare, Operand, Range, Test};

use AuthError::{OldRevision, PermissionDenied, UserEmpty};

/// What `rd`, `wr`, `rw` and `root` are told.
fn told(bench: &Bench, change: &Change) -> [Result<(), AuthError>; 4] {
    ["rd", "wr", "rw", "root"].map(|user| bench.check(user, change))
}

const DENIED: Result<(), AuthError> = Err(PermissionDenied);

fn compare(range: KeyRange) -> Compare {
    Compare { range, test: Test::Equal, with: Operand::Version(0) }
}

fn then(ops: Vec<Op>) -> Change {
    Change::Txn(Txn { then: ops, ..Txn::default() })
}

fn otherwise(ops: Vec<Op>) -> Change {
    Change::Txn(Txn { otherwise: ops, ..Txn::default() })
}

#[test]
fn off_means_that_nobody_is_asked() {
    let bench = Bench::with_users();
    assert_eq!(bench.auth.check(None, &Change::Put(put("z")), &lease_keys), Ok(()));
    assert_eq!(bench.auth.check_range(None, &one("z")), Ok(()));
    assert_eq!(bench.auth.check_admin(None), Ok(()));
    assert_eq!(bench.auth.check_read_txn(None, &Txn::default()), Ok(()));
    assert!(bench.auth.is_admin(None));
    assert_eq!(bench.auth.own_caller(), None);
}

#[test]
fn who_is_not_known_is_told_so() {
    let bench = Bench::on();
    for change in [
        Change::Put(put("b")),
        Change::Delete(delete(one("b"))),
        Change::LeaseGrant { id: LeaseId(1), ttl_s: 9 },
        Change::LeaseRevoke { id: LeaseId(99) },
        Change::Compact { revision: crate::cluster::store::id::Revision(1) },
        Change::Auth(AuthChange::Enable),
        then(vec![Op::Put(put("b"))]),
    ] {
        assert_eq!(bench.auth.check(None, &change, &lease_keys), Err(UserEmpty), "{change:?}");
    }
    assert_eq!(bench.auth.check_range(None, &one("b")), Err(UserEmpty));
}

#[test]
fn a_range_must_be_covered_by_all_roles_together() {
    let mut bench = Bench::on();
    bench.user("u").role("one").role("two").give("u", "one").give("u", "two");
    bench.grant("one", Access::Read, span("a", "c")).grant("two", Access::ReadWrite, span("c", "m"));
    let caller = bench.caller("u");
    assert!(bench.auth.may_read(Some(&caller), &span("b", "d")));
    assert!(bench.auth.may_read(Some(&caller), &span("a", "m")));
    assert!(!bench.auth.may_read(Some(&caller), &span("a", "n")));
    assert!(!bench.auth.may_read(Some(&caller), &KeyRange::From("a".into())));
    assert!(!bench.auth.may_write(Some(&caller), &span("b", "d")));
    assert!(bench.auth.may_write(Some(&caller), &span("d", "e")));
}

#[test]
fn rights_follow_each_change_of_roles_and_users() {
    let mut bench = Bench::on();
    bench.user("u").role("r");
    let may = |bench: &Bench| bench.auth.may_read(Some(&bench.caller("u")), &one("x"));
    assert!(!may(&bench));
    bench.give("u", "r").grant("r", Access::Read, one("x"));
    assert!(may(&bench));
    bench.grant("r", Access::Write, one("x"));
    assert!(!may(&bench));
    bench.grant("r", Access::ReadWrite, one("x"));
    assert!(may(&bench));
    bench.done(revoke("r", one("x")));
    assert!(!may(&bench));
    bench.give("u", "root");
    assert!(may(&bench));
    bench.take("u", "root");
    assert!(!may(&bench));
}

#[test]
fn a_put_needs_write_and_read_too_for_what_was_there() {
    let bench = Bench::on();
    assert_eq!(told(&bench, &Change::Put(put("b"))), [DENIED, Ok(()), Ok(()), Ok(())]);
    let previous = Change::Put(Put { previous: true, ..put("b") });
    assert_eq!(told(&bench, &previous), [DENIED, DENIED, Ok(()), Ok(())]);
    assert_eq!(told(&bench, &Change::Put(put("z"))), [DENIED, DENIED, DENIED, Ok(())]);
}

#[test]
fn a_key_may_hang_only_on_a_lease_that_the_caller_may_end() {
    let bench = Bench::on();
    let on = |lease: i64| Put { lease: Some(LeaseId(lease)), ..put("b") };
    assert_eq!(told(&bench, &Change::Put(on(7))), [DENIED, DENIED, DENIED, Ok(())]);
    assert_eq!(told(&bench, &Change::Put(on(8))), [DENIED, Ok(()), Ok(()), Ok(())]);
    assert_eq!(told(&bench, &Change::Put(on(0))), [DENIED, Ok(()), Ok(()), Ok(())]);
    // A lease that is not there is found out later.
    assert_eq!(told(&bench, &Change::Put(on(99))), [DENIED, Ok(()), Ok(()), Ok(())]);
    assert_eq!(told(&bench, &then(vec![Op::Put(on(7))])), [DENIED, DENIED, DENIED, Ok(())]);
}

#[test]
fn a_delete_needs_write_and_read_too_for_what_was_there() {
    let bench = Bench::on();
    assert_eq!(told(&bench, &Change::Delete(delete(span("a", "c")))), [DENIED, Ok(()), Ok(()), Ok(())]);
    let previous = Change::Delete(Delete { previous: true, ..delete(span("a", "c")) });
    assert_eq!(told(&bench, &previous), [DENIED, DENIED, Ok(()), Ok(())]);
    assert_eq!(told(&bench, &Change::Delete(delete(span("m", "a")))), [DENIED, DENIED, DENIED, Ok(())]);
}

#[test]
fn a_txn_needs_read_for_what_it_compares() {
    let bench = Bench::on();
    let txn = |range| Change::Txn(Txn { compares: vec![compare(range)], ..Txn::default() });
    assert_eq!(told(&bench, &txn(one("b"))), [Ok(()), DENIED, Ok(()), Ok(())]);
    assert_eq!(told(&bench, &txn(span("a", "z"))), [DENIED, DENIED, DENIED, Ok(())]);
}

#[test]
fn a_txn_needs_the_rights_of_both_branches_at_any_depth() {
    let bench = Bench::on();
    for branch in [then, otherwise] {
        assert_eq!(
            told(&bench, &branch(vec![Op::Range(Range::of(one("b")))])),
            [Ok(()), DENIED, Ok(()), Ok(())]
        );
        assert_eq!(told(&bench, &branch(vec![Op::Put(put("b"))])), [DENIED, Ok(()), Ok(()), Ok(())]);
        assert_eq!(
            told(&bench, &branch(vec![Op::Delete(delete(one("b")))])),
            [DENIED, Ok(()), Ok(()), Ok(())]
        );
        for hidden in [
            Txn { compares: vec![compare(one("z"))], ..Txn::default() },
            Txn { then: vec![Op::Put(put("z"))], ..Txn::default() },
            Txn { otherwise: vec![Op::Range(Range::of(one("z")))], ..Txn::default() },
        ] {
            let deep = Op::Txn(Txn { otherwise: vec![Op::Txn(hidden)], ..Txn::default() });
            assert_eq!(told(&bench, &branch(vec![deep])), [DENIED, DENIED, DENIED, Ok(())]);
        }
    }
}

#[test]
fn an_empty_txn_needs_nothing_but_a_revision_that_is_not_old() {
    let bench = Bench::on();
    let empty = Txn::default();
    assert_eq!(bench.auth.check_read_txn(None, &empty), Ok(()));
    let mut root = bench.caller("root");
    root.auth_revision -= 1;
    assert_eq!(bench.auth.check_read_txn(Some(&root), &empty), Err(OldRevision));
    assert_eq!(bench.auth.check(Some(&root), &Change::Txn(empty), &lease_keys), Err(OldRevision));
}

#[test]
fn leases_are_granted_to_all_who_are_known_and_ended_by_who_may_write_their_keys() {
    let bench = Bench::on();
    let grant = Change::LeaseGrant { id: LeaseId(1), ttl_s: 9 };
    assert_eq!(told(&bench, &grant), [Ok(()); 4]);
    assert_eq!(told(&bench, &Change::LeaseRevoke { id: LeaseId(7) }), [DENIED, DENIED, DENIED, Ok(())]);
    assert_eq!(told(&bench, &Change::LeaseRevoke { id: LeaseId(8) }), [DENIED, Ok(()), Ok(()), Ok(())]);
    assert_eq!(told(&bench, &Change::LeaseRevoke { id: LeaseId(99) }), [Ok(()); 4]);
}

#[test]
fn listing_a_leases_keys_needs_read_on_each() {
    let bench = Bench::on();
    let check = |user, lease| {
        bench.auth.check_lease(Some(&bench.caller(user)), &lease_keys(LeaseId(lease)), Access::Read)
    };
    assert_eq!(["rd", "wr", "rw", "root"].map(|user| check(user, 8)), [Ok(()), DENIED, Ok(()), Ok(())]);
    assert_eq!(["rd", "wr", "rw", "root"].map(|user| check(user, 7)), [DENIED, DENIED, DENIED, Ok(())]);
}

#[test]
fn what_is_for_administrators_is_for_who_has_the_role_root() {
    let mut bench = Bench::on();
    let alarm = AlarmChange { raise: true, member: crate::cluster::store::id::MemberId(0), kind: None };
    for change in [
        Change::Compact { revision: crate::cluster::store::id::Revision(1) },
        Change::Alarm(alarm),
        Change::Auth(add_user("new")),
        Change::Auth(AuthChange::Disable),
        Change::Downgrade { enabled: true, target: "3.4.0".into() },
    ] {
        assert_eq!(told(&bench, &change), [DENIED, DENIED, DENIED, Ok(())], "{change:?}");
    }
    bench.give("rd", "root");
    assert!(bench.auth.is_admin(Some(&bench.caller("rd"))));
}

#[test]
fn users_see_themselves_and_their_roles() {
    let bench = Bench::on();
    let rd = bench.caller("rd");
    assert_eq!(bench.auth.check_user(Some(&rd), "rd"), Ok(()));
    assert_eq!(bench.auth.check_user(Some(&rd), "wr"), Err(PermissionDenied));
    assert_eq!(bench.auth.check_role(Some(&rd), "rd"), Ok(()));
    assert_eq!(bench.auth.check_role(Some(&rd), "wr"), Err(PermissionDenied));
    assert_eq!(bench.auth.check_role(None, "rd"), Err(UserEmpty));
    assert_eq!(bench.auth.check_user(Some(&bench.caller("root")), "rd"), Ok(()));
}

#[test]
fn an_old_revision_is_refused_for_keys_even_to_root() {
    let mut bench = Bench::on();
    let root = bench.caller("root");
    bench.role("new");
    let check = |change| bench.auth.check(Some(&root), &change, &lease_keys);
    assert_eq!(check(Change::Put(put("b"))), Err(OldRevision));
    assert_eq!(check(Change::Delete(delete(one("b")))), Err(OldRevision));
    assert_eq!(check(then(vec![Op::Put(put("b"))])), Err(OldRevision));
    assert_eq!(bench.auth.check_range(Some(&root), &one("b")), Err(OldRevision));
}

#[test]
fn what_counts_for_administrators_and_leases_is_what_the_caller_is_now() {
    let mut bench = Bench::on();
    let (root, rd) = (bench.caller("root"), bench.caller("wr"));
    bench.role("new");
    let check = |caller, change| bench.auth.check(Some(caller), &change, &lease_keys);
    assert_eq!(check(&root, Change::Auth(add_user("u"))), Ok(()));
    assert_eq!(check(&root, Change::LeaseRevoke { id: LeaseId(7) }), Ok(()));
    assert_eq!(check(&rd, Change::LeaseGrant { id: LeaseId(1), ttl_s: 9 }), Ok(()));
    assert_eq!(check(&rd, Change::LeaseRevoke { id: LeaseId(8) }), Err(OldRevision));
    assert_eq!(check(&rd, Change::LeaseRevoke { id: LeaseId(99) }), Ok(()));
}

#[test]
fn a_user_who_is_deleted_may_do_nothing() {
    let mut bench = Bench::on();
    bench.done(delete_user("rd"));
    assert_eq!(bench.auth.check_range(Some(&bench.caller("rd")), &one("b")), Err(PermissionDenied));
    assert_eq!(bench.auth.check_admin(Some(&bench.caller("rd"))), Err(PermissionDenied));
}

#[test]
fn the_cluster_itself_may_do_everything() {
    let bench = Bench::on();
    let own = bench.auth.own_caller();
    let revoke = Change::LeaseRevoke { id: LeaseId(7) };
    assert_eq!(bench.auth.check(own.as_ref(), &revoke, &lease_keys), Ok(()));
}
