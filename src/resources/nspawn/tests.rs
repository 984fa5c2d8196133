use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use super::NspawnKind;
use crate::engine::id::Label;
use crate::engine::kind::Uid;
use crate::engine::{Declaration, Kind as _, Value};
use crate::resources::host::systemd::{Active, FakeSystemd, FakeUnit, JobResult, Scopes};
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Subject, capabilities, refused};

struct Scene {
    bench: Bench,
    systemd: FakeSystemd,
    watch: FakeWatch,
    kind: NspawnKind,
}

const UNIT: &str = "systemd-nspawn@web.service";

impl Scene {
    fn new() -> Self {
        let (bench, systemd, watch) = (Bench::new(), FakeSystemd::new(), FakeWatch::new());
        systemd.add(UNIT, FakeUnit::new());
        let scopes = Scopes::fake(Arc::new(watch.clone()), Arc::new(systemd.clone()));
        let host = Host { systemd: scopes, ..Host::over(Arc::new(watch.clone())) };
        let kind = NspawnKind::at(Arc::new(host), bench.path(""));
        fs::create_dir_all(bench.path("var/lib/machines")).unwrap();
        Self { bench, systemd, watch, kind }
    }

    fn machine(&self, params: &[(&'static str, Value)]) -> Subject {
        self.bench.build(&self.kind, "web", params)
    }
}

#[tokio::test]
async fn a_container_with_an_image_is_started_and_kept_running() {
    let scene = Scene::new();
    let machine = scene.machine(&[("startup", Value::str("enabled"))]);
    assert!(machine.failure().await.contains("the machine web has no image"));
    fs::create_dir(scene.bench.path("var/lib/machines/web")).unwrap();
    let _armed = machine.resource.watch(&machine.cx()).await.unwrap();
    machine.repair().await;
    let done = [format!("enable {UNIT}"), "reload".to_owned(), format!("start {UNIT}")];
    assert_eq!(scene.systemd.take_done(), done);
    scene.systemd.change(UNIT, |unit| unit.active = Active::Failed);
    assert_eq!(scene.bench.wakes(), 1);
    assert_eq!(scene.watch.change(scene.bench.path("var/lib/machines/web")), 1);
    assert_eq!(machine.repair().await.shown(), ["state: failed -> running"]);
}

#[tokio::test]
async fn a_container_is_stopped_whether_or_not_it_has_an_image() {
    let scene = Scene::new();
    scene.systemd.change(UNIT, |unit| unit.active = Active::Active);
    scene.machine(&[("state", Value::str("stopped"))]).repair().await;
    assert_eq!(scene.systemd.take_done(), [format!("stop {UNIT}")]);
}

#[tokio::test]
async fn new_settings_restart_it() {
    let scene = Scene::new();
    fs::create_dir(scene.bench.path("var/lib/machines/web")).unwrap();
    scene.systemd.change(UNIT, |unit| unit.active = Active::Active);
    let machine = scene.machine(&[("settings", Value::str("[Network]\nPrivate=yes\n"))]);
    let noop = machine.noop().await;
    assert_eq!(noop.shown(), ["settings: absent -> 22 bytes, 0644"]);
    let diff = machine.resource.diff(&machine.cx(), &noop.drift).await.unwrap().unwrap();
    assert!(diff.contains("+Private=yes"), "{diff}");
    assert!(!scene.bench.path("etc").exists());
    machine.repair().await;
    assert_eq!(scene.systemd.take_done(), [format!("restart {UNIT}")]);
    assert_eq!(scene.bench.read("etc/systemd/nspawn/web.nspawn"), "[Network]\nPrivate=yes\n");
}

#[tokio::test]
async fn what_could_not_be_restarted_with_new_settings_is_restarted_by_the_next_run() {
    let scene = Scene::new();
    fs::create_dir(scene.bench.path("var/lib/machines/web")).unwrap();
    scene.systemd.change(UNIT, |unit| (unit.active, unit.start) = (Active::Active, None));
    let settings = [("settings", Value::str("[Network]\nPrivate=yes\n"))];
    assert!(scene.machine(&settings).failure().await.contains("not done after"));
    scene.systemd.change(UNIT, |unit| unit.start = Some(JobResult::Done));
    scene.systemd.take_done();
    let machine = scene.machine(&settings);
    assert_eq!(machine.repair().await.shown(), ["restart: runs with old settings -> restarted"]);
    assert_eq!(scene.systemd.take_done(), [format!("restart {UNIT}")]);
}

#[tokio::test]
async fn sensitive_settings_are_for_root_alone() {
    let scene = Scene::new();
    let params = [("settings", Value::str("[Exec]\n")), ("state", Value::str("stopped"))];
    let mut declaration = Declaration::new(Label::new("nspawn", "web"), params.into_iter().collect());
    Arc::make_mut(&mut declaration.meta).sensitive.push("settings".into());
    let machine = scene.bench.subject(declaration.label.clone(), scene.kind.build(&declaration).unwrap());
    assert_eq!(machine.repair().await.shown(), ["settings: absent -> 7 bytes, 0600"]);
    let stat = fs::metadata(scene.bench.path("etc/systemd/nspawn/web.nspawn")).unwrap();
    assert_eq!(stat.mode() & 0o777, 0o600);
}

#[tokio::test]
async fn an_image_elsewhere_is_linked() {
    let scene = Scene::new();
    fs::create_dir_all(scene.bench.path("srv/web")).unwrap();
    let machine = scene.machine(&[("image", Value::str("/srv/web"))]);
    machine.repair().await;
    let place = scene.bench.path("var/lib/machines/web");
    assert_eq!(fs::read_link(&place).unwrap(), scene.bench.path("srv/web"));
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    assert!(machine.failure().await.contains("not a link to the image"));
}

#[tokio::test]
async fn an_undo_brings_back_state_and_settings() {
    let scene = Scene::new();
    fs::create_dir_all(scene.bench.path("etc/systemd/nspawn")).unwrap();
    scene.bench.write("etc/systemd/nspawn/web.nspawn", "[Exec]\n");
    let machine = scene.machine(&[("settings", Value::str("x")), ("startup", Value::str("enabled"))]);
    let undo = machine.resource.undo(&machine.cx()).await.unwrap().unwrap();
    assert_eq!(undo.get("state"), Some(&Value::str("stopped")));
    assert_eq!(undo.get("startup"), Some(&Value::str("disabled")));
    assert_eq!(undo.get("settings"), Some(&Value::str("[Exec]\n")));
}

#[tokio::test]
async fn an_undo_of_settings_that_were_not_there_removes_them() {
    let scene = Scene::new();
    let machine = scene.machine(&[("settings", Value::str("[Exec]\n")), ("state", Value::str("stopped"))]);
    let undo = machine.resource.undo(&machine.cx()).await.unwrap().unwrap();
    machine.repair().await;
    assert_eq!(scene.bench.read("etc/systemd/nspawn/web.nspawn"), "[Exec]\n");
    let settings = undo.get("settings").unwrap().clone();
    let undone = scene.machine(&[("settings", settings), ("state", Value::str("stopped"))]);
    assert_eq!(undone.repair().await.shown(), ["settings: 7 bytes, 0644 -> absent"]);
    assert!(!scene.bench.path("etc/systemd/nspawn/web.nspawn").exists());
}

#[test]
fn it_comes_after_its_image_and_settings() {
    let kind = Scene::new().kind;
    let found = capabilities(&kind, "web", &[("image", Value::str("/srv/web"))]);
    assert_eq!(found.offers, [Uid::new("unit", UNIT)]);
    assert_eq!(found.asks[0].first_of[0], Uid::path("/srv/web"));
    assert_eq!(found.asks[3].first_of, [Uid::path("/etc/systemd/nspawn/web.nspawn")]);
    // systemd takes a dash in the name of a machine as it is.
    assert_eq!(capabilities(&kind, "a-b", &[]).offers, [Uid::new("unit", "systemd-nspawn@a-b.service")]);
}

#[test]
fn all_that_is_wrong_is_refused_at_once() {
    let kind = Scene::new().kind;
    let given = [("state", Value::str("up")), ("startup", Value::str("on")), ("image", Value::str("x"))];
    let wrong: Vec<_> = refused(&kind, "a/b", &given).into_iter().map(|error| error.param).collect();
    assert_eq!(wrong, [None, Some("state"), Some("startup"), Some("image")]);
    for name in ["", ".", "a.", "-a", "a-", "a..b", "a.-b", "a-.b", "a_b", &"a".repeat(65)] {
        assert_eq!(refused(&kind, name, &[]).len(), 1, "{name:?}");
    }
}
