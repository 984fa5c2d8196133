//! What may be changed, and what the revision counts.

use super::*;

#[test]
fn a_store_begins_off_at_revision_one() {
    assert_eq!(Auth::default().status(), AuthStatus { enabled: false, revision: 1 });
}

#[test]
fn users_need_a_name_that_is_free() {
    let mut bench = Bench::default();
    assert_eq!(bench.refused(add_user("")), AuthError::UserEmpty);
    bench.user("u");
    assert_eq!(bench.refused(add_user("u")), AuthError::UserExists);
    assert_eq!(bench.auth.revision(), 2);
}

#[test]
fn roles_need_a_name_that_is_free() {
    let mut bench = Bench::default();
    assert_eq!(bench.refused(AuthChange::RoleAdd { role: "".into() }), AuthError::RoleEmpty);
    bench.role("r");
    assert_eq!(bench.refused(AuthChange::RoleAdd { role: "r".into() }), AuthError::RoleExists);
}

#[test]
fn what_is_not_there_is_told_the_user_first() {
    let mut bench = Bench::default();
    bench.user("u");
    assert_eq!(bench.refused(delete_user("zz")), AuthError::UserNotFound);
    assert_eq!(bench.refused(change_password("zz")), AuthError::UserNotFound);
    assert_eq!(bench.refused(give("zz", "zz")), AuthError::UserNotFound);
    assert_eq!(bench.refused(give("u", "zz")), AuthError::RoleNotFound);
    assert_eq!(bench.refused(take("zz", "zz")), AuthError::UserNotFound);
    assert_eq!(bench.refused(take("u", "zz")), AuthError::RoleNotGranted);
    assert_eq!(bench.refused(delete_role("zz")), AuthError::RoleNotFound);
    assert_eq!(bench.refused(grant("zz", Access::Read, one("a"))), AuthError::RoleNotFound);
    assert_eq!(bench.refused(revoke("zz", one("a"))), AuthError::RoleNotFound);
    assert_eq!(bench.auth.user("zz").err(), Some(AuthError::UserNotFound));
    assert_eq!(bench.auth.role("zz").err(), Some(AuthError::RoleNotFound));
}

#[test]
fn giving_a_role_twice_is_no_change() {
    let mut bench = Bench::default();
    bench.user("u").role("r").give("u", "r");
    let revision = bench.auth.revision();
    bench.give("u", "r");
    assert_eq!(bench.auth.revision(), revision);
    assert_eq!(bench.roles_of("u"), ["r"]);
}

#[test]
fn a_users_roles_are_sorted() {
    let mut bench = Bench::default();
    bench.user("u").role("b").role("a").give("u", "root").give("u", "b").give("u", "a");
    assert_eq!(bench.roles_of("u"), ["a", "b", "root"]);
}

#[test]
fn the_role_root_can_be_given_without_being_there() {
    let mut bench = Bench::default();
    bench.user("u").give("u", "root");
    assert_eq!(bench.auth.roles().count(), 0);
    bench.role("root");
    assert_eq!(bench.auth.roles().count(), 1);
}

#[test]
fn who_had_a_role_that_is_deleted_has_it_no_more() {
    let mut bench = Bench::on();
    let revision = bench.auth.revision();
    bench.done(delete_role("rd"));
    assert_eq!(bench.auth.revision(), revision + 1);
    assert!(bench.roles_of("rd").is_empty());
    assert!(!bench.auth.may_read(Some(&bench.caller("rd")), &one("b")));
    bench.role("rd").grant("rd", Access::Read, one("b"));
    assert!(
        !bench.auth.may_read(Some(&bench.caller("rd")), &one("b")),
        "a role of the same name is another one"
    );
}

#[test]
fn a_grant_on_the_same_range_replaces_and_counts_even_when_it_says_the_same() {
    let mut bench = Bench::default();
    bench.role("r").grant("r", Access::Read, span("a", "c"));
    bench.grant("r", Access::Write, span("a", "c"));
    let revision = bench.auth.revision();
    bench.grant("r", Access::Write, span("a", "c"));
    assert_eq!(bench.auth.revision(), revision + 1);
    let all: Vec<_> = bench.auth.role("r").unwrap().collect();
    assert_eq!(all, [Permission { access: Access::Write, range: span("a", "c") }]);
}

