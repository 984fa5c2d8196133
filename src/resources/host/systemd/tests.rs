//! The adapter over a daemon that a test plays.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::Notify;
use zbus::message::Message;
use zbus::{Connection, ObjectPath, OwnedObjectPath, Variant};

use super::names::path_of;
use super::scan::Role;
use super::{Active, ChangeSink, Guard, Live, Scope, Systemd, SystemdError, UnitName, Verb};
use crate::resources::host::FakeWatch;
use crate::resources::host::bus::peer::{Handler, Peer};
use crate::resources::host::bus::{BusError, Place};

/// What the played daemon knows.
#[derive(Default)]
struct Daemon {
    active: Mutex<BTreeMap<String, &'static str>>,
    asked: Mutex<Vec<String>>,
    jobs: AtomicU32,
    /// How a job to start something ends; `None`: it does not.
    result: Mutex<Option<&'static str>>,
    /// It answers no question about units.
    hangs: AtomicBool,
}

impl Daemon {
    async fn answer(&self, connection: &Connection, message: &Message) {
        let header = message.header();
        let member = header.member().unwrap().as_str().to_owned();
        let body = message.body();
        match member.as_str() {
            "ListUnitsByNames" => {
                let (names,): (Vec<String>,) = body.deserialize().unwrap();
                self.note(format!("list {}", names.len()));
                if self.hangs.load(Ordering::SeqCst) {
                    return;
                }
                if names.iter().any(|name| name == "bad.service") {
                    let name = "org.freedesktop.DBus.Error.InvalidArgs";
                    return connection.reply_error(&header, name, &"no").await.unwrap();
                }
                let rows: Vec<_> = names.iter().map(|name| self.row(name)).collect();
                connection.reply(&header, &rows).await.unwrap();
            }
            "StartUnit" | "StopUnit" => {
                let (unit, _): (String, String) = body.deserialize().unwrap();
                self.note(format!("{member} {unit}"));
                let job = self.jobs.fetch_add(1, Ordering::SeqCst);
                let path = ObjectPath::try_from(format!("/org/freedesktop/systemd1/job/{job}")).unwrap();
                let result = *self.result.lock().unwrap();
                if let Some(result) = result {
                    let up = if member == "StartUnit" { "active" } else { "inactive" };
                    self.active
                        .lock()
                        .unwrap()
                        .insert(unit.clone(), if result == "done" { up } else { "failed" });
                    // The end comes before the answer that names the job.
                    let end = (job, path.clone(), unit.as_str(), result);
                    signal(connection, "JobRemoved", &end).await;
                }
                connection.reply(&header, &path).await.unwrap();
            }
            "Get" => {
                let (_, name): (String, String) = body.deserialize().unwrap();
                self.note(format!("get {name}"));
                let value = match name.as_str() {
                    "UnitsLoadTimestamp" => Variant::from(u64::MAX),
                    "NeedDaemonReload" => Variant::from(false),
                    other => panic!("{other}"),
                };
                connection.reply(&header, &value).await.unwrap();
            }
            other => {
                self.note(other.to_owned());
                connection.reply(&header, &()).await.unwrap();
            }
        }
    }

