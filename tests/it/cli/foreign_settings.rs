//! Settings in an environment that is somebody else's. Only root can try that: others skip these.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use super::{MGMT, Scratch};

const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: only root can lend its rights");
    }
    is_root
}

fn copy(from: &str, to: &Path, mode: u32) {
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_program_with_more_rights_than_its_caller_takes_no_settings_from_the_environment() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    fs::set_permissions(scratch.path("."), Permissions::from_mode(0o755)).unwrap();
    let raised = scratch.path("raised");
    copy(MGMT, &raised, 0o4755);
    let run = |name: &str, value: &str| {
        let mut command = scratch.command(raised.to_str().unwrap(), &["kv", "list"]);
        command.env_remove("STATE_DIRECTORY").env_remove("RUNTIME_DIRECTORY").env(name, value);
        let output = command.uid(NOBODY).gid(NOBODY).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run("MGMT_SEEDS", "198.51.100.1");
    assert!(said.starts_with("error: MGMT_SEEDS is set, and not by who may"), "{said}");
    assert!(said.contains("more rights than who started it") && said.contains("as an option"), "{said}");
    assert_eq!(code, Some(1));
    assert!(!said.contains("198.51"), "{said}");
    let (_, said) = run("STATE_DIRECTORY", "/tmp/x");
    assert!(said.starts_with("error: STATE_DIRECTORY is set"), "{said}");
    let (_, said) = run("EDITOR", "vi");
    assert!(!said.contains("is set"), "{said}");
}

#[test]
fn what_sudo_lets_through_is_refused_and_what_roots_own_shell_sets_is_not() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    // What counts is who has started it: a shell by another name stands for sudo.
    let sudo = scratch.path("sudo");
    copy("/bin/sh", &sudo, 0o755);
    let run = |shell: &str, uid: &str| {
        let script = format!("'{MGMT}' kv list; true");
        let mut command = scratch.command(shell, &["-c", &script]);
        command.env_remove("STATE_DIRECTORY").env_remove("RUNTIME_DIRECTORY");
        command.env("SUDO_UID", uid).env("MGMT_PREFIX", scratch.path("none"));
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    let sudo = sudo.to_str().unwrap();
    let said = run(sudo, "1000");
    assert!(said.starts_with("error: MGMT_PREFIX is set, and not by who may"), "{said}");
    assert!(said.contains("as root for user 1000"), "{said}");
    for (shell, uid) in [("/bin/sh", "1000"), (sudo, "0")] {
        let said = run(shell, uid);
        assert!(said.contains("no agent answers"), "{said}");
    }
}
