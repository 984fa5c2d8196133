use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use super::CronKind;
use crate::engine::kind::Uid;
use crate::engine::{Class, Kind as _, Value};
use crate::resources::host::systemd::{
    Active, FakeSystemd, FakeUnit, FakeUnits, FileState, Scopes, TimerFacts,
};
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Subject, capabilities, refused, texts};

struct Scene {
    bench: Bench,
    systemd: FakeSystemd,
    watch: FakeWatch,
    kind: CronKind,
}

const FOLDER: &str = "etc/systemd/system";
const TIMER: &str = "etc/systemd/system/t.timer";
const SERVICE: &str = "etc/systemd/system/t.service";

/// As a manager reads what lies in a folder: units come and go with their files.
fn read(folder: &std::path::Path, units: &mut FakeUnits) {
    units.retain(|name, _| name == "other.service" || folder.join(name).exists());
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        let name = entry.file_name().into_string().unwrap();
        let unit = units.entry(name).or_default();
        let calendars = text.lines().filter_map(|line| line.strip_prefix("OnCalendar="));
        let normal = |text: &str| super::calendar::Calendar::parse(text).unwrap().normal().unwrap().into();
        unit.timer = TimerFacts { calendars: calendars.map(normal).collect(), elapses: true };
    }
}

impl Scene {
    fn new() -> Self {
        let (bench, systemd, watch) = (Bench::new(), FakeSystemd::new(), FakeWatch::new());
        let scopes = Scopes::fake(Arc::new(watch.clone()), Arc::new(systemd.clone()));
        let host = Host { systemd: scopes, ..Host::over(Arc::new(watch.clone())) };
        fs::create_dir_all(bench.path(FOLDER)).unwrap();
        let folder = bench.path(FOLDER);
        systemd.on_reload(Box::new(move |units| read(&folder, units)));
        let kind = CronKind::at(Arc::new(host), bench.path(""));
        Self { bench, systemd, watch, kind }
    }

