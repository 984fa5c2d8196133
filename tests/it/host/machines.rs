//! The test hosts themselves.

use super::machine::Machine;
use crate::cluster::hosts::net::{Net, Place};

#[test]
fn a_host_boots_systemd_and_what_it_does_stays_there() {
    let Some(host) = Machine::boot() else { return };
    assert_eq!(host.sh("systemctl is-system-running"), "running");
    assert_eq!(host.sh("ps -o comm= -p 1"), "systemd");
    host.sh("busctl call org.freedesktop.DBus / org.freedesktop.DBus GetId");
    let here = format!("/etc/mgmt-{}", std::process::id());
    host.write(&here, "there");
    assert_eq!(host.sh(&format!("cat {here}")), "there");
    assert!(!std::path::Path::new(&here).exists());
}

#[test]
fn an_agent_runs_on_a_host_is_edited_there_and_stops() {
    let Some(host) = Machine::bare() else { return };
    let graph =
        |text: &str| format!("graph: site\nresources:\n  file:\n  - name: /srv/x\n    content: {text}\n");
    let agent = host.agent(&graph("one"));
    assert_eq!(host.read("/srv/x"), "one");
    agent.save(&graph("two"));
    agent.until("the file is written", || host.read("/srv/x") == "two");
    assert!(agent.checks("file[/srv/x]") >= 1);
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
    assert!(host.once(&graph("three")).status.success());
    assert_eq!(host.read("/srv/x"), "three");
}

#[test]
fn a_host_can_be_cut_off_from_its_network() {
    let Some(net) = Net::with_hosts(2) else { return };
    let host = Machine::boot_on(&net, 1);
    let reach = || async {
        let address = (Net::address(1), 7);
        let refused = |error: std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused;
        // Nobody listens there, but somebody says so.
        let patience = std::time::Duration::from_millis(500);
        let asked = tokio::time::timeout(patience, tokio::net::TcpStream::connect(address)).await;
        asked.is_ok_and(|answer| answer.is_err_and(refused))
    };
    assert!(net.at(Place::Host(0), reach));
    net.cut(&[1]);
    assert!(!net.at(Place::Host(0), reach));
    net.heal();
    host.until("it is reached again", || net.at(Place::Host(0), reach));
}
