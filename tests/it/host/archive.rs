//! Unpacked files on a host, with somebody who changes them.

use super::machine::Machine;

const GRAPH: &str = "graph: site
resources:
  archive:
  - name: /srv/tool
    source: /srv/tool.tar.xz
    strip: 1
";

#[test]
fn files_are_unpacked_repaired_and_replaced_by_those_of_a_new_archive() {
    let Some(host) = Machine::bare() else { return };
    let pack = |version: &str| {
        host.sh(&format!(
            "mkdir -p /tmp/p/tool/bin; echo {version} >/tmp/p/tool/bin/run; ln -sfn bin/run /tmp/p/tool/run
             tar -C /tmp/p -cJf /srv/new.tar.xz tool; mv /srv/new.tar.xz /srv/tool.tar.xz"
        ));
    };
    pack("one");
    let agent = host.agent(GRAPH);
    assert_eq!(host.read("/srv/tool/run"), "one\n");
    host.write("/srv/tool/mine", "mine");
    host.write("/srv/tool/bin/run", "tampered");
    agent.until("it is repaired", || host.try_sh("grep -qx one /srv/tool/bin/run").status.success());
    // At once: what is removed file by file may be back before the last one goes.
    host.sh("mv /srv/tool/bin /srv/gone");
    agent.until("it is repaired again", || host.try_sh("grep -qx one /srv/tool/bin/run").status.success());
    pack("two");
    agent.until("it is replaced", || host.try_sh("grep -qx two /srv/tool/run").status.success());
    assert_eq!(host.read("/srv/tool/mine"), "mine");
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
    assert_eq!(host.sh("ls -A /srv | grep -c mgmt || true"), "0");
}

#[test]
fn an_evil_archive_is_refused_and_nothing_of_it_is_left() {
    let Some(host) = Machine::bare() else { return };
    host.sh(
        "mkdir /tmp/e; echo x >/tmp/e/f; tar -C /tmp/e --transform 's,^,../,' -P -cJf /srv/tool.tar.xz f",
    );
    let output = host.once(GRAPH);
    assert!(!output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("leads out of the archive"), "{output:?}");
    assert!(!host.path("/srv/tool").exists() && !host.path("/f").exists());
}
