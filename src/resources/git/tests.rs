//! With the real git, and a repository in a scratch folder.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::process::Signal;

use super::GitKind;
use crate::engine::cx::Cancel;
use crate::engine::kind::Uid;
use crate::engine::{Class, Value};
use crate::resources::host::process::{Env, FakeProcesses, Invocation, Processes, SystemProcesses};
use crate::resources::host::temp_name::beside;
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Subject, capabilities, listing, refused};

/// A repository `origin` with two commits, and where its tree should lie.
struct Scene {
    bench: Bench,
    watch: FakeWatch,
    kind: GitKind,
    host: Arc<Host>,
}

impl Scene {
    async fn new() -> Self {
        let watch = FakeWatch::new();
        let host = Host::new(Arc::new(watch.clone()));
        let scene = Self { bench: Bench::new(), watch, kind: GitKind::new(host.clone()), host };
        scene.sh("git init -q -b main origin; cd origin; echo one >f; git add f; git commit -qm one; git tag v1").await;
        scene.sh("cd origin; echo two >f; git commit -qam two").await;
        scene
    }

    /// Runs a script in the scratch folder.
    async fn sh(&self, script: &str) -> String {
        let env: BTreeMap<Arc<str>, Arc<str>> = [
            ("HOME", "/nonexistent"),
            ("GIT_AUTHOR_NAME", "a"),
            ("GIT_AUTHOR_EMAIL", "a@a"),
            ("GIT_COMMITTER_NAME", "a"),
            ("GIT_COMMITTER_EMAIL", "a@a"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
        let invocation = Invocation {
            words: ["sh", "-ec", script].map(Arc::from).into(),
            cwd: Some(self.bench.path("")),
            env: Env(Arc::new(env)),
            identity: None,
            signal: Signal::TERM,
            merged: false,
            log: None,
        };
        let outcome = SystemProcesses::default().run(&invocation, &Cancel::default()).await.unwrap();
        assert!(outcome.ending.is_success(), "{script}: {}", outcome.stderr.text());
        outcome.stdout.text().trim().to_owned()
    }

    fn tree(&self, params: &[(&'static str, Value)]) -> Subject {
        let mut all = vec![("path", self.bench.place("tree")), ("source", self.bench.place("origin"))];
        all.extend_from_slice(params);
        self.bench.build(&self.kind, "t", &all)
    }

    async fn head(&self) -> String {
        self.sh("git -C tree rev-parse HEAD").await
    }
}

const YES: Value = Value::Bool(true);

#[tokio::test]
async fn a_branch_is_cloned_whole_and_followed_when_it_is_asked_for() {
    let scene = Scene::new().await;
    let subject = scene.tree(&[("revision", Value::str("main"))]);
    let before = listing(&scene.bench.path(""));
    let noop = subject.noop().await;
    assert!(noop.shown()[0].starts_with("path: absent -> a clone at "), "{:?}", noop.shown());
    assert_eq!(listing(&scene.bench.path("")), before, "a check writes nothing");
    subject.repair().await;
    assert_eq!(scene.bench.read("tree/f"), "two\n");
    let index = fs::metadata(scene.bench.path("tree/.git/index")).unwrap().modified().unwrap();
    scene.sh("cd origin; echo three >f; git commit -qam three").await;
    assert!(subject.run().await.drift.is_empty(), "there are no news without asking");
    assert_eq!(fs::metadata(scene.bench.path("tree/.git/index")).unwrap().modified().unwrap(), index);
    let refreshed = subject.refresh().await;
    assert!(refreshed.drift.has("revision"), "{:?}", refreshed.shown());
    assert_eq!(scene.bench.read("tree/f"), "three\n");
    assert!(scene.tree(&[("revision", Value::str("main"))]).run().await.drift.is_empty());
    assert!(
        !fs::read_dir(scene.bench.path(""))
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().starts_with(".mgmt-") })
    );
}

#[tokio::test]
async fn a_tag_a_commit_and_a_tag_that_has_moved_are_checked_out() {
    let scene = Scene::new().await;
    let first = scene.sh("git -C origin rev-parse v1").await;
    scene.tree(&[("revision", Value::str("v1"))]).repair().await;
    assert_eq!(scene.head().await, first);
    let second = scene.sh("git -C origin rev-parse main").await;
    let ran = scene.tree(&[("revision", Value::str(&second))]).repair().await;
    let shown = format!("revision: {} -> {}", &first[..12], &second[..12]);
    assert_eq!(ran.shown(), [shown]);
    scene.sh("cd origin; echo x >f; git commit -qam x; git tag -f -m moved v1").await;
    scene.tree(&[("revision", Value::str("v1"))]).repair().await;
    assert_eq!(scene.bench.read("tree/f"), "x\n");
    let kept = scene.tree(&[("revision", Value::str("v1")), ("update", Value::Bool(false))]);
    scene.sh("cd origin; echo y >f; git commit -qam y; git tag -f v1").await;
    assert!(kept.refresh().await.drift.is_empty());
}

#[tokio::test]
async fn edits_stay_until_they_are_in_the_way_and_force_discards_them() {
    let scene = Scene::new().await;
    let subject = scene.tree(&[]);
    subject.repair().await;
    scene.bench.write("tree/f", "mine");
    scene.bench.write("tree/new", "mine");
    assert!(subject.run().await.drift.is_empty());
    let older = scene.tree(&[("revision", Value::str("v1"))]);
    let error = older.try_run(older.cx()).await.unwrap_err();
    assert_eq!(error.class(), Class::User);
    assert!(error.hint().unwrap().contains("force: true"), "{error}");
    assert_eq!(scene.bench.read("tree/f"), "mine");
    let forced = scene.tree(&[("force", YES)]);
    assert_eq!(forced.repair().await.shown(), ["force: 1 path is edited -> none"]);
    assert_eq!(scene.bench.read("tree/f"), "two\n");
    let cleaned = scene.tree(&[("clean", YES)]);
    assert_eq!(cleaned.repair().await.shown(), ["clean: 1 path is unknown to git -> none"]);
    assert!(!scene.bench.path("tree/new").exists());
}

#[tokio::test]
async fn what_is_no_repository_is_left_alone_without_force() {
    let scene = Scene::new().await;
    scene.sh("mkdir tree; echo precious >tree/x").await;
    let subject = scene.tree(&[]);
    assert!(subject.failure().await.ends_with("is not a git repository with a commit"));
    assert_eq!(scene.bench.read("tree/x"), "precious\n");
    scene.tree(&[("force", YES)]).repair().await;
    assert!(!scene.bench.path("tree/x").exists());
    scene.sh("echo broken >tree/.git/HEAD").await;
    assert!(scene.tree(&[]).failure().await.contains("is not a git repository"));
    scene.sh("rm -rf tree; mkdir tree").await;
    scene.tree(&[]).repair().await;
}

#[tokio::test]
async fn what_a_killed_clone_left_is_removed_and_the_repository_may_be_away_later() {
    let scene = Scene::new().await;
    let subject = scene.tree(&[("revision", Value::str("main"))]);
    let beside = beside(&scene.bench.path("tree"), 0);
    fs::create_dir_all(beside.join(".git/objects")).unwrap();
    subject.repair().await;
    assert!(!beside.exists());
    scene.sh("mv origin away").await;
    assert!(subject.refresh().await.drift.is_empty(), "what it said last counts");
    scene.sh("rm -rf tree").await;
    let error = subject.try_run(subject.cx()).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient, "{error}");
}

#[tokio::test]
async fn a_repository_that_was_away_when_the_agent_started_is_asked_again_by_itself() {
    let scene = Scene::new().await;
    let revision = [("revision", Value::str("main"))];
    scene.tree(&revision).repair().await;
    scene.sh("cd origin; echo three >f; git commit -qam three; mv ../origin ../away").await;
    let later = scene.tree(&revision);
    assert!(later.run().await.drift.is_empty(), "what it said last counts");
    scene.sh("mv away origin").await;
    scene.bench.woken_after(0).await;
    assert!(later.run().await.drift.has("revision"));
    assert_eq!(scene.bench.read("tree/f"), "three\n");
}

#[tokio::test]
async fn a_sick_repository_is_never_replaced_even_with_force() {
    let scene = Scene::new().await;
    let forced = scene.tree(&[("force", YES), ("revision", Value::str("main"))]);
    forced.repair().await;
    scene.bench.write("tree/mine", "mine");
    let head = scene.head().await;
    let object = scene.bench.path(&format!("tree/.git/objects/{}/{}", &head[..2], &head[2..]));
    // A local clone shares its objects with the origin.
    scene.sh(&format!("mkdir kept; mv {} kept/object", object.display())).await;
    let error = forced.failure().await;
    assert!(!error.contains("is not a git repository"), "{error}");
    scene
        .sh(&format!(
            "mv kept/object {}; cp tree/.git/config kept; echo '[bad' >>tree/.git/config",
            object.display()
        ))
        .await;
    let error = forced.failure().await;
    assert!(error.contains("bad config line"), "{error}");
    scene.sh("cp kept/config tree/.git/config").await;
    assert!(forced.run().await.drift.is_empty());
    assert_eq!(scene.bench.read("tree/mine"), "mine");
}

#[tokio::test]
async fn what_other_resources_look_after_is_neither_an_edit_nor_unknown() {
    let scene = Scene::new().await;
    scene.sh("cd origin; echo g >g; git add g; git commit -qm g").await;
    let subject = scene.tree(&[("force", YES), ("clean", YES)]);
    subject.repair().await;
    let claim = |name: &str| scene.host.managed.claim(scene.bench.path(name).to_str().unwrap().into());
    let _claims = [claim("tree/f"), claim("tree/d/a [1]*"), claim("tree/.env")];
    scene.sh("cd tree; echo mine >f; mkdir d; echo mine >'d/a [1]*'; echo mine >.env").await;
    assert!(subject.run().await.drift.is_empty(), "it does not fight");
    scene.sh("cd tree; echo edited >g; echo new >new; git add new; echo x >d/x; echo x >y").await;
    let shown = subject.repair().await.shown();
    assert_eq!(shown, ["force: 2 paths are edited -> none", "clean: 2 paths are unknown to git -> none"]);
    for (name, content) in
        [("tree/f", "mine\n"), ("tree/d/a [1]*", "mine\n"), ("tree/.env", "mine\n"), ("tree/g", "g\n")]
    {
        assert_eq!(scene.bench.read(name), content);
    }
    assert!(!scene.bench.path("tree/new").exists() && !scene.bench.path("tree/d/x").exists());
}

#[tokio::test]
async fn a_stale_lock_is_cleared_and_a_young_one_is_not() {
    let scene = Scene::new().await;
    scene.tree(&[]).repair().await;
    let lock = fs::File::create(scene.bench.path("tree/.git/index.lock")).unwrap();
    let subject = scene.tree(&[("revision", Value::str("v1"))]);
    assert!(subject.failure().await.contains("another git works in the tree"));
    lock.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    subject.repair().await;
}

#[tokio::test]
async fn little_of_the_past_and_repositories_within_are_brought_along() {
    let scene = Scene::new().await;
    // Of a plain path, git copies all: only an address is asked for little.
    let source = Value::str(format!("file://{}", scene.bench.path("origin").display()));
    let params = [("source", source), ("depth", Value::Int(1)), ("revision", Value::str("main"))];
    scene.tree(&params).repair().await;
    assert_eq!(scene.sh("git -C tree rev-list --count HEAD").await, "1");
    scene.sh("rm -rf tree; git init -q -b main sub; cd sub; echo s >s; git add s; git commit -qm s").await;
    scene.sh("cd origin; git -c protocol.file.allow=always submodule --quiet add ../sub sub; git commit -qm sub").await;
    scene.tree(&[]).repair().await;
    let within = scene.tree(&[("submodules", YES)]);
    assert_eq!(within.noop().await.shown(), ["submodules: 1 path is not at their commits -> none"]);
}

#[tokio::test]
async fn with_releases_a_link_points_to_a_tree_of_its_own_for_each_commit() {
    let scene = Scene::new().await;
    let subject = scene.tree(&[("releases", YES), ("force", YES), ("revision", Value::str("main"))]);
    subject.repair().await;
    let target = || fs::read_link(scene.bench.path("tree")).unwrap();
    let first = target();
    assert!(first.starts_with("tree.releases"));
    assert_eq!(scene.bench.read("tree/f"), "two\n");
    // Somebody who has it open goes on reading the old one.
    for number in 0..4 {
        scene.sh(&format!("cd origin; echo {number} >f; git commit -qam {number}")).await;
        assert!(!subject.refresh().await.drift.is_empty());
        assert!(subject.run().await.drift.is_empty());
        assert_eq!(scene.bench.read("tree/f"), format!("{number}\n"));
    }
    assert_ne!(target(), first);
    let kept = fs::read_dir(scene.bench.path("tree.releases")).unwrap().count();
    assert_eq!(kept, 4, "the repository, and three trees");
    scene.bench.write("tree/f", "mine");
    assert_eq!(subject.repair().await.shown(), ["force: 1 path is edited -> none"]);
    fs::remove_file(scene.bench.path("tree")).unwrap();
    subject.repair().await;
    fs::remove_dir_all(scene.bench.path("tree.releases").join(target().file_name().unwrap())).unwrap();
    subject.repair().await;
    assert_eq!(scene.bench.read("tree/f"), "3\n");
    let plain = scene.tree(&[]);
    assert!(plain.failure().await.ends_with("is not a git repository with a commit"));
}

#[tokio::test]
async fn a_revision_that_is_nowhere_is_the_users_error() {
    let scene = Scene::new().await;
    let error = scene.tree(&[("revision", Value::str("no"))]);
    let error = error.try_run(error.cx()).await.unwrap_err();
    assert_eq!(error.class(), Class::User);
    assert!(error.to_string().ends_with("has no branch or tag \"no\""), "{error}");
    let short = scene.sh("git -C origin rev-parse --short main").await;
    let error = scene.tree(&[("revision", Value::str(&short))]);
    let error = error.try_run(error.cx()).await.unwrap_err();
    assert!(error.to_string().ends_with(&format!("has no branch or tag {short:?}")), "{error}");
    assert!(error.hint().unwrap().contains("give all 40 digits"), "{error}");
    let nowhere = "1234567890123456789012345678901234567890";
    let error = scene.tree(&[("revision", Value::str(nowhere))]);
    let error = error.try_run(error.cx()).await.unwrap_err();
    assert!(error.to_string().contains("not our ref"), "{error}");
    assert_eq!(error.class(), Class::User);
    assert!(!scene.bench.path("tree").exists());
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_with_its_address_and_without_its_password() {
    let scene = Scene::new().await;
    scene.sh("git init -q empty; mkdir none").await;
    let error = async |source: Value| {
        let subject = scene.tree(&[("source", source)]);
        let error = subject.try_run(subject.cx()).await.unwrap_err();
        let tree = scene.bench.path("").display().to_string();
        (
            error.to_string().replace(tree.trim_end_matches('/'), ""),
            error.hint().unwrap_or_default().to_owned(),
        )
    };
    let (text, hint) = error(scene.bench.place("none")).await;
    assert_eq!(text, "ask /none for /tree: '/none' does not appear to be a git repository");
    assert!(hint.contains("is the address right?"), "{hint}");
    let (text, hint) = error(scene.bench.place("empty")).await;
    assert_eq!((&*text, &*hint), ("/empty has no commit yet", "push a branch to it"));
    // A server that wants a password, and never gets one.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let answer = "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let (text, hint) = error(Value::str(format!("http://token@127.0.0.1:{port}/a.git"))).await;
    assert!(text.starts_with("ask http://***@127.0.0.1"), "{text}");
    assert!(!text.contains("token") && hint.contains("it wants a password"), "{text} {hint}");
    answers.abort();
}

#[tokio::test]
async fn without_git_the_package_is_named_and_with_force_all_of_the_tree_is_watched() {
    let (bench, watch) = (Bench::new(), FakeWatch::new());
    let processes = Arc::new(FakeProcesses::default());
    let host = Host { processes, ..Host::over(Arc::new(watch)) };
    let params = [("path", bench.place("t")), ("source", Value::str("https://example.org/a"))];
    let subject = bench.build(&GitKind::new(Arc::new(host)), "t", &params);
    let error = subject.try_run(subject.cx()).await.unwrap_err();
    assert_eq!(error.hint(), Some("install the package git"));
    let scene = Scene::new().await;
    let subject = scene.tree(&[]);
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    scene.watch.change(scene.bench.path("tree/f"));
    assert_eq!(scene.bench.wakes(), 0);
    scene.watch.change(scene.bench.path("tree/.git/refs/heads/main"));
    scene.watch.change(scene.bench.path("tree/.git/HEAD"));
    assert_eq!(scene.bench.wakes(), 2);
    let forced = scene.tree(&[("force", YES)]);
    let _wakes = forced.resource.watch(&forced.cx()).await.unwrap();
    scene.watch.change(scene.bench.path("tree/f"));
    assert_eq!(scene.bench.wakes(), 3);
}

#[test]
fn all_that_is_wrong_is_refused_and_what_goes_before_is_known() {
    let kind = GitKind::new(Host::new(Arc::new(FakeWatch::new())));
    let wrong = refused(
        &kind,
        "relative",
        &[("source", Value::str("ext::sh")), ("revision", Value::str("a b")), ("identity", Value::str("pw"))],
    );
    let at: Vec<_> = wrong.iter().map(|error| error.param).collect();
    assert_eq!(at, [None, Some("source"), Some("revision"), Some("identity")]);
    let params = [("source", Value::str("/srv/a.git")), ("user", Value::str("www"))];
    let found = capabilities(&kind, "/srv/site", &params);
    assert_eq!(found.offers, [Uid::path("/srv/site")]);
    let asked: Vec<_> = found.asks.iter().flat_map(|ask| &ask.first_of).collect();
    for wanted in [Uid::path("/srv/a.git"), Uid::new("user", "www"), Uid::new("package", "git")] {
        assert!(asked.contains(&&wanted), "{wanted:?}");
    }
    assert!(found.waits && found.refreshable);
}
