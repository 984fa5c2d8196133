//! A web host from one graph, without a written edge: each part is put in its place in order, and kept there.

use std::time::Instant;

use super::machine::{Agent, Machine};
use super::repository::{Deb, Repository};

const GRAPH: &str = "\
graph: web
resources:
  tcp:check:
  - name: the port answers
    address: 127.0.0.1:8080
    interval_ms: 200
    failures: 1
  svc:
  - name: tinyweb
    state: running
    startup: enabled
  file:
  - name: /etc/tinyweb/tinyweb.conf
    content: \"PORT=8080\\n\"
    owner: webadmin
    mode: \"0640\"
  pkg:
  - name: tinyweb
  user:
  - name: webadmin
    state: exists
    shell: /bin/sh
";

const PKG: &str = "pkg[\"tinyweb\"]";
const USER: &str = "user[\"webadmin\"]";
const CONF: &str = "file[\"/etc/tinyweb/tinyweb.conf\"]";
const SVC: &str = "svc[\"tinyweb\"]";

/// A package with a service that reads a configuration file; it does not bring that file.
fn tinyweb() -> Deb<'static> {
    Deb::new("tinyweb", "1.0")
        .file(
            "/usr/lib/tinyweb/start",
            ". /etc/tinyweb/tinyweb.conf\nexec python3 -m http.server -b 127.0.0.1 $PORT",
        )
        .file("/etc/tinyweb/example.conf", "PORT=80")
        .file(
            "/lib/systemd/system/tinyweb.service",
            "[Service]\nUser=webadmin\nExecStart=/bin/sh /usr/lib/tinyweb/start\nWorkingDirectory=/usr/lib/tinyweb\n\
             [Install]\nWantedBy=multi-user.target",
        )
}

/// The lines that the log has of vertices that were put right, in order.
fn put_right(log: &str) -> Vec<String> {
    let names = [PKG, USER, CONF, SVC];
    let lines = log.lines().filter(|line| line.contains("put right"));
    lines.filter_map(|line| Some((*names.iter().find(|name| line.contains(**name))?).to_owned())).collect()
}

fn answers(host: &Machine) -> bool {
    host.try_sh("python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 8080), 1)'")
        .status
        .success()
}

/// Does harm, and waits until it is undone.
fn harm(agent: &Agent<'_>, host: &Machine, harm: &str, undone: impl Fn() -> bool) {
    host.sh(harm);
    let harmed = Instant::now();
    agent.until(&format!("what `{harm}` did is undone"), undone);
    println!("{harm}: undone after {:?}", harmed.elapsed());
}

#[test]
fn a_web_host_is_built_in_order_without_a_written_edge_and_every_part_is_kept() {
    let Some(host) = Machine::boot() else { return };
    Repository::with(&host, &[tinyweb()]);
    host.write("/root/site.yaml", GRAPH);
    let shown = host.sh("mgmt graph --autoedges /root/site.yaml");
    let line =
        |name: &str| shown.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_default();
    for (vertex, first) in [(SVC, PKG), (SVC, CONF), (CONF, PKG), (CONF, "user[\"webadmin\"] (its owner)")] {
        assert!(line(vertex).contains(first), "{vertex} after {first}:\n{shown}");
    }
    let agent = host.agent(GRAPH);
    agent.until("the port answers", || answers(&host));
    let order = put_right(&agent.log());
    let at = |name: &str| {
        order.iter().position(|done| done == name).unwrap_or_else(|| panic!("{name}: {order:?}"))
    };
    assert!(at(PKG) < at(CONF), "{order:?}");
    assert!(at(USER) < at(CONF), "{order:?}");
    assert!(at(CONF) < at(SVC), "{order:?}");
    // Only the installed unit file says whom the service runs as.
    agent.until_said("the automatic edges", 1);

    let conf = "/etc/tinyweb/tinyweb.conf";
    harm(&agent, &host, &format!("echo PORT=9 >{conf}"), || host.read(conf) == "PORT=8080\n");
    harm(&agent, &host, "systemctl stop tinyweb", || answers(&host));
    harm(&agent, &host, "systemctl kill --kill-whom=main -s KILL tinyweb", || answers(&host));
    harm(&agent, &host, "systemctl disable -q tinyweb", || {
        host.path("/etc/systemd/system/multi-user.target.wants/tinyweb.service").is_symlink()
    });
    harm(&agent, &host, "userdel -f webadmin", || host.read("/etc/passwd").contains("\nwebadmin:"));
    harm(&agent, &host, "apt-get -y -q remove tinyweb >/dev/null 2>&1", || {
        host.try_sh("dpkg-query -W -f '${db:Status-Abbrev}' tinyweb | grep -q ii").status.success()
    });
    agent.until("the port answers again", || answers(&host));

    // Nobody looks while nothing happens.
    let checks = || ["pkg[tinyweb]", "svc[tinyweb]", "user[webadmin]"].map(|vertex| agent.checks(vertex));
    // What the removal of the package has caused may still come in.
    agent.until("a removed file is put back, and nobody else looks", || {
        let before = checks();
        harm(&agent, &host, &format!("rm {conf}"), || host.path(conf).exists());
        checks() == before
    });
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}
