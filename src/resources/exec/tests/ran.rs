use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

const SH: (&str, &str) = ("shell", "/bin/sh");

#[tokio::test]
async fn a_check_writes_nothing_and_a_run_leaves_its_outputs_for_later_checks() {
    let scene = Scene::real();
    let (made, script) = (scene.path("made"), "echo out; echo err >&2; touch \"$MADE\"");
    let mut declaration = declared(&[("cmd", script), SH, ("creates", &made), ("send_stdout", "none yet")]);
    declaration.params.set("env", Value::Map([(Value::str("MADE"), Value::str(&made))].into()));
    let exec = scene.kind.build(&declaration).unwrap();
    assert!(scene.check(&*exec).await.unwrap());
    assert!(!exists(scene.path("prefix")));
    let (ran, outputs) = scene.settle(&*exec).await.unwrap();
    assert!(ran && exists(&made));
    assert_eq!(sent(&outputs, "stdout").unwrap(), "out\n");
    let (ran, later) = scene.settle(&*exec).await.unwrap();
    assert!(!ran);
    assert_eq!(later, outputs);
    assert_eq!(sent(&later, "stderr").unwrap(), "err\n");
    let kept = scene.cx().state_dir_path().join("written.json");
    assert_eq!(fs::metadata(kept).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn before_the_first_run_the_declared_values_are_sent() {
    let scene = Scene::real();
    let exec = scene.build(&[("cmd", "true"), ("creates", "/"), ("send_output", "a"), ("send_stderr", "")]);
    let (ran, outputs) = scene.settle(&*exec).await.unwrap();
    assert!(!ran);
    assert_eq!(sent(&outputs, "output").as_deref(), Some("a"));
    assert_eq!(sent(&outputs, "stdout"), None);
    assert_eq!(sent(&outputs, "stderr").as_deref(), Some(""));
}

#[tokio::test]
async fn a_failure_says_how_it_ended_and_what_it_wrote() {
    let scene = Scene::real();
    let exec = scene.build(&[("cmd", "echo first >&2; echo last >&2; exit 3"), SH]);
    let error = scene.settle(&*exec).await.unwrap_err();
    assert_eq!(error.to_string(), "cmd `echo first >&2; echo last >&2; exit 3`: exit status 3: last");
    assert_eq!(error.hint(), Some("its standard error ended with\nfirst\nlast"));
    let exec = scene.build(&[("cmd", "ls /no/such | cat")]);
    assert!(scene.settle(&*exec).await.unwrap_err().hint().unwrap().contains("add `shell: /bin/sh`"));
    let exec = scene.build(&[("cmd", "kill -SEGV $$"), SH]);
    assert!(scene.settle(&*exec).await.unwrap_err().to_string().contains("ended by SIGSEGV"));
}

#[tokio::test]
async fn what_follows_runs_after_success_only_and_must_succeed() {
    let (scene, processes) = Scene::fake();
    let exec = scene.build(&[("donecmd", "done")]);
    processes.answer("it", 1, "");
    assert!(scene.settle(&*exec).await.is_err());
    assert_eq!(processes.take_ran(), ["it"]);
    processes.answer("it", 0, "");
    processes.answer("done", 0, "");
    assert!(scene.settle(&*exec).await.unwrap().0);
    assert_eq!(processes.take_ran(), ["it", "done"]);
    processes.answer("done", 2, "");
    assert_eq!(scene.settle(&*exec).await.unwrap_err().to_string(), "donecmd `done`: exit status 2");
}

#[tokio::test]
async fn a_cancelled_command_gets_its_signal_and_nothing_follows_it() {
    let scene = Scene::real();
    let (fifo, done) = (scene.path("fifo"), scene.path("done"));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &*fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let script = format!("trap 'exit 0' INT; echo ready > {fifo}; while :; do sleep 1000; done");
    let follow = format!("touch {done}");
    let exec = scene.build(&[("cmd", &script), SH, ("sig", "int"), ("donecmd", &follow)]);
    let cancel = Cancel::default();
    let cx = scene.cx_with(&cancel);
    let ready = tokio::task::spawn_blocking(move || fs::read_to_string(fifo));
    let stop = async {
        assert_eq!(ready.await.unwrap().unwrap(), "ready\n");
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(exec.apply(&cx, Drift::none()), stop);
    assert!(ended.unwrap_err().to_string().ends_with("cancelled, exit status 0"));
    assert!(!exists(done));
}

#[tokio::test]
async fn arguments_arrive_as_they_are() {
    let scene = Scene::real();
    let exec = scene.build(&[("cmd", "printf"), ("args", "[%s|%s, a  b ,$x'*]")]);
    let (_, outputs) = scene.settle(&*exec).await.unwrap();
    assert_eq!(sent(&outputs, "output").unwrap(), " a  b |$x'*");
}

#[tokio::test]
async fn an_unknown_user_is_an_error_of_the_run() {
    let scene = Scene::real();
    let exec = scene.build(&[("cmd", "true"), ("user", "no such user")]);
    assert!(scene.check(&*exec).await.unwrap(), "an earlier resource may make it");
    let error = scene.settle(&*exec).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no user \"no such user\"");
}
