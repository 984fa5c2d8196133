//! `mgmt status`, as people and programs call it.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::host::{Agent, Host, ILL, RETRIED, WELL, copy_of_mgmt, mgmt, without_settings};

#[test]
fn without_an_agent_it_says_where_it_looked() {
    let host = Host::new(WELL);
    let asked = host.ask("status", &[]);
    assert_eq!(asked.status.code(), Some(75));
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(said.contains("no agent answers at") && said.contains("mgmt.sock"), "{said}");
    assert!(said.contains("hint: start one with `mgmt run FILE`"), "{said}");
}

#[test]
fn all_well_is_exit_code_0() {
    let host = Host::new(WELL);
    let _agent = host.run(&[]);
    let status = host.settled();
    assert_eq!((&status["counts"]["ok"], &status["graph"]), (&1.into(), &"well".into()));
    let asked = host.ask("status", &["--all"]);
    assert!(asked.status.success());
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(said.starts_with("well: settled, all is well\n"), "{said}");
    assert!(said.contains("file[\"a\"]"), "{said}");
}

#[test]
fn a_failure_is_named_with_its_reason_and_what_it_blocks() {
    let host = Host::new(ILL);
    let _agent = host.run(&[]);
    host.settled();
    let asked = host.ask("status", &[]);
    assert_eq!(asked.status.code(), Some(3));
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    for text in [
        "1 failed, 1 blocked",
        "error: cannot apply file[\"bad\"]",
        "site.yaml:7:5",
        "= cause:",
        "= blocks: file[\"after\"]",
    ] {
        assert!(said.contains(text), "{text:?} is not in\n{said}");
    }
    assert!(!said.contains('\x1b'), "no colours in a pipe");
}

#[test]
fn what_fails_over_and_over_is_named() {
    let host = Host::new(
        "graph: restless\nresources:\n  exec:\n  - name: restless\n    cmd: \"false\"\n    \
         meta: {retry: -1, delay: 0}\n",
    );
    let mut agent = host.run(&[]);
    agent.says("changes again and again");
    let asked = host.ask("status", &[]);
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(said.contains("\ncontended: exec[\"restless\"]\n"), "{said}");
    let told: Value = serde_json::from_slice(&host.ask("status", &["--json"]).stdout).unwrap();
    assert_eq!(told["contended"], serde_json::json!([{"kind": "exec", "name": "restless"}]));
}

#[test]
fn json_says_whether_it_has_settled() {
    let host = Host::new(RETRIED);
    let mut agent = host.run(&[]);
    agent.says("failed");
    let read = |flags: &[&str]| {
        let asked = host.ask("status", flags);
        (asked.status.code(), serde_json::from_slice::<Value>(&asked.stdout).unwrap())
    };
    let (code, status) = read(&["--json"]);
    assert_eq!((code, &status["settled"]), (Some(0), &Value::Bool(false)));
    assert_eq!(status["rows"][0]["state"], "retrying");
    host.save(WELL);
    assert_eq!(host.settled()["graph"], "well");
    let (code, status) = read(&["--json", "--all"]);
    assert_eq!((code, &status["settled"]), (Some(0), &Value::Bool(true)));
    assert_eq!(status["rows"].as_array().unwrap().len(), 1);
}

#[test]
fn a_watch_in_a_pipe_is_a_line_a_change_and_ends_with_the_agent() {
    let host = Host::new(WELL);
    let agent = host.run(&[]);
    host.settled();
    let mut watch = mgmt();
    watch.args(["status", "--watch", "--prefix"]).arg(&host.prefix);
    let mut watch = watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "well: settled, all is well, 1 ok");
    host.save(ILL);
    let last = lines.find(|line| line.starts_with("ill: settled")).unwrap();
    assert_eq!(last, "ill: settled, not all is well, 1 ok, 1 failed, 1 blocked; failed: file[\"bad\"]");
    agent.stop();
    assert_eq!(lines.next(), None);
    assert_eq!(watch.wait().unwrap().code(), Some(75));
}

#[test]
fn top_needs_a_terminal() {
    let host = Host::new(WELL);
    let asked = host.ask("top", &[]);
    assert_eq!(asked.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&asked.stderr).contains("status --watch"));
}

#[test]
fn a_socket_that_somebody_else_has_put_there_is_refused_with_the_reason() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can be somebody else");
        return;
    }
    let host = Host::new(WELL);
    let (program, home) = (host.path("program"), host.path("eve"));
    copy_of_mgmt(&program);
    for folder in [&home, &host.prefix] {
        fs::create_dir(folder).unwrap();
    }
    chown(&home, Some(4711), Some(4711)).unwrap();
    fs::set_permissions(host.folder.path(), Permissions::from_mode(0o755)).unwrap();
    let mut command = without_settings(Command::new(program));
    command.args(["run", "--prefix"]).arg(&home).arg(host.path("site.yaml")).uid(4711).gid(4711);
    let mut eve = Agent::start(command);
    eve.says("the graph runs");
    // Where anybody may write, she was faster.
    symlink(home.join("mgmt.sock"), host.socket()).unwrap();
    let said = host.ask("status", &[]);
    let complaint = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(complaint.contains("belongs to user 4711, and this is user 0"), "{complaint}");
    assert!(complaint.contains("--prefix DIR"), "{complaint}");
    // Nor does an agent start in such a folder.
    fs::set_permissions(&host.prefix, Permissions::from_mode(0o1777)).unwrap();
    let output = host.command(&["--converged-timeout=1"]).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && complaint.contains("anybody may write in"), "{complaint}");
    assert!(complaint.contains("chmod o-w"), "{complaint}");
}
