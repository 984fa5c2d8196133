//! A host that needs nothing of the world.

use std::collections::BTreeSet;
use std::fs;

use super::village::Village;

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
