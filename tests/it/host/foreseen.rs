//! `mgmt plan` on a test host: what a new thing will get, and what would fail.

use std::process::Output;

use super::machine::Machine;
use super::repository::{Deb, Repository};

fn plan(host: &Machine, graph: &str) -> Output {
    host.write("/root/planned.yaml", graph);
    host.command("mgmt").args(["plan", "/root/planned.yaml"]).output().unwrap()
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_would_fail_is_told_at_its_place_and_nothing_that_the_graph_makes_first() {
    let Some(host) = Machine::bare() else { return };
    Repository::with(&host, &[Deb::new("tiny", "1.0")]);
    let output = plan(
        &host,
        "graph: site
resources:
  group:
  - name: crew
    state: exists
    gid: 4300
  user:
  - name: anna
    state: exists
    group: crew
    shell: /bin/sh
    homedir: /srv/anna
  - name: bert
    state: exists
    group: nowhere
  pkg:
  - name: tiny
  - name: nosuch
  mount:
  - name: /run/strange
    device: none
    type: zzfs
    mkdir: true
    fstab: false
  - name: /run/scratch/deep
    device: tmpfs
    type: tmpfs
    mkdir: true
    fstab: false
",
    );
    let (shown, said) = texts(&output);
    assert_eq!(output.status.code(), Some(3), "{shown}\n{said}");
    for line in [
        "gid: absent -> 4300",
        "group: absent -> crew",
        "homedir: absent -> /srv/anna",
        "shell: absent -> /bin/sh",
        "mkdir: absent -> /run/scratch/deep",
        "3 failed",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    for (label, line, why) in [
        ("user[\"bert\"]", 13, "user bert is to be in nowhere, which is no group"),
        ("pkg[\"nosuch\"]", 18, "no repository of this host has a package of this name"),
        ("mount[\"/run/strange\"]", 20, "neither the kernel nor a program mount.zzfs knows the type zzfs"),
    ] {
        assert!(said.contains(&format!("{label} would fail")), "{label}: {said}");
        assert!(said.contains(why) && said.contains(&format!("planned.yaml:{line}:5")), "{label}: {said}");
    }
    assert_eq!(said.matches("would fail").count(), 3, "{said}");
    assert!(said.contains("= hint:"), "{said}");
    host.sh("! test -e /run/scratch && ! getent passwd anna && ! dpkg -s tiny 2>/dev/null");
}

#[test]
fn a_unit_that_a_file_or_a_package_of_the_graph_brings_is_not_foreseen_to_be_missing() {
    let Some(host) = Machine::boot() else { return };
    let graph = |file: &str| {
        format!(
            "graph: site
resources:
{file}
  svc:
  - name: made
    state: running
"
        )
    };
    let file = "  file:
  - name: /etc/systemd/system/made.service
    content: \"[Service]\\nExecStart=/bin/sleep 1000\\n\"
";
    let output = plan(&host, &graph(file));
    let (shown, said) = texts(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}\n{said}");
    assert!(shown.contains("known after apply"), "{shown}");
    let output = plan(&host, &graph(""));
    let (shown, said) = texts(&output);
    assert_eq!(output.status.code(), Some(3), "{shown}\n{said}");
    assert!(said.contains("svc[\"made\"]") && said.contains("= hint:"), "{said}");
}
