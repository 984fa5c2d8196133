//! A graph with one resource of each kind that a host can be kept by, edited while it runs: only what was edited runs again.

use super::machine::{Agent, Machine};
use super::repository::{Deb, Repository};

/// What is declared: kind, name, what stays, and what an edit changes, before and after.
const KINDS: [(&str, &str, &str, &str, &str); 12] = [
    ("svc", "plain", "", "state: running", "state: stopped"),
    ("cron", "daily", "command: /bin/true", "on_calendar: [daily]", "on_calendar: [hourly]"),
    ("pkg", "tiny", "allow_downgrade: true", "version: '1.0'", "version: '2.0'"),
    ("user", "anna", "state: exists", "comment: one", "comment: two"),
    ("group", "staff2", "state: exists", "gid: 4711", "gid: 4712"),
    ("hostname", "here", "hostname: web1", "pretty_hostname: one", "pretty_hostname: two"),
    (
        "mount",
        "/mnt",
        "state: exists\n    device: tmpfs\n    type: tmpfs",
        "options: {size: 1m}",
        "options: {size: 2m}",
    ),
    ("sysctl", "net.ipv4.ip_default_ttl", "", "value: '60'", "value: '61'"),
    (
        "ssh:authorized_key",
        "key",
        "user: root\n    type: ssh-ed25519\n    key: AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
        "comment: one",
        "comment: two",
    ),
    ("json:edit", "json", "store: /etc/x.json\n    create: true", "edits: ['.a = 1']", "edits: ['.a = 2']"),
    ("net", "veth-a", "state: up", "addrs: [10.9.0.1/24]", "addrs: [10.9.0.2/24]"),
    ("file", "/etc/site.conf", "", "content: one", "content: two"),
];

/// The graph, with the edit of one kind, or of none.
fn graph(edited: Option<usize>) -> String {
    let mut text = "graph: edits\nresources:\n".to_owned();
    for (at, (kind, name, rest, before, after)) in KINDS.iter().enumerate() {
        let param = if edited == Some(at) { after } else { before };
        text += &format!("  {kind}:\n  - name: \"{name}\"\n    {param}\n");
        if !rest.is_empty() {
            text += &format!("    {rest}\n");
        }
    }
    text
}

/// What the log says since the last graph began to run.
fn since_swap(agent: &Agent<'_>) -> String {
    let log = agent.log();
    log.rsplit_once("the graph runs").map(|(_, since)| since.to_owned()).unwrap_or_default()
}

#[test]
fn an_edit_of_any_kind_runs_that_resource_and_no_other() {
    let Some(host) = Machine::boot() else { return };
    Repository::with(&host, &[Deb::new("tiny", "1.0"), Deb::new("tiny", "2.0")]);
    host.write("/etc/systemd/system/plain.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    host.sh("systemctl daemon-reload; ip link add veth-a type veth peer name veth-b; ip link set veth-b up");
    let agent = host.agent(&graph(None));
    assert!(!agent.log().contains(" failed"), "{}", agent.log());
    for (at, (kind, name, ..)) in KINDS.iter().enumerate() {
        let label = format!("{kind}[{name:?}]");
        for edited in [Some(at), None] {
            agent.save(&graph(edited));
            agent.until(&format!("{label} is put right"), || {
                since_swap(&agent).contains(&format!("{label} put right"))
            });
            let since = since_swap(&agent);
            assert!(since.contains("added=0 changed=1 removed=0"), "{label}: {since}");
            let others: Vec<&str> =
                since.lines().filter(|line| line.contains("put right") && !line.contains(&label)).collect();
            assert!(others.is_empty(), "{label} was edited: {others:?}");
        }
    }
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}
