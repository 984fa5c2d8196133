//! Containers of a real systemd.

use super::machine::Machine;

/// Makes an image that has its programs from the host, and does nothing but wait.
const IMAGE: &str = "m=/srv/web-1; mkdir -p $m/usr $m/etc; echo 'ID=test' >$m/etc/os-release
    for d in bin sbin lib lib64; do ln -s usr/$d $m/$d; done";

/// What a container needs where the kernel gives it neither user namespaces nor links of its own.
const SETTINGS: &str = "    settings: |
      [Exec]
      Boot=no
      PrivateUsers=no
      Parameters=/bin/sleep infinity
      [Files]
      BindReadOnly=/usr
      [Network]
      VirtualEthernet=no
      Private=yes
";

const RUNS: &str = "machinectl show -p State web-1 | grep -q running
    systemctl is-active -q systemd-nspawn@web-1 && systemctl is-enabled -q systemd-nspawn@web-1";

/// A host on which containers may start as often as they like: systemd allows five starts within ten seconds.
fn boot() -> Option<Machine> {
    let host = Machine::boot()?;
    host.write(
        "/etc/systemd/system/systemd-nspawn@.service.d/often.conf",
        "[Unit]\nStartLimitIntervalSec=0\n",
    );
    host.sh("systemctl daemon-reload");
    Some(host)
}

fn graph(more: &str) -> String {
    format!(
        "graph: site\nresources:\n  nspawn:\n  - name: web-1\n    image: /srv/web-1\n    startup: enabled\n{SETTINGS}{more}"
    )
}

/// The container's first process, as the host counts.
fn leader(host: &Machine) -> String {
    host.sh("machinectl show -p Leader web-1 2>/dev/null || true")
}

#[test]
fn a_container_is_started_and_kept_running_and_then_stopped() {
    let Some(host) = boot() else { return };
    host.sh(IMAGE);
    let output = host.once(&graph(""));
    assert!(output.status.success(), "{output:?}");
    let first = leader(&host);
    let agent = host.agent(&graph(""));
    assert_eq!(leader(&host), first, "what runs is left alone");
    for by_hand in [
        "machinectl terminate web-1",
        "machinectl kill --kill-who=leader -s KILL web-1",
        // It complains of processes that died with the first.
        "systemctl kill -s KILL systemd-nspawn@web-1 || true",
        "systemctl stop systemd-nspawn@web-1",
        "echo '# mine' >>/etc/systemd/nspawn/web-1.nspawn",
        "ln -sfn /srv /var/lib/machines/web-1",
    ] {
        let before = leader(&host);
        host.sh(by_hand);
        agent.until(by_hand, || host.try_sh(RUNS).status.success() && leader(&host) != before);
        assert_eq!(host.sh("readlink -f /var/lib/machines/web-1"), "/srv/web-1");
        assert!(!host.read("/etc/systemd/nspawn/web-1.nspawn").contains("mine"));
    }
    host.sh("systemctl disable -q systemd-nspawn@web-1");
    agent.until_sh(RUNS);
    agent.save("graph: site\nresources:\n  nspawn:\n  - {name: web-1, state: stopped, startup: disabled}\n");
    let stopped =
        "! systemctl is-active -q systemd-nspawn@web-1; ! systemctl is-enabled -q systemd-nspawn@web-1
        ! machinectl show web-1 2>/dev/null";
    agent.until_sh(stopped);
    // It may be stopped before it is started.
    host.sh("machinectl start web-1 || true");
    agent.until_sh(stopped);
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}

#[test]
fn what_leaves_the_graph_is_undone() {
    let Some(host) = boot() else { return };
    host.sh(IMAGE);
    let agent = host.agent(&graph("    meta: {reverse: true}\n"));
    host.sh(RUNS);
    agent.save("graph: site\nresources:\n  noop:\n  - name: nothing\n");
    agent.until_sh(
        "! systemctl is-active -q systemd-nspawn@web-1; ! systemctl is-enabled -q systemd-nspawn@web-1
        ! test -e /etc/systemd/nspawn/web-1.nspawn",
    );
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}

#[test]
fn why_a_container_does_not_start_is_told_and_an_image_that_comes_later_is_started() {
    let Some(host) = boot() else { return };
    let said = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    host.sh("mkdir -p /srv/web-1");
    let output = host.once(&graph(""));
    assert!(
        !output.status.success() && said(&output).contains("doesn't look like it has an OS tree"),
        "{output:?}"
    );
    host.sh("rmdir /srv/web-1");
    let agent = host.agent("graph: site\nresources:\n  noop:\n  - name: nothing\n");
    agent.save(&graph(""));
    agent.until_said("the machine web-1 has no image: there is no /srv/web-1", 1);
    // Whole at once, as an unpacked archive comes.
    host.sh(&format!("{}; mv /srv/new /srv/web-1", IMAGE.replace("/srv/web-1", "/srv/new")));
    agent.until_sh(RUNS);
}
