//! Commands as another user: only root can, so others skip these.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use mgmt::engine::Cancel;
use mgmt::resources::host::process::{
    Ending, Env, Identity, Invocation, Outcome, ProcessError, Processes, SystemProcesses,
};
use rustix::process::Signal;

/// `None`: not root.
fn as_nobody(words: &[&str]) -> Option<Invocation> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can run commands as someone else");
        return None;
    }
    Some(Invocation {
        words: words.iter().copied().map(Arc::from).collect(),
        cwd: None,
        env: Env::default(),
        identity: Identity::resolve(Some("nobody"), None).unwrap(),
        signal: Signal::TERM,
        merged: false,
        log: None,
    })
}

async fn run(invocation: &Invocation) -> Result<Outcome, ProcessError> {
    let processes = SystemProcesses::with_helper(env!("CARGO_BIN_EXE_mgmt"));
    processes.run(invocation, &Cancel::default()).await
}

#[tokio::test]
async fn user_group_and_groups_are_those_of_the_account() {
    let Some(id) = as_nobody(&["sh", "-c", "id -u; id -g; id -G; exit 5"]) else { return };
    let who = id.identity.clone().unwrap();
    let outcome = run(&id).await.unwrap();
    let groups: Vec<String> = who.groups.iter().map(u32::to_string).collect();
    assert_eq!(outcome.stdout.text(), format!("{}\n{}\n{}\n", who.uid, who.gid, groups.join(" ")));
    assert_eq!(outcome.ending, Ending::Exit(5), "a status of the command is no failure of the helper");
}

#[tokio::test]
async fn the_environment_arrives_as_it_was_given_and_input_is_empty() {
    let Some(env) = as_nobody(&["env"]) else { return };
    assert_eq!(run(&env).await.unwrap().stdout.text(), "");
    let vars = Env(Arc::new([("LD_PRELOAD".into(), "".into()), ("A".into(), "b=c".into())].into()));
    assert_eq!(run(&Invocation { env: vars, ..env }).await.unwrap().stdout.text(), "A=b=c\nLD_PRELOAD=\n");
    let Some(cat) = as_nobody(&["cat"]) else { return };
    assert_eq!(run(&cat).await.unwrap().stdout.text(), "");
}

#[tokio::test]
async fn what_the_user_may_not_is_refused_and_told_apart_from_the_command() {
    let Some(pwd) = as_nobody(&["pwd"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    mode(dir.path(), 0o700);
    let inside = Invocation { cwd: Some(dir.path().to_owned()), ..pwd };
    assert!(matches!(run(&inside).await.unwrap_err(), ProcessError::Cwd { .. }));
    mode(dir.path(), 0o755);
    assert!(run(&inside).await.unwrap().ending.is_success());
    let tool = dir.path().join("tool");
    std::fs::write(&tool, "#!/bin/sh\n").unwrap();
    mode(&tool, 0o700);
    let Some(tool) = as_nobody(&[tool.to_str().unwrap()]) else { return };
    assert!(matches!(run(&tool).await.unwrap_err(), ProcessError::Denied { .. }));
    let Some(missing) = as_nobody(&["no-such-command-here"]) else { return };
    assert!(matches!(run(&missing).await.unwrap_err(), ProcessError::NotFound { .. }));
}

#[test]
fn the_helper_refuses_nonsense() {
    let helper = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mgmt"));
        command.arg("__mgmt-exec-as").args(args).status().unwrap().code()
    };
    assert_eq!(helper(&[]), Some(64));
    assert_eq!(helper(&["0", "0", "", "", "--"]), Some(64));
    assert_eq!(helper(&["4294967295", "0", "", "", "--", "true"]), Some(64));
}
