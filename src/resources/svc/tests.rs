use std::sync::Arc;
use std::time::Duration;

use super::SvcKind;
use crate::engine::id::Label;
use crate::engine::kind::Uid;
use crate::engine::{Class, Value};
use crate::resources::host::process::FakeProcesses;
use crate::resources::host::systemd::{
    Active, FakeSystemd, FakeUnit, FileState, JobResult, Load, MainProcess, Scopes,
};
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Subject, capabilities, refused};

struct Scene {
    bench: Bench,
    systemd: FakeSystemd,
    processes: Arc<FakeProcesses>,
    kind: SvcKind,
}

impl Scene {
    fn new() -> Self {
        let (systemd, watch) = (FakeSystemd::new(), Arc::new(FakeWatch::new()));
        let processes = Arc::new(FakeProcesses::default());
        let scopes = Scopes::fake(watch.clone(), Arc::new(systemd.clone()));
        let host = Host { systemd: scopes, processes: processes.clone(), ..Host::over(watch) };
        Self { bench: Bench::new(), systemd, processes, kind: SvcKind::new(Arc::new(host)) }
    }

    /// With one unit, `a.service`.
    fn with(unit: FakeUnit) -> Self {
        let scene = Self::new();
        scene.systemd.add("a.service", unit);
        scene
    }

