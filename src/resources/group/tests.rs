use std::sync::Arc;

use super::GroupKind;
use crate::engine::Value;
use crate::engine::kind::Uid;
use crate::resources::host::account_files::database::User;
use crate::resources::host::account_files::fake_shadow::FakeShadow;
use crate::resources::host::account_files::name_service::NameService;
use crate::resources::testing::{Bench, Given, capabilities, listing, refused, texts};

fn bed() -> (Bench, FakeShadow, GroupKind) {
    let bench = Bench::new();
    let etc = bench.path("etc");
    std::fs::create_dir(&etc).unwrap();
    let shadow = FakeShadow::new(&etc);
    let kind = GroupKind::new(shadow.plain_host());
    (bench, shadow, kind)
}

fn exists() -> (&'static str, Value) {
    ("state", Value::str("exists"))
}

#[tokio::test]
async fn a_group_is_made_changed_and_removed() {
    let (bench, shadow, kind) = bed();
    let gid = |gid| [exists(), ("gid", Value::Int(gid))];
    let made = bench.build(&kind, "ops", &gid(4000)).repair().await.shown();
    assert_eq!(made, ["state: absent -> exists", "gid: absent -> 4000"]);
    assert_eq!(bench.build(&kind, "ops", &gid(4001)).repair().await.shown(), ["gid: 4000 -> 4001"]);
    let members = [("members", texts(["root", "daemon", "root"]))];
    let ran = bench.build(&kind, "ops", &members).repair().await;
    assert_eq!(ran.shown(), ["members: nobody -> daemon, root"]);
    let nobody = [("members", Value::List([].into()))];
    assert_eq!(bench.build(&kind, "adm", &nobody).repair().await.shown(), ["members: daemon -> nobody"]);
    bench.build(&kind, "ops", &[("state", Value::str("absent"))]).repair().await;
    assert_eq!(
        shadow.take_ran(),
        [
            "groupadd -g 4000 ops",
            "groupmod -g 4001 ops",
            "gpasswd -M daemon,root ops",
            "gpasswd -M  adm",
            "groupdel ops"
        ]
    );
    let system = [("system", Value::Bool(true)), ("members", texts(["daemon"]))];
    bench.build(&kind, "low", &system).repair().await;
    assert_eq!(shadow.take_ran(), ["groupadd -r low", "gpasswd -M daemon low"]);
}

#[tokio::test]
async fn a_check_only_reads_and_what_is_not_declared_is_left_alone() {
    let (bench, shadow, kind) = bed();
    let before = listing(&bench.path("etc"));
    let subject = bench.build(&kind, "new", &[]);
    assert!(!subject.noop().await.drift.is_empty());
    assert!(bench.build(&kind, "adm", &[]).run().await.drift.is_empty());
    assert!(bench.build(&kind, "gone", &[("state", Value::str("absent"))]).run().await.drift.is_empty());
    assert_eq!((listing(&bench.path("etc")), shadow.take_ran()), (before, Vec::new()));
}

#[tokio::test]
async fn the_primary_group_of_a_user_cannot_go_and_the_user_is_named() {
    let (bench, _, kind) = bed();
    let absent: Given<'_> = &[("state", Value::str("absent"))];
    let failure = bench.build(&kind, "daemon", absent).failure().await;
    assert_eq!(failure, "remove group daemon: it is the primary group of daemon: groupdel: exit status 8");
}

#[tokio::test]
async fn who_comes_too_late_goes_on_from_what_is_there() {
    let (bench, shadow, kind) = bed();
    shadow.refuse(9);
    let subject = bench.build(&kind, "late", &[]);
    let failure = subject.failure().await;
    assert_eq!(failure, "groupadd ended well, but group late is as before");
    subject.repair().await;
}

#[derive(Debug)]
struct Directory;

impl NameService for Directory {
    fn user(&self, _: &str) -> Option<User> {
        None
    }
    fn group(&self, name: &str) -> Option<u32> {
        (name == "ldap").then_some(7000)
    }
    fn has_group(&self, gid: u32) -> bool {
        gid == 7000
    }
}

#[tokio::test]
async fn a_group_from_elsewhere_is_fine_unless_it_differs() {
    let bench = Bench::new();
    let shadow = FakeShadow::new(&bench.path(""));
    let kind = GroupKind::new(shadow.host(Arc::new(Directory)).0);
    assert!(bench.build(&kind, "ldap", &[]).run().await.drift.is_empty());
    let other = bench.build(&kind, "ldap", &[("gid", Value::Int(1))]).failure().await;
    assert_eq!(other, "group ldap comes from elsewhere, not from the files in /etc");
}

#[tokio::test]
async fn an_undo_removes_what_was_made_and_gives_back_what_was_there() {
    let (bench, _, kind) = bed();
    let subject = bench.build(&kind, "new", &[]);
    let undo = subject.resource.undo(&subject.cx()).await.unwrap().unwrap();
    assert_eq!(undo.get("state"), Some(&Value::str("absent")));
    let subject = bench.build(&kind, "adm", &[("members", texts(["root"]))]);
    let undo = subject.resource.undo(&subject.cx()).await.unwrap().unwrap();
    assert_eq!((undo.get("members"), undo.get("gid")), (Some(&texts(["daemon"])), None));
    subject.repair().await;
    let params: Vec<_> = undo.iter().map(|(name, value)| (name, value.clone())).collect();
    bench.build(&kind, "adm", &params).repair().await;
}

#[test]
fn what_is_wrong_is_refused_all_at_once() {
    let (_bench, _, kind) = bed();
    let wrong = [
        ("state", Value::str("exist")),
        ("gid", Value::Int(4_294_967_295)),
        ("members", texts(["ok", "a b"])),
    ];
    let errors = refused(&kind, "1", &wrong);
    let params: Vec<_> = errors.iter().map(|error| error.param).collect();
    assert_eq!(params, [None, Some("state"), Some("gid"), Some("members")]);
}

#[test]
fn it_offers_its_name_and_number_and_comes_after_its_members() {
    let (_bench, _, kind) = bed();
    let told = capabilities(&kind, "ops", &[("gid", Value::Int(4000)), ("members", texts(["anna"]))]);
    assert_eq!(told.offers, [Uid::new("group", "ops"), Uid::new("group", "4000")]);
    assert_eq!(told.asks[0].first_of, [Uid::new("user", "anna")]);
    assert!(told.waits && told.reversible);
}
