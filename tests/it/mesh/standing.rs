//! How all hosts are, as any of them tells.

use std::fs;

use super::village::{Village, until};
use crate::cluster::process::free_port;

#[test]
fn status_tells_how_many_hosts_have_converged_and_where_something_fails() {
    let village = Village::new();
    let hosts = ["a", "b", "c"];
    let mut agents: Vec<_> = hosts.iter().map(|host| village.run(host, &[])).collect();
    agents.iter_mut().for_each(|agent| drop(agent.says("the graph runs")));
    let status = || {
        let output = village.command().args(["status", "--hostname", "a"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let says = |wanted: &str| {
        let shown = status();
        if shown.contains(wanted) { Ok(()) } else { Err(shown) }
    };
    until("all have converged", || says("3 hosts: 3 there, 3 converged"));
    // Its file is to be below a file.
    let graph = fs::read_to_string(village.path("graph3b.yaml")).unwrap();
    fs::write(village.path("new"), graph.replace("files-b/f2b", "files-b/f1b/no")).unwrap();
    fs::rename(village.path("new"), village.path("graph3b.yaml")).unwrap();
    until("one fails", || says("3 hosts: 3 there, 2 converged\n  b: 1 failed\n"));
    let told: serde_json::Value =
        serde_json::from_str(&village.say(&["status", "--json", "--hostname", "c"])).unwrap();
    assert_eq!(told["hosts"]["failing"][0]["host"], "b");
    // One that has stopped is away.
    let last = agents.pop().unwrap();
    assert!(last.stop().success());
    until("one is away", || says("3 hosts: 2 there, 1 converged\n  b: 1 failed\n  away: c\n"));
}

#[test]
fn a_client_uses_the_member_of_its_own_zone_and_goes_over_to_one_that_comes_later() {
    let village = Village::new();
    let ports = [free_port(), free_port()];
    let mut first = village.run("a", &["--zone=x", &format!("--listen=127.0.0.1:{}", ports[0])]);
    first.says("the graph runs");
    let mut client = village.run("c", &["--zone=y", "--no-server"]);
    client.says("the graph runs");
    let through = |port: u16| {
        let told: serde_json::Value =
            serde_json::from_str(&village.say(&["status", "--json", "--hostname", "c"])).unwrap();
        let through = told["mesh"]["through"].as_str().unwrap_or_default();
        if through == format!("https://127.0.0.1:{port}") { Ok(()) } else { Err(through.to_owned()) }
    };
    until("there is only one member", || through(ports[0]));
    let mut near = village.run("b", &["--zone=y", &format!("--listen=127.0.0.1:{}", ports[1])]);
    near.says("this host carries the store from now on");
    until("one of its zone is there", || through(ports[1]));
    // When that one goes, the other will do.
    assert!(near.stop().success());
    until("only the one of the other zone is left", || through(ports[0]));
}
