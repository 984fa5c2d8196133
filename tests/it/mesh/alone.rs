//! A host that needs nothing of the world.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::village::Village;
use crate::control::host::without_settings;

/// The inodes of this process's sockets of the network.
fn network_sockets(process: u32) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let text = fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
        known.extend(
            text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(9).map(str::to_owned)),
        );
    }
    let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap().filter_map(|entry| {
        let target = fs::read_link(entry.ok()?.path()).ok()?;
        Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
    });
    open.filter(|inode| known.contains(inode)).collect()
}

/// By the system calls that it makes, from its start to its end.
#[test]
fn it_never_binds_a_socket_of_the_network_and_never_makes_a_folder_for_a_store() {
    if Command::new("strace").arg("-V").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "strace is missing");
        eprintln!("skipped: needs strace");
        return;
    }
    let village = Village::new();
    let (graph, log) = (village.path("hello.yaml"), village.path("trace"));
    fs::write(&graph, "graph: g\nresources:\n  noop:\n  - name: n\n").unwrap();
    let mut command = without_settings(Command::new("strace"));
    command.args(["-f", "-qq", "-e", "trace=bind,listen,connect,mkdir,mkdirat", "-o"]).arg(&log);
    command
        .arg(env!("CARGO_BIN_EXE_mgmt"))
        .args(["run", "--converged-timeout=0", "--hostname", "alone"])
        .arg(&graph);
    command.env("RUNTIME_DIRECTORY", village.path("run")).env("STATE_DIRECTORY", village.path("state"));
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("listen(") && log.contains("mgmt.sock"), "its control socket is there: {log}");
    let of_the_network: Vec<&str> = log.lines().filter(|line| line.contains("AF_INET")).collect();
    assert_eq!(of_the_network, Vec::<&str>::new());
    assert_eq!(log.matches("listen(").count(), 1, "{log}");
    assert!(!log.lines().any(|line| line.contains("mkdir") && line.contains("/store")), "{log}");
}

#[test]
fn a_graph_that_needs_nothing_of_the_world_opens_no_port_and_starts_no_store() {
    let village = Village::new();
    let graph = village.path("hello.yaml");
    fs::write(
        &graph,
        format!("graph: g\nresources:\n  file:\n  - name: {}\n    content: x\n", village.path("x").display()),
    )
    .unwrap();
    let mut command = village.command();
    command.arg("run").arg(&graph).args(["--hostname", "alone"]);
    let mut agent = crate::control::host::Agent::start(command);
    agent.says("put right");
    assert_eq!(network_sockets(agent.child.id()), BTreeSet::new());
    assert!(!village.path("state/alone/mesh/store").exists());
    let refused = village.command().args(["mesh", "status", "--hostname", "alone"]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("the agent on this host takes part in no mesh"), "{said}");
    assert!(agent.stop().success());
}