    fn cron(&self, params: &[(&'static str, Value)]) -> Subject {
        self.bench.build(&self.kind, "t", params)
    }

    fn done(&self) -> Vec<String> {
        self.systemd.take_done()
    }
}

fn daily() -> [(&'static str, Value); 2] {
    [("on_calendar", texts(["daily"])), ("command", Value::str("echo \"100% $HOME\""))]
}

#[tokio::test]
async fn a_timer_and_its_service_are_written_read_enabled_and_started() {
    let scene = Scene::new();
    let mut params = daily().to_vec();
    params.extend([
        ("jitter", Value::str("5min")),
        ("persistent", Value::Bool(true)),
        ("user", Value::str("daemon")),
    ]);
    params.push(("env", Value::Map([(Value::str("A"), Value::str("b c"))].into_iter().collect())));
    let cron = scene.cron(&params);
    let noop = cron.noop().await;
    assert_eq!(noop.drift.iter().map(|item| item.what).collect::<Vec<_>>(), ["timer", "service"]);
    let diff = cron.resource.diff(&cron.cx(), &noop.drift).await.unwrap().unwrap();
    assert!(diff.contains("+OnCalendar=daily"), "{diff}");
    assert_eq!((scene.done().len(), fs::read_dir(scene.bench.path(FOLDER)).unwrap().count()), (0, 0));
    cron.repair().await;
    assert_eq!(scene.done(), ["reload", "enable t.timer", "reload", "start t.timer"]);
    assert_eq!(
        scene.bench.read(TIMER),
        "# Made by mgmt: edits are undone.\n[Unit]\nDescription=t\n\n[Timer]\nOnCalendar=daily\nUnit=t.service\n\
         RandomizedDelaySec=5min\nPersistent=yes\n\n[Install]\nWantedBy=timers.target\n"
    );
    assert_eq!(
        scene.bench.read(SERVICE),
        "# Made by mgmt: edits are undone.\n[Unit]\nDescription=t\n\n[Service]\nType=oneshot\nUser=daemon\n\
         Environment=\"A=b c\"\nExecStart=:/bin/sh -c \"echo \\\"100%% $HOME\\\"\"\n"
    );
}

#[tokio::test]
async fn all_that_others_do_to_it_is_undone() {
    let scene = Scene::new();
    let cron = scene.cron(&daily());
    cron.repair().await;
    let _armed = cron.resource.watch(&cron.cx()).await.unwrap();
    assert_eq!(scene.watch.change(scene.bench.path(TIMER)), 1);
    scene.systemd.change("t.timer", |unit| unit.active = Active::Inactive);
    assert_eq!(scene.bench.wakes(), 2);
    assert_eq!(cron.repair().await.shown(), ["state: inactive -> running"]);
    scene.systemd.change("t.timer", |unit| unit.file = FileState::Disabled);
    assert_eq!(cron.repair().await.shown(), ["startup: disabled -> enabled"]);
    scene.done();
    scene.bench.write(TIMER, "[Timer]\nOnCalendar=hourly\n");
    cron.repair().await;
    assert_eq!(scene.done(), ["reload", "restart t.timer"]);
    fs::remove_file(scene.bench.path(SERVICE)).unwrap();
    cron.repair().await;
    assert_eq!(scene.done(), ["reload"], "the timer itself goes on");
    scene.systemd.change("t.timer", |unit| unit.timer.calendars = vec!["*-*-* *:00:00".into()]);
    assert_eq!(cron.repair().await.shown(), ["calendar: *-*-* *:00:00 -> *-*-* 00:00:00"]);
    assert_eq!(scene.done(), ["reload", "restart t.timer"]);
    scene.systemd.change("t.timer", |unit| unit.outdated = true);
    cron.repair().await;
    assert_eq!(scene.done(), ["reload"]);
}

#[tokio::test]
async fn a_service_that_was_written_and_never_read_is_read() {
    let scene = Scene::new();
    let cron = scene.cron(&daily());
    cron.repair().await;
    scene.done();
    scene.systemd.change("t.service", |unit| unit.outdated = true);
    assert_eq!(cron.repair().await.shown(), ["service: changed on disk -> read by systemd"]);
    assert_eq!(scene.done(), ["reload"]);
}

#[tokio::test]
async fn a_new_calendar_restarts_the_timer_and_so_does_a_refresh() {
    let scene = Scene::new();
    scene.cron(&daily()).repair().await;
    scene.done();
    let cron = scene.cron(&[("on_calendar", texts(["weekly", "daily"])), ("command", Value::str("true"))]);
    cron.repair().await;
    assert_eq!(scene.done(), ["reload", "restart t.timer"]);
    cron.refresh().await;
    assert_eq!(scene.done(), ["restart t.timer"]);
}

#[tokio::test]
async fn another_unit_must_be_there_to_be_run() {
    let scene = Scene::new();
    let params = [
        ("trigger", Value::str("OnBootSec")),
        ("time", Value::str("5min")),
        ("unit", Value::str("other")),
        ("startup", Value::str("")),
    ];
    let cron = scene.cron(&params);
    let error = cron.try_run(cron.cx()).await.unwrap_err();
    assert_eq!(error.to_string(), "t.timer cannot start: there is no unit other.service for it to run");
    assert_eq!(error.class(), Class::Transient);
    scene.systemd.add("other.service", FakeUnit::new());
    cron.run().await;
    assert!(cron.run().await.drift.is_empty());
    assert!(scene.bench.read(TIMER).contains("OnBootSec=5min\nUnit=other.service\n"));
    assert_eq!(scene.systemd.unit("t.timer").unwrap().file, FileState::Disabled, "left as it is");
}

#[tokio::test]
async fn a_disabled_timer_does_not_run() {
    let scene = Scene::new();
    scene.cron(&daily()).repair().await;
    let mut params = daily().to_vec();
    params.push(("startup", Value::str("disabled")));
    scene.cron(&params).repair().await;
    let unit = scene.systemd.unit("t.timer").unwrap();
    assert_eq!((unit.active, unit.file), (Active::Inactive, FileState::Disabled));
}

#[tokio::test]
async fn an_absent_timer_is_stopped_and_removed_with_the_service_that_was_made() {
    let scene = Scene::new();
    scene.cron(&daily()).repair().await;
    scene.done();
    let link = scene.bench.path("etc/systemd/system/timers.target.wants/t.timer");
    fs::create_dir(link.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(scene.bench.path(TIMER), &link).unwrap();
    let absent = scene.cron(&[("state", Value::str("absent"))]);
    absent.repair().await;
    assert_eq!(scene.done(), ["stop t.timer", "disable t.timer", "reload"]);
    assert!(!scene.bench.path(TIMER).exists() && !scene.bench.path(SERVICE).exists());
    assert!(fs::symlink_metadata(&link).is_err());
    scene.bench.write(SERVICE, "[Service]\nExecStart=/bin/true\n");
    assert!(absent.run().await.drift.is_empty(), "another's service is left alone");
}

#[tokio::test]
async fn an_undo_removes_what_was_not_there() {
    let scene = Scene::new();
    let cron = scene.cron(&daily());
    let undo = cron.resource.undo(&cron.cx()).await.unwrap().unwrap();
    assert_eq!(undo.get("state"), Some(&Value::str("absent")));
    cron.repair().await;
    assert!(cron.resource.undo(&cron.cx()).await.is_err(), "there was one before");
    let declaration = crate::engine::Declaration::new(crate::engine::id::Label::new("cron", "t"), undo);
    let subject = scene.bench.subject(declaration.label.clone(), scene.kind.build(&declaration).unwrap());
    subject.repair().await;
    assert!(!scene.bench.path(TIMER).exists() && !scene.bench.path(SERVICE).exists());
}

/// The same, with a sensitive command.
fn secret(scene: &Scene, params: &[(&'static str, Value)]) -> Subject {
    let params = params.iter().cloned().collect();
    let mut declaration = crate::engine::Declaration::new(crate::engine::id::Label::new("cron", "t"), params);
    let mut meta = crate::engine::Meta::clone(&declaration.meta);
    meta.sensitive = ["command".into()].into_iter().collect();
    declaration.meta = Arc::new(meta);
    scene.bench.subject(declaration.label.clone(), scene.kind.build(&declaration).unwrap())
}

#[tokio::test]
async fn a_secret_command_is_told_to_nobody_by_systemd_or_its_files() {
    let scene = Scene::new();
    let env = Value::Map([(Value::str("TOKEN"), Value::str("a \"$b\"\\"))].into_iter().collect());
    let mut params = [daily().to_vec(), vec![("env", env)]].concat();
    let subject = secret(&scene, &params);
    let noop = subject.noop().await;
    assert!(subject.resource.diff(&subject.cx(), &noop.drift).await.unwrap().is_none());
    subject.repair().await;
    let folder = scene.bench.path(FOLDER);
    let (script, env) = (folder.join("t.command"), folder.join("t.environment"));
    assert_eq!(
        scene.bench.read(SERVICE),
        format!(
            "# Made by mgmt: edits are undone.\n[Unit]\nDescription=t\n\n[Service]\nType=oneshot\n\
             EnvironmentFile={}\nExecStart=:/bin/sh \"{}\"\n",
            env.display(),
            script.display()
        )
    );
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&script), mode(&env), mode(&scene.bench.path(SERVICE))), (0o700, 0o600, 0o644));
    let head = "# Made by mgmt: edits are undone.\n";
    assert_eq!(fs::read_to_string(&script).unwrap(), format!("{head}echo \"100% $HOME\"\n"));
    assert_eq!(fs::read_to_string(&env).unwrap(), format!("{head}TOKEN=\"a \\\"\\$b\\\"\\\\\"\n"));
    // What is no secret any more leaves none behind, and none in the plan.
    params.pop();
    let cron = scene.cron(&params);
    let noop = cron.noop().await;
    let diff = cron.resource.diff(&cron.cx(), &noop.drift).await.unwrap().unwrap();
    assert!(!diff.contains("TOKEN"), "{diff}");
    cron.repair().await;
    assert!(!script.exists() && !env.exists());
    secret(&scene, &params).repair().await;
    assert!(script.exists() && !env.exists());
    scene.cron(&[("state", Value::str("absent"))]).repair().await;
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    fs::write(&script, "somebody's\n").unwrap();
    assert!(scene.cron(&params[..1]).try_run(scene.cron(&params[..1]).cx()).await.is_err());
    assert!(script.exists(), "another's file is left alone");
}

#[tokio::test]
async fn the_script_of_a_secret_command_is_of_whom_it_runs_as() {
    let scene = Scene::new();
    if !rustix::process::geteuid().is_root() {
        return; // Only root can give it away.
    }
    let daemon = scene.kind.host.accounts.user("daemon").unwrap();
    let of_daemon = [daily().to_vec(), vec![("user", Value::str("daemon"))]].concat();
    let script = scene.bench.path(FOLDER).join("t.command");
    secret(&scene, &of_daemon).repair().await;
    assert_eq!(fs::metadata(&script).unwrap().uid(), daemon);
    // Else it would run as root what its last owner makes of it.
    secret(&scene, &daily()).repair().await;
    assert_eq!(fs::metadata(&script).unwrap().uid(), 0);
}

#[tokio::test]
async fn a_user_gets_nothing_by_a_link_in_the_way_of_their_own_timers() {
    let scene = Scene::new();
    if !rustix::process::geteuid().is_root() {
        return; // Only root can give a home to another.
    }
    let home = scene.kind.host.accounts.home("0").unwrap();
    let home = scene.bench.path(home.strip_prefix("/").unwrap().to_str().unwrap());
    let session = [daily().to_vec(), vec![("session", Value::Bool(true))]].concat();
    let cron = scene.cron(&session);
    assert!(cron.failure().await.contains("does not exist"), "a home is not made");
    fs::create_dir_all(&home).unwrap();
    std::os::unix::fs::chown(&home, Some(4711), Some(4711)).unwrap();
    let lib = scene.bench.path("lib");
    fs::create_dir(&lib).unwrap();
    std::os::unix::fs::symlink(&lib, home.join(".config")).unwrap();
    let error = cron.try_run(cron.cx()).await.unwrap_err().to_string();
    assert!(error.contains("is not followed"), "{error}");
    assert_eq!(fs::read_dir(&lib).unwrap().count(), 0);
    assert_eq!(fs::metadata(&lib).unwrap().uid(), 0);
    fs::remove_file(home.join(".config")).unwrap();
    let _ = cron.try_run(cron.cx()).await;
    for path in [".config", ".config/systemd/user", ".config/systemd/user/t.timer"] {
        assert_eq!(fs::metadata(home.join(path)).unwrap().uid(), 4711, "{path}");
    }
}

#[test]
fn it_offers_timer_and_service_and_comes_after_what_it_runs() {
    let kind = Scene::new().kind;
    let found = capabilities(&kind, "t", &daily());
    assert_eq!(
        found.offers,
        [
            Uid::new("unit", "t.timer"),
            Uid::path("/etc/systemd/system/t.timer"),
            Uid::new("unit", "t.service"),
            Uid::path("/etc/systemd/system/t.service"),
        ]
    );
    let found = capabilities(&kind, "t", &[("on_calendar", texts(["daily"])), ("unit", Value::str("b"))]);
    let asked: Vec<&Uid> = found.asks.iter().map(|ask| &ask.first_of[0]).collect();
    assert!(asked.contains(&&Uid::new("unit", "b.service")), "{asked:?}");
    assert!(asked.contains(&&Uid::path("/etc/systemd/system/b.service")), "{asked:?}");
    assert!(asked.contains(&&Uid::path("/etc/systemd/system")), "{asked:?}");
}

#[test]
fn all_that_is_wrong_is_refused_at_once() {
    let kind = Scene::new().kind;
    let wrong = |name: &str, given: &[(&'static str, Value)]| -> Vec<Option<&'static str>> {
        refused(&kind, name, given).into_iter().map(|error| error.param).collect()
    };
    let given = [
        ("state", Value::str("here")),
        ("startup", Value::str("masked")),
        ("trigger", Value::str("OnCalender")),
        ("time", Value::str("daily")),
        ("on_calendar", texts(["*-*-* 25:00"])),
        ("accuracysec", Value::str("5 fortnights")),
        ("user", Value::str("anna")),
        ("unit", Value::str("a b")),
    ];
    let expected = ["unit", "state", "startup", "trigger", "on_calendar", "accuracysec", "user"];
    assert_eq!(wrong("t", &given), expected.map(Some));
    assert_eq!(wrong("t", &[]), [Some("on_calendar")]);
    assert_eq!(wrong("a/b", &daily()), [None]);
    assert_eq!(wrong("t", &[("time", Value::str("daily"))]), [Some("trigger")]);
    assert_eq!(wrong("t", &[("trigger", Value::str("OnBootSec"))]), [Some("time")]);
    let span = [("trigger", Value::str("OnBootSec")), ("time", Value::str("daily"))];
    assert_eq!(wrong("t", &span), [Some("time")]);
    let boot =
        [("trigger", Value::str("OnBootSec")), ("time", Value::str("5")), ("persistent", Value::Bool(true))];
    assert_eq!(wrong("t", &boot), [Some("persistent")]);
    let both = [daily()[0].clone(), daily()[1].clone(), ("unit", Value::str("b"))];
    assert_eq!(wrong("t", &both), [Some("unit")]);
    let twice = [daily()[0].clone(), ("jitter", Value::str("5")), ("randomizeddelaysec", Value::str("5"))];
    assert_eq!(wrong("t", &twice), [Some("jitter")]);
}

#[tokio::test]
async fn a_command_of_a_user_who_is_not_there_is_refused_before_anything_is_written() {
    let scene = Scene::new();
    let [on_calendar, command] = daily();
    let svc = scene.cron(&[on_calendar, command, ("user", Value::str("no-such-user"))]);
    let _armed = svc.resource.watch(&svc.cx()).await.unwrap();
    let error = svc.try_run(svc.cx()).await.unwrap_err();
    assert_eq!(error.to_string(), "t.timer cannot run its command: there is no user \"no-such-user\"");
    assert!(error.class() == Class::Transient && error.hint().is_some());
    assert!(!scene.bench.path(TIMER).exists() && scene.done().is_empty());
    scene.watch.change("/etc/passwd");
    assert_eq!(scene.bench.wakes(), 1, "the user may come");
    let given =
        [("user", Value::str("no-such-user")), ("command", Value::str("x")), ("state", Value::str("absent"))];
    assert!(scene.cron(&given).run().await.drift.is_empty(), "nobody is needed for nothing");
}
