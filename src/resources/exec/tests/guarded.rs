use std::fs;
use std::time::{Duration, SystemTime};

use super::*;

#[tokio::test]
async fn guards_are_asked_in_order_and_the_first_that_knows_decides() {
    let (scene, processes) = Scene::fake();
    let creates = scene.path("made");
    let exec = scene.build(&[("cmd", "go"), ("ifcmd", "if"), ("nifcmd", "nif"), ("creates", &creates)]);
    let cases = [(1, 1, false, "if"), (0, 0, false, "if nif"), (0, 1, true, "if nif")];
    for (ifcmd, nifcmd, runs, asked) in cases {
        processes.answer("if", ifcmd, "");
        processes.answer("nif", nifcmd, "");
        assert_eq!(scene.check(&*exec).await.unwrap(), runs);
        assert_eq!(processes.take_ran().join(" "), asked);
    }
    fs::write(&creates, "").unwrap();
    assert!(!scene.check(&*exec).await.unwrap());
}

#[tokio::test]
async fn without_guards_it_runs_each_time() {
    let (scene, processes) = Scene::fake();
    processes.answer("it", 0, "");
    let exec = scene.build(&[]);
    for _ in 0..2 {
        assert!(scene.settle(&*exec).await.unwrap().0);
    }
    assert_eq!(processes.take_ran(), ["it", "it"]);
}

#[tokio::test]
async fn equal_output_must_be_equal_to_the_last_byte() {
    let scene = Scene::real();
    let script = "echo out; echo err >&2; echo out";
    for (param, text, runs) in [
        ("ifequals", "out\nerr\nout\n", false),
        ("ifequals", "out\nerr\nout", true),
        ("ifequals", "", true),
        ("ifequals_stdout", "out\nout\n", false),
        ("ifequals_stdout", "out\nout", true),
        ("ifequals_stdout", "out\nerr\nout\n", true),
    ] {
        let exec = scene.build(&[("cmd", "true"), ("ifcmd", script), ("ifshell", "/bin/sh"), (param, text)]);
        assert_eq!(scene.check(&*exec).await.unwrap(), runs, "{param} {text:?}");
    }
}

#[tokio::test]
async fn a_guard_that_cannot_be_asked_is_an_error_and_not_an_answer() {
    let scene = Scene::real();
    let exec = scene.build(&[("cmd", "true"), ("ifcmd", "no-such-command-here")]);
    let error = scene.check(&*exec).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "ifcmd `no-such-command-here`: there is no command \"no-such-command-here\""
    );
    assert!(error.hint().unwrap().contains("is it installed before this runs?"));
    let exec = scene.build(&[("cmd", "true"), ("nifcmd", "kill -9 $$"), ("nifshell", "/bin/sh")]);
    assert!(scene.check(&*exec).await.unwrap_err().to_string().contains("ended by SIGKILL"));
    let file = scene.path("file");
    fs::write(&file, "").unwrap();
    let exec = scene.build(&[("cmd", "true"), ("creates", &format!("{file}/below"))]);
    assert!(scene.check(&*exec).await.unwrap(), "below a file there is nothing");
}

#[tokio::test]
async fn a_newer_file_forces_a_run_past_all_guards() {
    let (scene, processes) = Scene::fake();
    processes.answer("it", 0, "");
    processes.answer("if", 1, "");
    let file = scene.path("source");
    let mtimes = format!("[{file}]");
    let exec = scene.build(&[("mtimes", &mtimes), ("ifcmd", "if")]);
    let error = scene.check(&*exec).await.unwrap_err();
    assert!(error.to_string().starts_with("look at") && error.hint().is_some(), "{error}");
    fs::write(&file, "").unwrap();
    assert!(scene.settle(&*exec).await.unwrap().0, "it never ran");
    assert_eq!(processes.take_ran(), ["it"]);
    assert!(!scene.settle(&*exec).await.unwrap().0);
    assert_eq!(processes.take_ran(), ["if"], "then the others decide");
    let alone = scene.build(&[("mtimes", &mtimes)]);
    assert!(!scene.check(&*alone).await.unwrap(), "alone it is a guard");
    let later = SystemTime::now() + Duration::from_secs(10);
    fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
    let found = exec.check(&scene.cx()).await.unwrap();
    let shown = found.drift.iter().next().unwrap().to_string();
    assert_eq!(shown, format!("cmd: {file} is newer than at the last run -> it"));
    processes.answer("it", 1, "");
    assert!(scene.settle(&*exec).await.is_err());
    assert!(scene.check(&*exec).await.unwrap(), "a run that failed does not count");
}

#[tokio::test]
async fn a_refresh_runs_it_again_if_the_guards_permit() {
    let (scene, processes) = Scene::fake();
    processes.answer("if", 0, "");
    let exec = scene.build(&[("ifcmd", "if")]);
    let mut cx = scene.cx();
    cx.refresh = true;
    assert!(exec.check(&cx).await.unwrap().drift.has("refresh"));
    processes.answer("if", 1, "");
    assert!(exec.check(&cx).await.unwrap().drift.is_empty());
}