#[test]
fn ranges_of_one_start_are_kept_apart() {
    let mut bench = Bench::default();
    bench.role("r");
    for range in [span("a", "d"), span("a", "c"), one("a"), KeyRange::From("a".into()), one("\0")] {
        bench.grant("r", Access::Read, range);
    }
    bench.grant("r", Access::Write, span("a", "c")).done(revoke("r", span("a", "d")));
    assert_eq!(bench.refused(revoke("r", span("a", "d"))), AuthError::PermissionNotGranted);
    let left: Vec<_> = bench.auth.role("r").unwrap().map(|permission| permission.range).collect();
    assert_eq!(left, [one("\0"), one("a"), KeyRange::From("a".into()), span("a", "c")]);
}

#[test]
fn a_permission_on_no_key_is_refused() {
    let mut bench = Bench::default();
    for range in [one(""), KeyRange::From("".into()), span("", "x"), span("b", "a"), span("b", "b")] {
        assert_eq!(bench.refused(grant("zz", Access::Read, range)), AuthError::InvalidManagement);
    }
}

#[test]
fn turning_on_needs_root_with_its_role_and_is_no_change() {
    let mut bench = Bench::default();
    assert_eq!(bench.refused(AuthChange::Enable), AuthError::RootUserNotExist);
    bench.user("root");
    assert_eq!(bench.refused(AuthChange::Enable), AuthError::RootRoleNotGranted);
    bench.give("root", "root");
    let revision = bench.auth.revision();
    bench.done(AuthChange::Enable).done(AuthChange::Enable);
    assert_eq!(bench.auth.status(), AuthStatus { enabled: true, revision });
}

#[test]
fn turning_off_is_a_change_when_it_was_on() {
    let mut bench = Bench::default();
    bench.done(AuthChange::Disable);
    assert_eq!(bench.auth.revision(), 1);
    let mut bench = Bench::on();
    let revision = bench.auth.revision();
    bench.done(AuthChange::Disable).done(AuthChange::Disable);
    assert_eq!(bench.auth.status(), AuthStatus { enabled: false, revision: revision + 1 });
}

#[test]
fn root_is_protected_while_it_is_on() {
    let mut bench = Bench::on();
    assert_eq!(bench.refused(delete_user("root")), AuthError::InvalidManagement);
    assert_eq!(bench.refused(take("root", "root")), AuthError::InvalidManagement);
    assert_eq!(bench.refused(delete_role("root")), AuthError::InvalidManagement);
    bench
        .role("root")
        .grant("root", Access::Read, one("a"))
        .done(revoke("root", one("a")))
        .done(change_password("root"));
    bench.give("rd", "root").take("rd", "root");
}

#[test]
fn root_is_like_others_while_it_is_off() {
    let mut bench = Bench::with_users();
    assert_eq!(bench.refused(delete_role("root")), AuthError::RoleNotFound);
    bench.take("root", "root").done(delete_user("root"));
}

#[test]
fn a_user_without_a_password_stays_without_and_it_counts() {
    let mut bench = Bench::on();
    bench.done(AuthChange::UserAdd { user: "cert".into(), password_hash: None });
    let revision = bench.auth.revision();
    bench.done(change_password("cert"));
    assert_eq!(bench.auth.revision(), revision + 1);
    assert_eq!(bench.auth.secret("cert"), Err(AuthError::NoPasswordUser));
}

#[test]
fn a_token_gets_the_place_in_the_log_as_index() {
    let mut bench = Bench::on();
    let change = |user: &str| AuthChange::Authenticate { user: user.into(), simple_token: "letters".into() };
    assert_eq!(bench.auth.apply(&change("rd"), 131), Ok(AuthReply::Token("letters.131".into())));
    assert_eq!(bench.refused(change("zz")), AuthError::Failed);
    bench.done(AuthChange::Disable);
    assert_eq!(bench.refused(change("rd")), AuthError::NotEnabled);
}

#[test]
fn a_password_is_verified_against_what_was_set_last() {
    let mut bench = Bench::with_users();
    assert_eq!(bench.auth.secret("rd"), Err(AuthError::NotEnabled));
    bench.done(AuthChange::Enable).done(change_password("rd"));
    let secret = bench.auth.secret("rd").unwrap();
    assert_eq!((&*secret.password_hash, secret.auth_revision), ("new", bench.auth.revision()));
    assert_eq!(bench.auth.secret("zz"), Err(AuthError::Failed));
    assert!(!format!("{secret:?} {:?} {:?}", bench.auth, bench.auth.to_record()).contains("new"));
}