    fn svc(&self, params: &[(&'static str, &str)]) -> Subject {
        let params: Vec<_> = params.iter().map(|(name, value)| (*name, value_of(value))).collect();
        self.bench.build(&self.kind, "a", &params)
    }

    fn done(&self) -> Vec<String> {
        self.systemd.take_done()
    }
}

fn value_of(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text.parse().map_or_else(|_| Value::str(text), Value::Int),
    }
}

const RUNNING: &[(&str, &str)] = &[("state", "running")];
const STOPPED: &[(&str, &str)] = &[("state", "stopped")];
const ENABLED: &[(&str, &str)] = &[("startup", "enabled")];
const DISABLED: &[(&str, &str)] = &[("startup", "disabled")];
const MASKED: &[(&str, &str)] = &[("startup", "masked")];

#[tokio::test]
async fn a_stopped_unit_is_started_and_a_check_only_looks() {
    let scene = Scene::with(FakeUnit::new());
    let svc = scene.svc(&[("state", "running"), ("startup", "enabled")]);
    assert_eq!(svc.noop().await.shown(), ["startup: disabled -> enabled", "state: inactive -> running"]);
    assert_eq!(scene.done(), [""; 0]);
    svc.repair().await;
    assert_eq!(scene.done(), ["enable a.service", "reload", "start a.service"]);
    scene.systemd.change("a.service", |unit| unit.active = Active::Failed);
    assert_eq!(svc.repair().await.shown(), ["state: failed -> running"]);
}

#[tokio::test]
async fn a_running_unit_is_stopped_and_disabled() {
    let scene = Scene::with(FakeUnit::of(FileState::Enabled).running());
    let svc = scene.svc(&[("state", "stopped"), ("startup", "disabled")]);
    svc.repair().await;
    assert_eq!(scene.done(), ["disable a.service", "reload", "stop a.service"]);
    scene.systemd.change("a.service", |unit| unit.active = Active::Failed);
    assert!(svc.run().await.drift.is_empty(), "failed is stopped enough");
}

#[tokio::test]
async fn events_wake_until_the_watch_is_dropped() {
    let scene = Scene::with(FakeUnit::new());
    let svc = scene.svc(RUNNING);
    let armed = svc.resource.watch(&svc.cx()).await.unwrap();
    scene.systemd.change("a.service", |unit| unit.active = Active::Active);
    assert_eq!(scene.bench.wakes(), 1);
    drop(armed);
    assert_eq!(scene.systemd.followers(), 0);
}

#[tokio::test]
async fn what_each_state_of_a_unit_file_asks_for() {
    for (found, wanted, done) in [
        (FileState::Enabled, ENABLED, &[][..]),
        (FileState::EnabledRuntime, ENABLED, &["enable a.service", "reload"]),
        (FileState::Disabled, ENABLED, &["enable a.service", "reload"]),
        (FileState::Generated, ENABLED, &[]),
        (FileState::Static, DISABLED, &[]),
        (FileState::Masked, DISABLED, &[]),
        (FileState::EnabledRuntime, DISABLED, &["disable a.service", "reload"]),
        (FileState::Static, MASKED, &["mask a.service", "reload"]),
        (FileState::MaskedRuntime, MASKED, &["mask a.service", "reload"]),
    ] {
        let scene = Scene::with(FakeUnit::of(found));
        let svc = scene.svc(wanted);
        svc.run().await;
        assert_eq!(scene.done(), done, "{found} {wanted:?}");
        assert!(svc.run().await.drift.is_empty(), "{found} {wanted:?}");
    }
    let scene = Scene::with(FakeUnit { load: Load::Masked, ..FakeUnit::of(FileState::Masked) });
    scene.svc(&[("startup", "enabled"), ("state", "running")]).repair().await;
    assert_eq!(scene.done(), ["unmask a.service", "enable a.service", "reload", "start a.service"]);
}

#[tokio::test]
async fn what_cannot_be_enabled_or_disabled_says_why() {
    for (found, wanted, why) in [
        (FileState::Static, ENABLED, "is static"),
        (FileState::Generated, DISABLED, "is generated"),
        (FileState::Bad, ENABLED, "cannot read the file"),
        (FileState::Linked, ENABLED, "is static"),
    ] {
        let scene = Scene::with(FakeUnit::of(found));
        let svc = scene.svc(wanted);
        let error = svc.try_run(svc.cx()).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.class(), Class::User);
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn what_enables_others_is_enabled_once() {
    let scene = Scene::with(FakeUnit::of(FileState::Indirect));
    scene.svc(ENABLED).repair().await;
    assert_eq!(scene.done(), ["enable a.service"]);
}

#[tokio::test]
async fn what_has_enabled_others_already_is_left_alone_by_a_new_agent() {
    let scene = Scene::with(FakeUnit { through_others: true, ..FakeUnit::of(FileState::Indirect) });
    let svc = scene.svc(ENABLED);
    assert!(svc.run().await.drift.is_empty());
    scene.systemd.change("a.service", |unit| unit.through_others = false);
    assert_eq!(svc.run().await.shown(), ["startup: indirect -> enabled"]);
}

#[tokio::test]
async fn an_alias_is_enabled_under_its_real_name() {
    let scene = Scene::with(FakeUnit { id: Some("real.service".into()), ..FakeUnit::of(FileState::Alias) });
    scene.systemd.add("real.service", FakeUnit::new());
    let svc = scene.svc(&[("startup", "enabled"), ("state", "running")]);
    let _armed = svc.resource.watch(&svc.cx()).await.unwrap();
    svc.repair().await;
    assert_eq!(scene.done(), ["enable real.service", "reload", "start a.service"]);
    scene.systemd.change("real.service", |unit| unit.active = Active::Failed);
    assert_eq!(scene.bench.wakes(), 1);
}

#[tokio::test]
async fn a_unit_that_is_not_there_is_fine_if_it_is_not_wanted() {
    let scene = Scene::new();
    for params in [STOPPED, DISABLED] {
        assert!(scene.svc(params).run().await.drift.is_empty());
    }
    for params in [RUNNING, ENABLED] {
        let svc = scene.svc(params);
        let error = svc.try_run(svc.cx()).await.unwrap_err();
        assert_eq!(error.to_string(), "there is no unit a.service");
        assert_eq!(error.class(), Class::Transient, "it may yet be installed");
    }
    scene.svc(MASKED).repair().await;
    assert_eq!(scene.done(), ["mask a.service", "reload"]);
}

#[tokio::test]
async fn a_masked_or_broken_unit_cannot_run() {
    let masked = FakeUnit { load: Load::Masked, ..FakeUnit::of(FileState::Masked) };
    let scene = Scene::with(masked.clone().running());
    scene.svc(STOPPED).repair().await;
    let svc = scene.svc(RUNNING);
    let error = svc.try_run(svc.cx()).await.unwrap_err();
    assert_eq!((error.to_string(), error.class()), ("a.service is masked".into(), Class::User));
    let mut broken = FakeUnit { load: Load::BadSetting, ..FakeUnit::new() };
    broken.facts.load_error = "no ExecStart=".into();
    let scene = Scene::with(broken);
    assert_eq!(
        scene.svc(RUNNING).failure().await,
        "systemd cannot read the file of a.service: no ExecStart="
    );
    // Once its file has changed, it is read anew before anything is said of it.
    scene.systemd.change("a.service", |unit| unit.outdated = true);
    assert!(scene.svc(RUNNING).noop().await.drift.has("files"));
}

#[tokio::test]
async fn changed_files_are_read_unless_that_is_left_to_others() {
    let scene = Scene::with(FakeUnit { outdated: true, ..FakeUnit::of(FileState::Enabled).running() });
    assert!(scene.svc(&[("state", "running"), ("daemon_reload", "never")]).run().await.drift.is_empty());
    let ran = scene.svc(RUNNING).repair().await;
    assert_eq!(ran.shown(), ["files: changed on disk -> read by systemd"]);
    assert_eq!(scene.done(), ["reload"]);
}

#[tokio::test]
async fn a_refresh_does_what_is_said_if_it_runs() {
    for (params, done) in [
        (&[("state", "running")][..], &["reload or restart a.service"][..]),
        (&[], &["reload or restart a.service"]),
        (&[("refresh", "restart")], &["restart a.service"]),
        (&[("refresh", "reload")], &["reload a.service"]),
        (&[("refresh", "none")], &[]),
        (&[("state", "restarted-on-refresh")], &["restart a.service"]),
        (&[("state", "restarted-on-refresh"), ("refresh", "reload")], &["reload a.service"]),
        (&[("state", "stopped")], &["stop a.service"]),
    ] {
        let scene = Scene::with(FakeUnit::new().running());
        scene.svc(params).refresh().await;
        assert_eq!(scene.done(), done, "{params:?}");
    }
    let scene = Scene::with(FakeUnit::new());
    assert!(scene.svc(&[]).refresh().await.drift.is_empty(), "it does not run");
    assert_eq!(scene.svc(RUNNING).refresh().await.shown(), ["state: inactive -> running"]);
    assert_eq!(scene.done(), ["start a.service"], "and not restarted at once");
}

#[tokio::test]
async fn a_oneshot_that_does_not_remain_cannot_be_kept_running() {
    let mut unit = FakeUnit::new();
    unit.facts.service_type = "oneshot".into();
    let scene = Scene::with(unit);
    let svc = scene.svc(RUNNING);
    let error = svc.try_run(svc.cx()).await.unwrap_err();
    assert!(error.hint().unwrap().contains("RemainAfterExit=yes"));
    scene.systemd.change("a.service", |unit| unit.facts.remain_after_exit = true);
    svc.repair().await;
}

#[tokio::test]
async fn a_failed_start_says_how_the_unit_ended_and_what_it_wrote() {
    let mut unit = FakeUnit { start: Some(JobResult::Failed), ..FakeUnit::new() };
    unit.facts.result = "exit-code".into();
    unit.facts.exit_status = 7;
    let scene = Scene::with(unit);
    let journal = "journalctl _SYSTEMD_INVOCATION_ID=0123abcd --lines=8 --output=cat --no-pager --quiet";
    scene.processes.answer(journal, 0, "no such port\nexiting\n");
    assert_eq!(
        scene.svc(RUNNING).failure().await,
        "start a.service: failed, exit status 7: no such port; exiting"
    );
}

#[tokio::test]
async fn of_what_the_manager_says_the_reason_is_told_and_not_what_the_error_says_anyway() {
    let mut unit = FakeUnit { start: Some(JobResult::Failed), ..FakeUnit::new() };
    unit.facts.result = "exit-code".into();
    unit.facts.exit_status = 203;
    let scene = Scene::with(unit);
    let journal = "journalctl _SYSTEMD_INVOCATION_ID=0123abcd --lines=8 --output=cat --no-pager --quiet";
    scene.processes.answer(journal, 0, "");
    let journal = "journalctl INVOCATION_ID=0123abcd --lines=8 --output=cat --no-pager --quiet";
    let lines = [
        "Starting a.service - A...",
        "a.service: Failed at step EXEC spawning /opt/a: No such file or directory",
        "a.service: Main process exited, code=exited, status=203/EXEC",
        "a.service: Failed to kill control group /a.service, ignoring: Input/output error",
        "a.service: Failed with result 'exit-code'.",
        "Failed to start a.service - A.",
    ];
    scene.processes.answer(journal, 0, &lines.join("\n"));
    assert_eq!(
        scene.svc(RUNNING).failure().await,
        "start a.service: failed, exit status 203: a.service: Failed at step EXEC spawning /opt/a: No such file or directory"
    );
}

#[tokio::test]
async fn what_loses_its_control_group_as_it_starts_is_started_again_a_few_times() {
    let scene = Scene::with(FakeUnit { loses_group: 2, ..FakeUnit::new() });
    scene.svc(RUNNING).repair().await;
    assert_eq!(scene.done(), ["start a.service"; 3]);
    let scene = Scene::with(FakeUnit { loses_group: u32::MAX, ..FakeUnit::new() });
    assert_eq!(scene.svc(RUNNING).failure().await, "start a.service: failed, exit status 219");
    assert_eq!(scene.done(), ["start a.service"; 3], "it is left at that");
    let mut unit = FakeUnit { start: Some(JobResult::Failed), ..FakeUnit::new() };
    unit.facts.exit_status = 1;
    let scene = Scene::with(unit);
    scene.svc(RUNNING).failure().await;
    assert_eq!(scene.done(), ["start a.service"], "what failed by itself is not");
}

#[tokio::test]
async fn a_service_that_somebody_stops_at_once_has_not_failed_and_is_started_again() {
    let mut unit = FakeUnit { dies: true, ..FakeUnit::new() };
    unit.facts.service_type = "simple".into();
    unit.facts.result = "success".into();
    unit.facts.main = MainProcess::Killed;
    let scene = Scene::with(unit);
    let svc = scene.svc(RUNNING);
    for again in 0..20 {
        assert!(!svc.run().await.drift.is_empty(), "it is down, and started");
        scene.bench.woken_after(again).await;
    }
}

#[tokio::test]
async fn a_service_that_ends_at_once_is_no_repair_and_is_tried_again_later() {
    for (service_type, is_seen) in [("simple", true), ("exec", true), ("notify", false), ("", false)] {
        let mut unit = FakeUnit { dies: true, ..FakeUnit::new() };
        unit.facts.service_type = service_type.into();
        unit.facts.result = "exit-code".into();
        unit.facts.exit_status = 7;
        unit.facts.main = MainProcess::Exited;
        let scene = Scene::with(unit);
        let journal = "journalctl _SYSTEMD_INVOCATION_ID=0123abcd --lines=8 --output=cat --no-pager --quiet";
        scene.processes.answer(journal, 0, "no such port\n");
        let svc = scene.svc(RUNNING);
        if !is_seen {
            svc.repair().await;
            continue;
        }
        let failure = svc.failure().await;
        assert_eq!(failure, "start a.service: it ended at once, exit status 7: no such port");
        scene.bench.woken_after(0).await;
        scene.systemd.change("a.service", |unit| unit.dies = false);
        svc.repair().await;
    }
    let mut unit = FakeUnit { dies: true, ..FakeUnit::new().running() };
    unit.facts.main = MainProcess::Exited;
    let scene = Scene::with(unit);
    let (svc, mut refresh) = (scene.svc(RUNNING), scene.svc(RUNNING).cx());
    refresh.refresh = true;
    let failure = svc.try_run(refresh).await.unwrap_err().to_string();
    assert_eq!(failure, "reload or restart a.service: it ended at once");
}

#[tokio::test]
async fn a_start_that_a_condition_prevents_is_no_repair_and_is_not_tried_again_and_again() {
    for service_type in ["simple", "notify"] {
        let mut unit = FakeUnit::new();
        unit.facts.service_type = service_type.into();
        unit.condition = Some(false);
        let scene = Scene::with(unit);
        let svc = scene.svc(RUNNING);
        let error = svc.try_run(svc.cx()).await.unwrap_err();
        let said = "start a.service: left out by systemd, as one of the unit's conditions is not met";
        assert_eq!((error.to_string(), error.class()), (said.to_owned(), Class::User));
        assert!(error.hint().unwrap().contains("systemctl status a.service"));
        assert_eq!(scene.bench.wakes(), 0);
        let past = scene.kind.past.of(&Label::new("svc", "a"));
        assert!(!past.looks_later(), "no wake is to come either");
        scene.systemd.change("a.service", |unit| unit.condition = Some(true));
        svc.repair().await;
    }
}

#[tokio::test]
async fn what_systemd_starts_again_while_a_failed_start_is_explained_is_looked_at_again() {
    let scene = Scene::with(FakeUnit { start: Some(JobResult::Failed), recovers: true, ..FakeUnit::new() });
    let svc = scene.svc(RUNNING);
    assert!(svc.failure().await.contains("start a.service: failed"));
    assert_eq!(scene.bench.wakes(), 1);
    assert!(svc.run().await.drift.is_empty());
    let scene = Scene::with(FakeUnit { start: Some(JobResult::Failed), ..FakeUnit::new() });
    scene.svc(RUNNING).failure().await;
    assert_eq!(scene.bench.wakes(), 0, "what stays down has nothing to tell");
}

#[tokio::test]
async fn what_is_down_after_a_refresh_that_failed_is_started() {
    let scene = Scene::with(FakeUnit { start: Some(JobResult::Canceled), ..FakeUnit::new().running() });
    let svc = scene.svc(RUNNING);
    let mut refresh = svc.cx();
    refresh.refresh = true;
    assert!(svc.try_run(refresh).await.unwrap_err().to_string().contains("canceled"));
    assert_eq!(scene.bench.wakes(), 1);
    scene.systemd.change("a.service", |unit| unit.start = Some(JobResult::Done));
    assert_eq!(svc.repair().await.shown(), ["state: failed -> running"]);
}

#[tokio::test]
async fn a_start_that_somebody_cancels_is_tried_again_at_once() {
    let scene = Scene::with(FakeUnit { start: Some(JobResult::Canceled), ..FakeUnit::new() });
    let svc = scene.svc(RUNNING);
    assert!(svc.failure().await.contains("canceled"));
    scene.systemd.change("a.service", |unit| unit.start = Some(JobResult::Done));
    scene.bench.woken_after(0).await;
    svc.repair().await;
}

#[tokio::test]
async fn a_start_that_does_not_end_is_cancelled_and_may_not_be_waited_for() {
    let scene = Scene::with(FakeUnit { start: None, ..FakeUnit::new() });
    let svc = scene.svc(&[("state", "running"), ("timeout_ms", "10")]);
    let error = svc.try_run(svc.cx()).await.unwrap_err();
    assert_eq!(error.to_string(), "start a.service: not done after 10 ms, the job is cancelled");
    assert!(error.hint().unwrap().contains("timeout_ms"));
    scene.svc(&[("state", "running"), ("no_block", "true")]).run().await;
}

#[tokio::test]
async fn what_fails_too_often_is_left_alone_for_a_minute_and_then_tried_again() {
    let mut unit = FakeUnit { start: Some(JobResult::Failed), ..FakeUnit::new() };
    unit.facts.result = "start-limit-hit".into();
    let mut scene = Scene::with(unit);
    scene.kind.quiet = Duration::from_secs(1);
    let svc = scene.svc(RUNNING);
    for _ in 0..3 {
        assert!(svc.failure().await.contains("start-limit-hit"));
    }
    assert_eq!(scene.done(), ["start a.service"], "one try");
    scene.systemd.change("a.service", |unit| unit.start = Some(JobResult::Done));
    scene.bench.woken_after(0).await;
    svc.repair().await;
    assert_eq!(scene.done(), ["reset a.service", "start a.service"]);
}

#[tokio::test]
async fn a_job_of_another_is_waited_for_unless_it_is_replaced() {
    let scene = Scene::with(FakeUnit { active: Active::Activating, ..FakeUnit::new() });
    let error = scene.svc(RUNNING).failure().await;
    assert_eq!(error, "a.service is still activating after 100000 ms");
    assert!(scene.svc(RUNNING).noop().await.drift.is_empty(), "a plan does not wait");
    assert!(scene.svc(&[("state", "running"), ("no_block", "true")]).run().await.drift.is_empty());
    scene.svc(STOPPED).repair().await;
    assert_eq!(scene.done(), ["stop a.service"]);
    scene.systemd.change("a.service", |unit| unit.active = Active::Deactivating);
    assert!(scene.svc(STOPPED).failure().await.contains("deactivating"));
}

#[tokio::test]
async fn a_template_can_be_enabled() {
    let scene = Scene::new();
    scene.systemd.add("t@.service", FakeUnit::new());
    let params = [("startup", Value::str("enabled")), ("unit", Value::str("t@"))];
    scene.bench.build(&scene.kind, "x", &params).repair().await;
    assert_eq!(scene.done(), ["enable t@.service", "reload"]);
}

#[tokio::test]
async fn sessions_ask_their_own_manager() {
    let scene = Scene::with(FakeUnit::new());
    scene.svc(&[("session", "true"), ("state", "running")]).repair().await;
    let svc = scene.svc(&[("session", "true"), ("user", "no such user"), ("state", "running")]);
    assert!(svc.failure().await.contains("there is no user"));
}

#[tokio::test]
async fn an_undo_brings_back_what_was_found() {
    let undo = async |scene: &Scene, params| {
        let svc = scene.svc(params);
        let undo = svc.resource.undo(&svc.cx()).await.unwrap().unwrap();
        undo.iter().map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(" ")
    };
    let both = &[("state", "running"), ("startup", "enabled")];
    let scene = Scene::with(FakeUnit::new());
    let found = undo(&scene, both).await;
    assert!(found.contains("disabled") && found.contains("stopped"), "{found}");
    let found = undo(&scene, RUNNING).await;
    assert!(found.contains("stopped") && !found.contains("startup"), "{found}");
    let scene = Scene::with(FakeUnit::of(FileState::EnabledRuntime).running());
    let found = undo(&scene, both).await;
    assert!(found.contains("enabled") && found.contains("running") && found.contains("runtime"), "{found}");
    let masked = FakeUnit { load: Load::Masked, ..FakeUnit::of(FileState::Masked) };
    let found = undo(&Scene::with(masked), both).await;
    assert!(found.contains("masked") && found.contains("stopped"), "{found}");
}

#[test]
fn it_offers_the_unit_and_asks_for_its_file_and_package() {
    let kind = Scene::new().kind;
    let found = capabilities(&kind, "nginx", &[]);
    assert_eq!(found.offers, ["unit", "runs"].map(|sort| Uid::new(sort, "nginx.service")));
    assert!(crate::engine::Kind::is_informed(&kind));
    let running = capabilities(&kind, "nginx", &[("state", Value::str("running"))]);
    assert_eq!(running.offers[1], Uid::new("running", "this host"));
    assert!(found.refreshable && found.waits && found.reversible);
    assert_eq!(found.asks[0].first_of[0], Uid::path("/etc/systemd/system/nginx.service"));
    let session = [("session", Value::Bool(true)), ("user", Value::str("anna"))];
    let found = capabilities(&kind, "x.timer", &session);
    assert_eq!(found.offers, [Uid::new("unit", "anna/x.timer")]);
    assert_eq!(found.asks[0].first_of, [Uid::new("user", "anna")]);
}

#[test]
fn all_that_is_wrong_is_refused_at_once() {
    let kind = Scene::new().kind;
    let given = [
        ("state", Value::str("runing")),
        ("startup", Value::str("on")),
        ("user", Value::str("anna")),
        ("refresh", Value::str("x")),
        ("daemon_reload", Value::str("x")),
        ("timeout_ms", Value::Int(0)),
        ("unit", Value::str("a b")),
    ];
    let wrong: Vec<_> = refused(&kind, "a", &given).into_iter().map(|error| error.param.unwrap()).collect();
    assert_eq!(wrong, ["timeout_ms", "unit", "state", "startup", "user", "refresh", "daemon_reload"]);
    let one = |given: &[(&'static str, Value)]| refused(&kind, "a", given)[0].param.unwrap();
    let (running, masked) = (("state", Value::str("running")), ("startup", Value::str("masked")));
    assert_eq!(one(&[running.clone(), masked]), "startup");
    assert_eq!(one(&[("unit", Value::str("a@.service")), running]), "state");
    assert_eq!(one(&[("runtime", Value::Bool(true))]), "runtime");
    assert_eq!(refused(&kind, "a/b", &[])[0].param, None);
}
