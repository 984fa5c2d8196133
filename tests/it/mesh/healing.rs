//! Hosts that die, and come back.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::process::Signal;

use super::village::{Village, all_files};
use crate::cluster::process::{PATIENCE, free_port};
use crate::control::host::Agent;

fn start(village: &Village, hosts: &[&'static str]) -> Vec<Agent> {
    let mut agents = Vec::new();
    for host in hosts {
        let mut agent = village.run(host, &[]);
        agent.says("the graph runs");
        village.wait_for(host, &format!("f4{}", hosts[0]));
        agents.push(agent);
    }
    agents
}

#[test]
fn the_mesh_carries_its_store_on_three_and_goes_on_when_one_is_killed() {
    let village = Village::new();
    let hosts = ["a", "b", "c"];
    let mut agents = start(&village, &hosts);
    agents[0].says("enough hosts are caught up for 3 votes in place of 1");
    agents[1].says("this host carries the store from now on");
    agents[2].says("connected to a peer");
    // The first one leads: it is killed.
    agents[0].signal(Signal::KILL);
    agents[0].child.wait().unwrap();
    village.say(&["kv", "put", "after", "the death", "--hostname", "b"]);
    assert_eq!(village.say(&["kv", "get", "after", "--hostname", "c"]), "the death\n");
    // A newcomer is exchanged files with as before.
    let mut fourth = village.run("d", &[]);
    fourth.says("the graph runs");
    for name in all_files("d", &["a", "b", "c", "d"]) {
        village.wait_for("d", &name);
    }
    village.wait_for("b", "f4d");
}

#[test]
fn a_host_that_comes_to_carry_the_store_has_its_port_all_along() {
    let village = Village::new();
    let port = free_port();
    let mut first = village.run("a", &[]);
    first.says("the graph runs");
    let mut second = village.run("b", &[&format!("--listen=127.0.0.1:{port}")]);
    second.says("the graph runs");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        // Somebody wants that port badly.
        let thief = threads.spawn(|| {
            let begun = Instant::now();
            let mut stolen = false;
            while !stolen && !is_over.load(Ordering::Relaxed) && begun.elapsed() < PATIENCE {
                stolen = TcpListener::bind(("127.0.0.1", port)).is_ok();
            }
            stolen
        });
        let mut third = village.run("c", &[]);
        second.says("this host carries the store from now on");
        third.says("this host carries the store from now on");
        is_over.store(true, Ordering::Relaxed);
        assert!(!thief.join().unwrap(), "there was a moment in which nobody listened there");
    });
}

#[test]
fn a_dead_voter_is_replaced_by_the_one_that_stands_by() {
    let village = Village::new();
    let mut first = village.run("a", &[]);
    first.says("ready to serve");
    village.wait_for("a", "f4a");
    village.say(&["mesh", "set", "voters=3", "--hostname", "a"]);
    let mut others: Vec<Agent> = ["b", "c", "d"].iter().map(|host| village.run(host, &[])).collect();
    first.says("for 3 votes in place of 1");
    others.iter_mut().for_each(|agent| drop(agent.says("this host carries the store from now on")));
    let told = |host: &str| -> Vec<(String, bool)> {
        let told = village.say(&["mesh", "status", "--json", "--hostname", host]);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let rows = told["members"].as_array().unwrap().iter();
        rows.map(|row| (row["host"].as_str().unwrap().to_owned(), row["votes"] == true)).collect()
    };
    let voter = told("a").into_iter().find(|(host, votes)| *votes && host != "a").unwrap().0;
    let victim = ["b", "c", "d"].iter().position(|host| *host == voter).unwrap();
    others[victim].signal(Signal::KILL);
    others[victim].child.wait().unwrap();
    first.says("Exchange {");
    village.say(&["kv", "put", "k", "v", "--hostname", "a"]);
    first.signal(Signal::INT);
    assert!(first.child.wait().unwrap().success());
}

#[test]
fn a_host_finds_its_mesh_from_disk_when_its_seeds_are_gone() {
    let village = Village::new();
    // Ports of their own: agents of other tests would take those of the dead.
    let listen = ["a", "b", "c"].map(|host| (host, format!("--listen=127.0.0.1:{}", free_port())));
    let mut agents = Vec::new();
    for (host, listen) in &listen {
        let mut agent = village.run(host, &[listen]);
        agent.says("the graph runs");
        village.wait_for(host, "f4a");
        agents.push(agent);
    }
    agents[0].says("enough hosts are caught up for 3 votes in place of 1");
    agents[2].says("connected to a peer");
    let last = agents.pop().unwrap();
    assert!(last.stop().success());
    // What it was told about at first is not there any more.
    agents[0].signal(Signal::KILL);
    agents[0].child.wait().unwrap();
    let mut again = village.run("c", &[&listen[2].1]);
    again.says("the graph runs");
    village.say(&["kv", "put", "seen", "by c", "--hostname", "c"]);
    assert_eq!(village.say(&["kv", "get", "seen", "--hostname", "b"]), "by c\n");
}

#[test]
fn a_host_that_leaves_hands_over_and_leaves_no_trace() {
    let village = Village::new();
    let hosts = ["a", "b", "c"];
    let mut agents = start(&village, &hosts);
    agents[0].says("enough hosts are caught up for 3 votes in place of 1");
    village.say(&["mesh", "leave", "--hostname", "a"]);
    assert!(agents[0].child.wait().unwrap().success());
    agents[1].says("removed=2");
    let told = village.say(&["mesh", "members", "--json", "--hostname", "b"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let names: Vec<&str> = told.as_array().unwrap().iter().map(|row| row["host"].as_str().unwrap()).collect();
    assert_eq!(names, ["b", "c"]);
    assert!(!village.path("state/a/mesh/store").exists());
}
