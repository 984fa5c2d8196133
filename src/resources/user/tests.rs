use std::sync::Arc;

use super::UserKind;
use crate::engine::Value;
use crate::engine::kind::{AskOrder, Uid};
use crate::resources::host::account_files::database::User;
use crate::resources::host::account_files::fake_shadow::FakeShadow;
use crate::resources::host::account_files::name_service::NameService;
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Subject, capabilities, listing, refused, texts};

struct Bed {
    bench: Bench,
    shadow: FakeShadow,
    kind: UserKind,
    watch: FakeWatch,
    host: Arc<Host>,
}

type Param = (&'static str, Value);

fn s(name: &'static str, text: &str) -> Param {
    (name, Value::str(text))
}

fn yes(name: &'static str) -> Param {
    (name, Value::Bool(true))
}

fn bed_with(elsewhere: impl NameService) -> Bed {
    let bench = Bench::new();
    let etc = bench.path("etc");
    std::fs::create_dir(&etc).unwrap();
    let shadow = FakeShadow::new(&etc);
    let (host, watch): (Arc<Host>, _) = shadow.host(Arc::new(elsewhere));
    Bed { bench, shadow, kind: UserKind::new(host.clone()), watch, host }
}

fn bed() -> Bed {
    bed_with(crate::resources::host::account_files::name_service::NoNames)
}

impl Bed {
    fn build(&self, name: &str, params: &[Param]) -> Subject {
        self.bench.build(&self.kind, name, params)
    }

    /// Edits a file by hand. Nobody watches, so that an earlier look would be good for some time.
    async fn edit(&self, file: &str, edit: impl FnOnce(&str) -> String) {
        self.shadow.edit(file, edit);
        self.host.account_files.look_anew().await.unwrap();
    }

    async fn repair(&self, name: &str, params: &[Param]) -> Vec<String> {
        self.build(name, params).repair().await.shown()
    }
}

#[tokio::test]
async fn a_user_is_made_with_all_that_is_declared_and_its_hash_is_no_argument() {
    let bed = bed();
    let params = [
        ("uid", Value::Int(2000)),
        s("group", "users"),
        ("groups", texts(["adm", "root"])),
        s("homedir", "/srv/anna/"),
        s("shell", "/bin/sh"),
        s("comment", "Anna, of operations"),
        s("password", "$6$salt$hash"),
        yes("lock"),
        s("expires", "2030-01-31"),
        ("password_max_days", Value::Int(90)),
        yes("subids"),
        yes("allowduplicateuid"),
    ];
    assert_eq!(
        bed.repair("anna", &params).await,
        [
            "state: absent -> exists",
            "uid: absent -> 2000",
            "group: absent -> users",
            "groups: absent -> adm, root",
            "homedir: absent -> /srv/anna",
            "shell: absent -> /bin/sh",
            "comment: absent -> Anna, of operations",
            "password: absent -> (sensitive)",
            "lock: absent -> locked",
            "expires: absent -> 2030-01-31",
            "password_max_days: absent -> 90",
            "subids: absent -> some",
        ]
    );
    assert_eq!(
        bed.shadow.take_ran(),
        [
            "useradd -u 2000 -g users -G adm,root -d /srv/anna -s /bin/sh -c Anna, of operations -e 2030-01-31 -o -M \
             anna",
            "chpasswd -e",
            "chage -M 90 anna",
            "usermod -v 165536-231071 -w 165536-231071 anna",
        ]
    );
    assert_eq!(bed.shadow.line("shadow", "anna").unwrap()[1], "!$6$salt$hash");
}

#[tokio::test]
async fn groups_that_are_nowhere_are_foreseen() {
    let bed = bed();
    let foreseen = async |params: &[Param]| {
        bed.build("anna", params).foreseen().await.into_iter().map(|(_, text)| text).collect::<Vec<_>>()
    };
    let groups = ("groups", texts(["adm", "crew"]));
    assert_eq!(
        foreseen(&[s("group", "staffers"), groups.clone()]).await,
        ["user anna is to be in staffers, crew, which are no groups"]
    );
    assert!(foreseen(&[("gid", Value::Int(4242))]).await.is_empty(), "it gets one of its own");
    assert!(foreseen(&[s("group", "users"), ("groups", texts(["adm"]))]).await.is_empty());
    bed.repair("anna", &[]).await;
    assert_eq!(foreseen(&[groups]).await, ["user anna is to be in crew, which is no group"]);
    assert_eq!(
        foreseen(&[("gid", Value::Int(4242))]).await,
        ["user anna is to be in 4242, which is no group"]
    );
    assert!(foreseen(&[s("shell", "/bin/sh")]).await.is_empty());
}

#[tokio::test]
async fn every_field_is_put_right_in_one_call() {
    let bed = bed();
    bed.repair("anna", &[("uid", Value::Int(2000))]).await;
    bed.shadow.take_ran();
    let params = [
        ("uid", Value::Int(2001)),
        ("gid", Value::Int(100)),
        ("groups", texts(["adm"])),
        s("homedir", "/srv/anna"),
        s("shell", "/bin/dash"),
        s("comment", "A"),
        s("expires", "2030-01-31"),
    ];
    assert_eq!(
        bed.repair("anna", &params).await,
        [
            "uid: 2000 -> 2001",
            "homedir: /home/anna -> /srv/anna",
            "shell: (empty) -> /bin/dash",
            "comment: (empty) -> A",
            "gid: anna -> 100",
            "groups: (empty) -> adm",
            "expires: never -> 2030-01-31",
        ]
    );
    assert_eq!(
        bed.shadow.take_ran(),
        ["usermod -u 2001 -d /srv/anna -s /bin/dash -c A -g 100 -G adm -e 2030-01-31 anna"]
    );
    assert_eq!(bed.repair("anna", &[s("expires", "never")]).await, ["expires: 2030-01-31 -> never"]);
}

#[tokio::test]
async fn groups_are_exact_unless_others_are_let_be() {
    let bed = bed();
    let some = ("groups", texts(["users"]));
    assert_eq!(bed.repair("daemon", &[some.clone(), yes("append")]).await, ["groups: adm -> users"]);
    assert_eq!(bed.repair("daemon", std::slice::from_ref(&some)).await, ["groups: adm, users -> users"]);
    assert_eq!(
        bed.repair("daemon", &[("groups", Value::List([].into()))]).await,
        ["groups: users -> (empty)"]
    );
    assert_eq!(
        bed.shadow.take_ran(),
        ["usermod -a -G users daemon", "usermod -G users daemon", "usermod -G  daemon"]
    );
    let own = [("groups", texts(["daemon"]))];
    assert!(bed.build("daemon", &own).run().await.drift.is_empty(), "its primary group it has anyway");
}

#[tokio::test]
async fn passwords_are_compared_and_set_and_shown_nowhere() {
    let bed = bed();
    bed.repair("anna", &[]).await;
    let drift = bed.repair("anna", &[s("password", "$6$a$b")]).await;
    assert_eq!(drift, ["password: (sensitive) -> (sensitive)"]);
    assert_eq!(bed.repair("anna", &[yes("lock")]).await, ["lock: unlocked -> locked"]);
    assert_eq!(bed.repair("anna", &[("lock", Value::Bool(false))]).await, ["lock: locked -> unlocked"]);
    assert_eq!(bed.shadow.line("shadow", "anna").unwrap()[1], "$6$a$b");
    bed.repair("anna", &[s("password", "*")]).await;
    bed.repair("anna", &[s("password", "!")]).await;
    assert!(bed.shadow.take_ran().iter().all(|words| !words.contains('$')));
    let failure = bed.build("anna", &[("lock", Value::Bool(false))]).failure().await;
    assert_eq!(failure, "user anna has no password that could be unlocked");
    assert!(!format!("{:?}", bed.build("anna", &[]).resource).contains("$6$"));
}

#[tokio::test]
async fn a_password_that_is_locked_twice_is_unlocked() {
    let bed = bed();
    bed.repair("anna", &[s("password", "!!$6$a$b")]).await;
    bed.shadow.take_ran();
    assert_eq!(bed.repair("anna", &[("lock", Value::Bool(false))]).await, ["lock: locked -> unlocked"]);
    assert_eq!(bed.shadow.take_ran(), ["usermod -U anna", "usermod -U anna"]);
}

#[tokio::test]
async fn a_removed_user_comes_back_with_its_group_whatever_its_number() {
    let bed = bed();
    bed.shadow.edit("group", |text| format!("{text}anna:x:1001:\n"));
    bed.repair("anna", &[("uid", Value::Int(2000)), s("group", "anna")]).await;
    let before = bed.shadow.line("passwd", "anna");
    let removed = bed.build("anna", &[s("state", "absent")]);
    let undo = removed.resource.undo(&removed.cx()).await.unwrap().unwrap();
    removed.repair().await;
    assert_eq!(bed.shadow.line("group", "anna"), None, "userdel removes it");
    bed.shadow.take_ran();
    let back: Vec<Param> = undo.iter().map(|(name, value)| (name, value.clone())).collect();
    bed.repair("anna", &back).await;
    assert_eq!(bed.shadow.take_ran()[0], "groupadd -g 1001 anna");
    assert_eq!(
        (bed.shadow.line("passwd", "anna"), bed.shadow.line("group", "anna").is_some()),
        (before, true)
    );
}

#[tokio::test]
async fn the_home_of_a_new_user_is_watched_and_followed() {
    let bed = bed();
    let home = bed.bench.path("home");
    std::fs::create_dir(&home).unwrap();
    let subject = bed.build("anna", &[yes("create_home")]);
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    let is_watched = |path: &str| bed.watch.watched().iter().any(|(it, _)| it.to_str() == Some(path));
    subject.failure().await;
    assert!(bed.bench.read("etc/passwd").contains("/home/anna"));
    bed.edit("passwd", |text| text.replace("/home/anna", home.to_str().unwrap())).await;
    assert!(subject.run().await.drift.is_empty());
    assert!(is_watched(home.to_str().unwrap()), "{:?}", bed.watch.watched());
    bed.edit("passwd", |text| text.replace(home.to_str().unwrap(), "/home/anna")).await;
    let _ = subject.noop().await;
    assert!(is_watched("/home/anna") && !is_watched(home.to_str().unwrap()));
}

fn without_anna(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("anna")).map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn what_a_killed_tool_left_half_done_is_finished() {
    let bed = bed();
    bed.repair("anna", &[]).await;
    bed.edit("shadow", without_anna).await;
    assert_eq!(bed.repair("anna", &[]).await, ["shadow: absent -> exists"]);
    assert_eq!(bed.shadow.line("shadow", "anna").unwrap()[1], "!");
    bed.edit("group", without_anna).await;
    assert_eq!(bed.repair("anna", &[]).await, ["group: absent -> 1500"]);
}

#[tokio::test]
async fn a_group_of_the_same_name_becomes_its_own() {
    let bed = bed();
    bed.repair("adm", &[]).await;
    assert_eq!(bed.shadow.take_ran(), ["useradd -g adm -M adm"]);
}

#[tokio::test]
async fn a_home_is_made_with_a_new_user_and_for_an_old_one() {
    let bed = bed();
    bed.repair("sys", &[yes("system"), yes("create_home"), s("homedir", "/")]).await;
    assert_eq!(bed.shadow.take_ran(), ["useradd -d / -k /etc/skel -r -m sys"]);
    let home = bed.bench.path("home");
    let params = [yes("create_home"), s("homedir", home.to_str().unwrap())];
    let subject = bed.build("sys", &params);
    let failure = subject.failure().await;
    assert!(failure.starts_with("make the home directory"), "{failure}");
    let ran = bed.shadow.take_ran();
    assert_eq!(ran[0], format!("usermod -d {} -m sys", home.display()), "an old one is moved");
    std::fs::create_dir(&home).unwrap();
    assert!(subject.run().await.drift.is_empty());
}

#[tokio::test]
async fn a_user_is_removed_with_its_home_only_if_asked() {
    let bed = bed();
    bed.repair("anna", &[]).await;
    bed.repair("bert", &[]).await;
    bed.shadow.take_ran();
    assert_eq!(bed.repair("anna", &[s("state", "absent")]).await, ["state: exists -> absent"]);
    bed.repair("bert", &[s("state", "absent"), yes("remove_home")]).await;
    assert_eq!(bed.shadow.take_ran(), ["userdel anna", "userdel -r bert"]);
}

#[tokio::test]
async fn a_check_only_reads_and_what_is_not_declared_is_left_alone() {
    let bed = bed();
    let before = listing(&bed.bench.path("etc"));
    assert!(!bed.build("new", &[]).noop().await.drift.is_empty());
    assert!(bed.build("daemon", &[]).run().await.drift.is_empty());
    assert!(bed.build("gone", &[s("state", "absent")]).run().await.drift.is_empty());
    assert_eq!((listing(&bed.bench.path("etc")), bed.shadow.take_ran()), (before, Vec::new()));
}

#[derive(Debug)]
struct Directory;

impl NameService for Directory {
    fn user(&self, name: &str) -> Option<User> {
        let user = User { uid: 7000, gid: 7000, shell: "/bin/sh".into(), ..User::default() };
        (name == "ldap").then_some(user)
    }
    fn group(&self, _: &str) -> Option<u32> {
        None
    }
    fn has_group(&self, gid: u32) -> bool {
        gid == 7000
    }
}

#[tokio::test]
async fn a_user_from_elsewhere_is_fine_unless_it_differs() {
    let bed = bed_with(Directory);
    assert!(bed.build("ldap", &[s("shell", "/bin/sh")]).run().await.drift.is_empty());
    let fine = [("gid", Value::Int(7000)), yes("append"), ("groups", Value::List([].into()))];
    assert!(bed.build("ldap", &fine).run().await.drift.is_empty());
    for params in [[("gid", Value::Int(7))], [s("group", "users")], [s("group", "nowhere")]] {
        let failure = bed.build("ldap", &params).failure().await;
        assert_eq!(failure, "user ldap comes from elsewhere, not from the files in /etc");
    }
    let params = [
        yes("lock"),
        s("expires", "2030-01-31"),
        ("groups", texts(["adm"])),
        s("password", "!"),
        ("password_max_days", Value::Int(1)),
        yes("subids"),
        yes("create_home"),
    ];
    assert_eq!(
        bed.build("ldap", &params).failure().await,
        "user ldap comes from elsewhere: `groups`, `create_home`, `password`, `lock`, `expires`, `password_max_days`, \
         `subids` cannot be seen to here"
    );
    bed.edit("group", |text| text.replace("adm:x:4:daemon", "adm:x:4:daemon,ldap")).await;
    let here = [yes("append"), ("groups", texts(["adm"]))];
    assert!(bed.build("ldap", &here).run().await.drift.is_empty(), "that is known");
    let failure = bed.build("ldap", &[s("shell", "/bin/zsh")]).failure().await;
    assert_eq!(failure, "user ldap comes from elsewhere, not from the files in /etc");
    assert!(bed.build("ldap", &[s("state", "absent")]).run().await.drift.is_empty());
    bed.repair("anna", &[]).await;
    bed.edit("passwd", |text| text.replace("anna:x:1500:1500", "anna:x:1500:7000")).await;
    assert!(bed.build("anna", &[]).run().await.drift.is_empty(), "its group is not missing");
}

#[tokio::test]
async fn a_tool_that_fails_says_why_and_one_without_effect_is_told() {
    let bed = bed();
    bed.shadow.refuse(1);
    let failure = bed.build("anna", &[]).failure().await;
    assert_eq!(failure, "add user anna: useradd: exit status 1");
    bed.shadow.refuse(9);
    assert_eq!(bed.build("anna", &[]).failure().await, "useradd ended well, but user anna is as before");
    let failure = bed.build("anna", &[s("group", "none")]).failure().await;
    assert!(failure.starts_with("add user anna: a user or group that it needs is not there"), "{failure}");
    bed.repair("anna", &[]).await;
}

#[tokio::test]
async fn a_change_of_a_file_wakes_and_a_file_closed_unchanged_does_not() {
    let bed = bed();
    let subject = bed.build("daemon", &[s("shell", "/usr/sbin/nologin")]);
    let wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    let other = bed.build("root", &[]);
    let _others = other.resource.watch(&other.cx()).await.unwrap();
    assert_eq!(bed.watch.watched().len(), 11, "one watch for all");
    assert!(subject.run().await.drift.is_empty());
    bed.watch.change(bed.bench.path("etc/passwd"));
    assert_eq!(bed.bench.wakes(), 0, "closed as it was");
    bed.shadow.edit("passwd", |text| text.replace("/usr/sbin/nologin", "/bin/sh"));
    bed.watch.change(bed.bench.path("etc/passwd"));
    assert_eq!(bed.bench.wakes(), 2);
    assert_eq!(subject.repair().await.shown(), ["shell: /bin/sh -> /usr/sbin/nologin"]);
    bed.watch.change(bed.bench.path("etc/.pwd.lock"));
    assert_eq!(bed.bench.wakes(), 2, "nobody waits for the lock");
    bed.shadow.refuse(1);
    let other = bed.build("daemon", &[s("shell", "/bin/sh")]);
    other.failure().await;
    bed.watch.change(bed.bench.path("etc/.pwd.lock"));
    assert_eq!(bed.bench.wakes(), 2, "nobody had locked it: our own tool was the last to close it");
    bed.shadow.refuse(1);
    bed.bench.write("etc/passwd.lock", "1");
    other.failure().await;
    bed.watch.change(bed.bench.path("etc/passwd.lock"));
    assert_eq!(bed.bench.wakes(), 2, "it is still locked");
    std::fs::remove_file(bed.bench.path("etc/passwd.lock")).unwrap();
    bed.watch.change(bed.bench.path("etc/passwd.lock"));
    assert_eq!(bed.bench.wakes(), 4, "the lock is free");
    drop(wakes);
}

#[tokio::test]
async fn an_undo_removes_what_was_made_and_gives_back_old_fields() {
    let bed = bed();
    let new = bed.build("new", &[]);
    let undo = new.resource.undo(&new.cx()).await.unwrap().unwrap();
    assert_eq!(undo.iter().collect::<Vec<_>>(), [("state", &Value::str("absent"))]);
    let params = [s("shell", "/bin/sh"), s("password", "$1$x$y"), ("groups", Value::List([].into()))];
    let subject = bed.build("daemon", &params);
    let undo = subject.resource.undo(&subject.cx()).await.unwrap().unwrap();
    let before = bed.shadow.line("passwd", "daemon");
    subject.repair().await;
    let back: Vec<Param> = undo.iter().map(|(name, value)| (name, value.clone())).collect();
    assert_eq!(back.len(), 4);
    bed.repair("daemon", &back).await;
    assert_eq!(bed.shadow.line("passwd", "daemon"), before);
    assert_eq!(bed.shadow.line("shadow", "daemon").unwrap()[1], "*");
    assert_eq!(bed.shadow.line("group", "adm").unwrap()[3], "daemon");
    let removed = bed.build("daemon", &[s("state", "absent")]);
    let undo = removed.resource.undo(&removed.cx()).await.unwrap().unwrap();
    removed.repair().await;
    let back: Vec<Param> = undo.iter().map(|(name, value)| (name, value.clone())).collect();
    bed.repair("daemon", &back).await;
    assert_eq!(bed.shadow.line("passwd", "daemon"), before);
}

#[test]
fn what_is_wrong_is_refused_all_at_once() {
    let bed = bed();
    let wrong = [
        s("state", "present"),
        ("uid", Value::Int(4_294_967_295)),
        ("gid", Value::Int(1)),
        s("group", "users"),
        ("groups", texts(["-x"])),
        s("homedir", "home"),
        s("shell", "/bin/a:b"),
        s("comment", "a\nb"),
        ("password_max_days", Value::Int(-2)),
        s("password", "secret"),
        s("expires", "tomorrow"),
    ];
    let errors = refused(&bed.kind, "a b", &wrong);
    let params: Vec<_> = errors.iter().map(|error| error.param.unwrap_or("name")).collect();
    let wanted = [
        "name",
        "state",
        "uid",
        "group",
        "groups",
        "homedir",
        "shell",
        "comment",
        "password_max_days",
        "password",
        "expires",
    ];
    assert_eq!(params, wanted);
    assert!(errors.iter().all(|error| !error.message.contains("secret")));
    for fine in ["!", "*", "!!", "$y$j9T$x$y", "!$6$a$b", "abcdefghijklm", "*LK*"] {
        bed.build("anna", &[s("password", fine)]);
    }
    for wrong in ["", "x", "$1", "pass:word", "open sesame"] {
        assert_eq!(refused(&bed.kind, "anna", &[s("password", wrong)]).len(), 1, "{wrong}");
    }
    let contrary = [s("password", "!"), ("lock", Value::Bool(false))];
    assert_eq!(refused(&bed.kind, "anna", &contrary)[0].param, Some("lock"));
}

#[test]
fn it_comes_after_its_groups_and_goes_before_them() {
    let bed = bed();
    let params = [("uid", Value::Int(7)), s("group", "users"), ("groups", texts(["adm"]))];
    let told = capabilities(&bed.kind, "anna", &params);
    assert_eq!(told.offers, [Uid::new("user", "anna"), Uid::new("user", "7")]);
    let asked: Vec<_> = told.asks.iter().map(|ask| (ask.first_of[0].id.to_string(), ask.order)).collect();
    assert_eq!(asked, [("users".into(), AskOrder::After), ("adm".into(), AskOrder::After)]);
    let told = capabilities(&bed.kind, "anna", &[s("state", "absent")]);
    assert_eq!((&*told.asks[0].first_of[0].id, told.asks[0].order), ("anna", AskOrder::Before));
    let told = capabilities(&bed.kind, "anna", &[yes("create_home"), s("homedir", "/srv/anna")]);
    assert!(told.asks.iter().any(|ask| ask.first_of.contains(&Uid::new("mount", "/srv"))));
}
