//! Kernel parameters and the names of a host, in namespaces of their own.

use super::machine::Machine;

#[test]
fn a_parameter_that_is_set_by_hand_is_set_back_and_so_is_its_file() {
    let Some(host) = Machine::bare() else { return };
    if !host.try_sh("sysctl -w net.ipv4.conf.lo.log_martians=0").status.success() {
        eprintln!("skipped: /proc/sys is read-only here");
        return;
    }
    let graph = "graph: g\nresources:\n  sysctl:\n  - {name: net.ipv4.conf.lo.log_martians, value: \"1\"}\n  - name: several\n    \
                 values: {net/ipv4/tcp_rmem: 4096 131072 6291456, net.ipv4.conf.lo.shared_media: \"0\"}\n";
    let agent = host.agent(graph);
    let read = |name: &str| host.sh(&format!("cat /proc/sys/net/ipv4/{name}"));
    assert_eq!(
        (read("conf/lo/log_martians"), read("tcp_rmem")),
        ("1".into(), "4096\t131072\t6291456".into())
    );
    let file = "/etc/sysctl.d/99-net.ipv4.conf.lo.log_martians.conf";
    assert_eq!(host.read(file), "net.ipv4.conf.lo.log_martians = 1\n");
    for round in 0..3 {
        host.sh("sysctl -w net.ipv4.conf.lo.log_martians=0; echo 1 >/proc/sys/net/ipv4/conf/lo/shared_media");
        agent.until(&format!("round {round}"), || {
            (read("conf/lo/log_martians"), read("conf/lo/shared_media")) == ("1".into(), "0".into())
        });
    }
    host.sh(&format!("rm {file}"));
    agent.until("the file is back", || host.path(file).exists());
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
    let wrong = "graph: g\nresources:\n  sysctl:\n  - {name: net.ipv4.conf.lo.log_martians, value: many}\n";
    let output = host.once(wrong);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("the kernel does not take this value"), "{said}");
}

#[test]
fn a_value_that_the_kernel_refuses_is_not_kept_for_the_next_boot() {
    let Some(host) = Machine::bare() else { return };
    let failing = |name: &str, value: &str, why: &str| {
        let file = format!("/etc/sysctl.d/99-{name}.conf");
        host.write(&file, format!("{name} = 0\n"));
        let graph = format!("graph: g\nresources:\n  sysctl:\n  - {{name: {name}, value: \"{value}\"}}\n");
        let output = host.once(&graph);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{said}");
        host.read(&file)
    };
    // Out of range, no number, read-only, and none at all: that may come with its module.
    let (range, ttl) = ("the kernel does not take this value", "net.ipv4.ip_default_ttl");
    assert_eq!(failing(ttl, "4711", range), format!("{ttl} = 0\n"));
    assert_eq!(failing(ttl, "many", range), format!("{ttl} = 0\n"));
    assert_eq!(failing("kernel.ostype", "Minix", "set the kernel parameter"), "kernel.ostype = 0\n");
    assert_eq!(failing("net.none.such", "1", "there is no kernel parameter"), "net.none.such = 1\n");
}

#[test]
fn forwarding_that_is_changed_by_its_other_name_is_set_back_at_once() {
    let Some(host) = Machine::bare() else { return };
    let agent =
        host.agent("graph: g\nresources:\n  sysctl:\n  - {name: net.ipv4.ip_forward, value: \"1\"}\n");
    for name in ["ipv4.conf.all.forwarding", "ipv4.ip_forward"] {
        let started = std::time::Instant::now();
        host.sh(&format!("sysctl -w net.{name}=0"));
        agent.until(name, || host.sh("cat /proc/sys/net/ipv4/ip_forward") == "1");
        assert!(started.elapsed().as_secs() < 20, "by its event, and not by the look every half a minute");
    }
}

#[test]
fn a_host_that_is_renamed_by_hand_gets_its_name_back() {
    let Some(host) = Machine::bare() else { return };
    let agent = host.agent(
        "graph: g\nresources:\n  hostname:\n  - {name: web-1, pretty_hostname: The first, static_hostname: web-1.example.org}\n",
    );
    let names = "hostname; cat /etc/hostname; . /etc/machine-info; echo $PRETTY_HOSTNAME";
    let is_right = || host.sh(names) == "web-1\nweb-1.example.org\nThe first";
    assert!(is_right(), "{}", host.sh(names));
    for by_hand in [
        "hostname other",
        "echo other >/etc/hostname",
        "rm /etc/machine-info",
        "echo x >/proc/sys/kernel/hostname || hostname x",
    ] {
        host.sh(by_hand);
        agent.until(by_hand, is_right);
    }
}

#[test]
fn hostnamed_agrees() {
    let Some(host) = Machine::boot() else { return };
    let agent =
        host.agent("graph: g\nresources:\n  hostname:\n  - {name: web-1, pretty_hostname: The first}\n");
    agent.until_sh(
        "test \"$(hostnamectl --static)\" = web-1 && test \"$(hostnamectl --pretty)\" = 'The first'",
    );
    host.sh("hostnamectl set-hostname other");
    agent.until_sh("test $(hostname) = web-1 && test $(cat /etc/hostname) = web-1");
}