    fn row(
        &self,
        name: &str,
    ) -> (String, String, String, &'static str, String, String, OwnedObjectPath, u32, String, OwnedObjectPath)
    {
        let active = self.active.lock().unwrap().get(name).copied().unwrap_or("inactive");
        let path = || OwnedObjectPath::try_from(path_of(name)).unwrap();
        let (none, load) = (String::new, "loaded".to_owned());
        (name.to_owned(), none(), load, active, "x".to_owned(), none(), path(), 0, none(), path())
    }

    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn signal<B: serde::Serialize + zbus::DynamicType>(connection: &Connection, member: &str, body: &B) {
    let (path, interface) = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager");
    connection.emit_signal(None::<&str>, path, interface, member, body).await.unwrap();
}

async fn unit_changed(connection: &Connection, unit: &str) {
    let interface = "org.freedesktop.DBus.Properties";
    let body = ("org.freedesktop.systemd1.Unit",);
    let path = path_of(unit);
    connection.emit_signal(None::<&str>, path.as_str(), interface, "PropertiesChanged", &body).await.unwrap();
}

struct Scene {
    dir: tempfile::TempDir,
    daemon: Arc<Daemon>,
    peer: Peer,
    live: Arc<Live>,
    watch: FakeWatch,
    told: Arc<(AtomicUsize, Notify)>,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let daemon = Arc::new(Daemon { result: Mutex::new(Some("done")), ..Daemon::default() });
        let peer = Self::peer(&daemon, dir.path());
        let watch = FakeWatch::new();
        let scope = Scope::of(
            Place::Socket(dir.path().join("private")),
            vec![(dir.path().join("etc"), Role::Config)],
        );
        let live = Arc::new(Live::new(scope, Arc::new(watch.clone())));
        Self { dir, daemon, peer, live, watch, told: Arc::default() }
    }

    fn peer(daemon: &Arc<Daemon>, dir: &Path) -> Peer {
        let daemon = daemon.clone();
        let handler: Handler = Arc::new(move |connection, message| {
            let daemon = daemon.clone();
            async move { daemon.answer(&connection, &message).await }.boxed()
        });
        Peer::start(&dir.join("private"), handler)
    }

    fn follow(&self, unit: &UnitName) -> Guard {
        let told = self.told.clone();
        let sink: ChangeSink = Arc::new(move |_| {
            told.0.fetch_add(1, Ordering::SeqCst);
            told.1.notify_one();
        });
        self.live.follow(unit, sink).unwrap()
    }

    fn connection(&self) -> Connection {
        self.peer.connections()[0].clone()
    }
}

fn unit(name: &str) -> UnitName {
    UnitName::new(name).unwrap()
}

#[tokio::test]
async fn three_hundred_units_are_one_question_and_an_event_is_a_small_one() {
    let scene = Scene::new();
    let units: Vec<UnitName> = (0..300).map(|at| unit(&format!("u{at}"))).collect();
    let _guards: Vec<Guard> = units.iter().map(|unit| scene.follow(unit)).collect();
    join_all(units.iter().map(|unit| scene.live.status(unit))).await;
    assert_eq!(scene.daemon.asked(), ["list 300"]);
    scene.daemon.active.lock().unwrap().insert("u7.service".to_owned(), "active");
    let before = scene.told.0.load(Ordering::SeqCst);
    unit_changed(&scene.connection(), "u7.service").await;
    while scene.told.0.load(Ordering::SeqCst) == before {
        scene.told.1.notified().await;
    }
    assert_eq!(scene.live.status(&units[7]).await.unwrap().active, Active::Active);
    assert_eq!(scene.live.status(&units[8]).await.unwrap().active, Active::Inactive);
    assert_eq!(scene.daemon.asked(), ["list 1"]);
}

#[tokio::test]
async fn one_that_cannot_be_listed_spoils_nothing_for_others() {
    let scene = Scene::new();
    let (good, bad) = (unit("good"), unit("bad"));
    let _mentions = (scene.live.mention(&good), scene.live.mention(&bad));
    assert_eq!(scene.live.status(&good).await.unwrap().active, Active::Inactive);
    assert!(matches!(scene.live.status(&bad).await, Err(SystemdError::Refused { .. })));
}

#[tokio::test]
async fn a_manager_that_hangs_is_waited_for_once_by_all_who_ask_meanwhile() {
    let scene = Scene::new();
    let units: Vec<UnitName> = (0..300).map(|at| unit(&format!("u{at}"))).collect();
    let _guards: Vec<Guard> = units.iter().map(|unit| scene.follow(unit)).collect();
    scene.live.status(&units[0]).await.unwrap();
    scene.live.reload().await.unwrap();
    scene.daemon.asked();
    scene.daemon.hangs.store(true, Ordering::SeqCst);
    for status in join_all(units.iter().map(|unit| scene.live.status(unit))).await {
        assert!(matches!(status, Err(SystemdError::Bus(BusError::TimedOut { .. }))), "{status:?}");
    }
    assert_eq!(scene.daemon.asked(), ["list 300"]);
    scene.daemon.hangs.store(false, Ordering::SeqCst);
    scene.live.status(&units[1]).await.unwrap();
}

#[tokio::test]
async fn a_job_ends_though_its_end_comes_before_its_name() {
    let scene = Scene::new();
    let limit = Some(Duration::from_secs(5));
    scene.live.job(Verb::Start, &unit("a"), limit).await.unwrap();
    assert_eq!(scene.live.status(&unit("a")).await.unwrap().active, Active::Active);
    *scene.daemon.result.lock().unwrap() = Some("failed");
    let failed = scene.live.job(Verb::Start, &unit("a"), limit).await.unwrap_err();
    assert_eq!(failed.to_string(), "start a.service: the job's result is failed");
}

#[tokio::test]
async fn a_job_that_does_not_end_is_cancelled() {
    let scene = Scene::new();
    *scene.daemon.result.lock().unwrap() = None;
    let started = scene.live.job(Verb::Start, &unit("a"), Some(Duration::from_millis(20))).await;
    assert!(matches!(started, Err(SystemdError::JobTimeout { .. })), "{started:?}");
    assert_eq!(scene.daemon.asked(), ["StartUnit a.service", "CancelJob"]);
    scene.live.job(Verb::Start, &unit("a"), None).await.unwrap();
}

#[tokio::test]
async fn when_the_connection_breaks_under_a_job_the_unit_itself_says_what_came_of_it() {
    let scene = Scene::new();
    *scene.daemon.result.lock().unwrap() = None;
    for (active, is_fine) in [("active", true), ("inactive", false)] {
        scene.daemon.asked();
        let live = scene.live.clone();
        let limit = Some(Duration::from_secs(60));
        let job = tokio::spawn(async move { live.job(Verb::Start, &unit("a"), limit).await });
        while !scene.daemon.asked.lock().unwrap().iter().any(|it| it.starts_with("StartUnit")) {
            tokio::task::yield_now().await;
        }
        scene.daemon.active.lock().unwrap().insert("a.service".to_owned(), active);
        scene.peer.hang_up().await;
        assert_eq!(job.await.unwrap().is_ok(), is_fine);
        let starts = scene.daemon.asked().iter().filter(|it| it.starts_with("StartUnit")).count();
        assert_eq!(starts, 1, "never repeated blindly");
    }
}

#[tokio::test]
async fn all_are_told_after_a_reload_a_reconnect_and_an_edit_of_a_unit_file() {
    let scene = Scene::new();
    let unit = unit("a");
    let guard = scene.follow(&unit);
    scene.live.status(&unit).await.unwrap();
    let seen = || scene.told.0.load(Ordering::SeqCst);
    let news_since = async |before: usize| {
        while seen() == before {
            scene.told.1.notified().await;
        }
        scene.daemon.asked();
        scene.live.status(&unit).await.unwrap();
        assert_eq!(scene.daemon.asked(), ["list 1"], "what was known counts no more");
    };
    let before = seen();
    assert_eq!(scene.watch.change(scene.dir.path().join("etc/x.wants/a.service")), 1);
    news_since(before).await;
    let connection = scene.connection();
    let before = seen();
    signal(&connection, "Reloading", &true).await;
    unit_changed(&connection, "a.service").await;
    signal(&connection, "Reloading", &false).await;
    news_since(before).await;
    let before = seen();
    signal(&connection, "UnitFilesChanged", &()).await;
    news_since(before).await;
    let before = seen();
    scene.peer.hang_up().await;
    news_since(before).await;
    drop(guard);
    assert!(scene.watch.watched().is_empty());
}

#[tokio::test]
async fn what_enables_others_is_enabled_once_they_all_are() {
    let scene = Scene::new();
    let etc = scene.dir.path().join("etc");
    std::fs::create_dir_all(etc.join("x.target.wants")).unwrap();
    for (name, install) in [
        ("a.service", "Also=b.service c.socket d.service"),
        ("b.service", "Also=a.service c.socket"),
        ("c.socket", "WantedBy=x.target"),
        ("d.service", ""),
        ("e.service", "Also=c.socket\nWantedBy=x.target"),
        ("f.service", "Also=none.service"),
    ] {
        std::fs::write(etc.join(name), format!("[Install]\n{install}\n")).unwrap();
    }
    let is_enabled =
        async |name: &str| scene.live.is_enabled_through_others(&unit(name), false).await.unwrap();
    let _follows = scene.follow(&unit("a"));
    assert!(!is_enabled("a").await && !is_enabled("b").await);
    std::os::unix::fs::symlink(etc.join("c.socket"), etc.join("x.target.wants/c.socket")).unwrap();
    scene.watch.change(etc.join("x.target.wants/c.socket"));
    assert!(is_enabled("a").await && is_enabled("b").await);
    assert!(!is_enabled("e").await, "it has links of its own");
    assert!(!is_enabled("f").await && !is_enabled("none").await);
}

#[tokio::test]
async fn a_burst_of_reloads_is_one() {
    let scene = Scene::new();
    join_all((0..100).map(|_| scene.live.reload())).await.into_iter().for_each(|done| done.unwrap());
    assert_eq!(scene.daemon.asked(), ["Reload"]);
}

#[tokio::test]
async fn settled_waits_for_the_end_of_a_transition() {
    let scene = Scene::new();
    let unit = unit("a");
    let _guard = scene.follow(&unit);
    scene.daemon.active.lock().unwrap().insert("a.service".to_owned(), "activating");
    let short = scene.live.settled(&unit, Duration::from_millis(20)).await;
    assert!(matches!(short, Err(SystemdError::Unsettled { state: "activating", .. })), "{short:?}");
    let live = scene.live.clone();
    let waiting =
        tokio::spawn(
            async move { live.settled(&UnitName::new("a").unwrap(), Duration::from_secs(60)).await },
        );
    scene.daemon.active.lock().unwrap().insert("a.service".to_owned(), "active");
    unit_changed(&scene.connection(), "a.service").await;
    assert_eq!(waiting.await.unwrap().unwrap().active, Active::Active);
}

#[tokio::test]
async fn files_that_are_older_than_the_last_reading_cost_one_question_for_all() {
    let scene = Scene::new();
    std::fs::create_dir(scene.dir.path().join("etc")).unwrap();
    std::fs::write(scene.dir.path().join("etc/a.service"), "[Service]\n").unwrap();
    let units = [unit("a"), unit("b")];
    let _guards = units.each_ref().map(|unit| scene.follow(unit));
    for unit in &units {
        assert!(!scene.live.is_outdated(unit).await.unwrap());
    }
    assert_eq!(scene.daemon.asked(), ["list 2", "get UnitsLoadTimestamp"]);
}
