//! Questions to servers on a host.

use super::machine::Machine;

const GRAPH: &str = "graph: site
resources:
  http:check:
  - name: http://127.0.0.1:8099/ok
    interval_ms: 100
    failures: 2
  file:
  - name: /srv/open
    content: it answers
edges:
- name: e
  from: {kind: 'http:check', name: 'http://127.0.0.1:8099/ok'}
  to: {kind: file, name: /srv/open}
";

/// Starts a web server on the host that ends with it.
const SERVE: &str = "mkdir -p /srv/www; echo fine >/srv/www/ok
    cd /srv/www; nohup python3 -m http.server -b 127.0.0.1 8099 >/dev/null 2>&1 & echo $! >/srv/pid";

#[test]
fn what_follows_waits_for_the_server_and_its_end_is_noticed() {
    let Some(host) = Machine::bare() else { return };
    host.sh(SERVE);
    host.until_sh("python3 -c 'import urllib.request as u; u.urlopen(\"http://127.0.0.1:8099/ok\")'");
    let agent = host.agent(GRAPH);
    assert_eq!(host.read("/srv/open"), "it answers");
    host.sh("rm /srv/www/ok");
    agent.until_said("it answered with status 404", 1);
    host.sh("kill $(cat /srv/pid)");
    host.sh("rm /srv/open");
    host.sh(SERVE);
    agent.until("what follows ran", || host.path("/srv/open").exists());
    assert!(agent.checks("file[/srv/open]") >= 2);
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}

#[test]
fn what_asks_this_host_comes_after_its_services_and_waits_until_they_listen() {
    let Some(host) = Machine::boot() else { return };
    // It counts as started before it listens.
    host.write(
        "/etc/systemd/system/late.service",
        "[Service]\nExecStart=sh -c 'sleep 0.3; exec python3 -m http.server -b 127.0.0.1 8099'\nWorkingDirectory=/srv\n",
    );
    let graph = "graph: g\nresources:\n  http:check:\n  - name: http://127.0.0.1:8099/\n  svc:\n  - {name: late, state: running}\n";
    let output = host.once(graph);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown = host.sh("mgmt graph --autoedges /root/site.yaml");
    assert!(shown.contains("a service of the host that it asks"), "{shown}");
}
