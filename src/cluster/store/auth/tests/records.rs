//! What is kept and restored.

use super::*;

#[test]
fn what_was_kept_is_what_was_there() {
    let mut bench = Bench::on();
    bench.done(AuthChange::UserAdd { user: "cert".into(), password_hash: None });
    let restored = Auth::from_record(bench.auth.to_record());
    assert_eq!(restored, bench.auth);
    assert!(restored.may_read(Some(&bench.caller("rd")), &span("a", "m")));
    assert!(restored.is_admin(Some(&bench.caller("root"))));
}

#[test]
fn records_are_in_the_order_of_names() {
    let record = Bench::on().auth.to_record();
    let names: Vec<_> = record.users.iter().map(|user| &*user.name).collect();
    assert_eq!(names, ["rd", "root", "rw", "wr"]);
}

#[test]
fn a_store_that_never_had_a_change_is_at_revision_one() {
    let record = record::AuthRecord { enabled: false, revision: 0, users: Vec::new(), roles: Vec::new() };
    assert_eq!(Auth::from_record(record), Auth::default());
}

#[test]
fn a_role_that_a_user_has_and_nobody_knows_gives_nothing() {
    let user = record::UserRecord { name: "u".into(), password_hash: None, roles: vec!["gone".into()] };
    let record = record::AuthRecord { enabled: true, revision: 5, users: vec![user], roles: Vec::new() };
    let auth = Auth::from_record(record);
    assert!(!auth.may_read(Some(&auth.caller("u".into())), &one("a")));
}
