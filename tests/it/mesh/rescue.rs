//! A mesh that has lost most of its members begins anew with what is left.

use std::fs;

use rustix::process::Signal;

use super::village::{Village, until};
use crate::cluster::process::{Ctl, free_port};
use crate::control::host::Agent;

/// Hosts with ports of their own: none takes that of a dead one.
fn start(village: &Village, hosts: &[&'static str]) -> Vec<(Agent, String)> {
    let listens = hosts.iter().map(|_| format!("--listen=127.0.0.1:{}", free_port()));
    let listens: Vec<String> = listens.collect();
    let started = hosts.iter().zip(listens).map(|(host, listen)| {
        let mut agent = village.run(host, &[&listen]);
        agent.says("the graph runs");
        village.wait_for(host, &format!("f4{}", hosts[0]));
        (agent, listen)
    });
    started.collect()
}

fn kill(agent: &mut Agent) {
    agent.signal(Signal::KILL);
    agent.child.wait().unwrap();
}

/// A command that is refused: its exit code, and what it says.
fn refused(village: &Village, words: &[&str]) -> (i32, String) {
    let output = village.command().args(words).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[test]
fn one_survivor_begins_a_mesh_anew_and_those_who_come_back_join_it() {
    let village = Village::new();
    let mut agents = start(&village, &["a", "b", "c"]);
    agents[0].0.says("enough hosts are caught up for 3 votes in place of 1");
    agents[2].0.says("this host carries the store from now on");
    village.say(&["kv", "put", "k", "from before", "--hostname", "a"]);
    let third = agents[2].1.trim_start_matches("--listen=").to_owned();
    until("b knows c", || {
        let told = village.say(&["status", "--json", "--hostname", "b"]);
        if told.contains(&third) { Ok(()) } else { Err(told) }
    });
    // Two are gone, and the third has no quorum.
    kill(&mut agents[0].0);
    kill(&mut agents[1].0);
    let (code, said) = refused(&village, &["mesh", "recover", "--yes", "--hostname", "c"]);
    assert!(code != 0 && said.contains("another agent holds") && said.contains("stop the agent"), "{said}");
    kill(&mut agents[2].0);
    let (code, said) = refused(&village, &["mesh", "recover", "--hostname", "c"]);
    assert!(code != 0 && said.contains("is lost") && said.contains("nothing was done"), "{said}");
    let (code, said) = refused(&village, &["mesh", "recover", "--yes", "--hostname", "d"]);
    assert!(code != 0 && said.contains("carries no store"), "{said}");

    let said = village.say(&["mesh", "recover", "--yes", "--hostname", "c"]);
    assert!(said.contains("the mesh begins anew as") && said.contains("the old store is in"), "{said}");
    let mut third = village.run("c", &[&agents[2].1]);
    third.says("the graph runs");
    assert_eq!(village.say(&["kv", "get", "k", "--hostname", "c"]), "from before\n");
    // One that comes back with the old store gives it up, and exchanges files as before.
    let graph = fs::read_to_string(village.path("graph3b.yaml")).unwrap();
    let mut second = village.run("b", &[&agents[1].1]);
    second.says("is of the past: the mesh has begun anew");
    assert_eq!(village.say(&["kv", "get", "k", "--hostname", "b"]), "from before\n");
    fs::write(village.path("new"), graph.replace("f4b", "f5b")).unwrap();
    fs::rename(village.path("new"), village.path("graph3b.yaml")).unwrap();
    village.wait_for("c", "f5b");
    // The steward asks it to carry the store again, and soon the two who are there do.
    second.says("this host carries the store from now on");
    let done = village.say(&["audit", "--hostname", "c"]);
    let recovered =
        |line: &str| line.contains("host c: began the mesh anew as") && line.contains("mgmt mesh recover");
    assert!(done.lines().any(recovered), "{done}");
}

#[test]
fn a_mesh_begins_anew_with_a_snapshot_and_what_was_withdrawn_since_stays_withdrawn() {
    let village = Village::insecure();
    let mut agents = start(&village, &["a", "b"]);
    village.say(&["kv", "put", "k", "early", "--hostname", "a"]);
    village.wait_for("b", "f3a");
    let file = village.path("backup.db");
    let said = village.say(&["mesh", "snapshot", file.to_str().unwrap(), "--hostname", "b"]);
    assert!(said.contains("read back and found whole"), "{said}");
    // Later, b withdraws one export and makes another.
    village.say(&["kv", "put", "k", "late", "--hostname", "a"]);
    let graph = fs::read_to_string(village.path("graph3b.yaml")).unwrap();
    fs::write(village.path("new"), graph.replace("f4b", "f5b")).unwrap();
    fs::rename(village.path("new"), village.path("graph3b.yaml")).unwrap();
    village.wait_for("a", "f5b");
    kill(&mut agents[0].0);

    let file = file.to_str().unwrap();
    let (code, said) = refused(&village, &["mesh", "restore", file, "--yes", "--hostname", "a"]);
    assert!(code != 0 && said.contains("has a store already") && said.contains("--replace"), "{said}");
    let torn = village.path("torn.db");
    fs::write(&torn, &fs::read(file).unwrap()[..5000]).unwrap();
    let torn = torn.to_str().unwrap();
    let (code, said) = refused(&village, &["mesh", "restore", torn, "--yes", "--replace", "--hostname", "a"]);
    assert!(code != 0 && said.contains("has no digest at its end"), "{said}");
    let said = village.say(&["mesh", "restore", file, "--yes", "--replace", "--hostname", "a"]);
    assert!(said.contains("the mesh begins anew as"), "{said}");

    let mut first = village.run("a", &[&agents[0].1]);
    first.says("the graph runs");
    // b runs on: it finds the new mesh, and sees to its exports there.
    let b = &mut agents[1].0;
    b.says("has begun anew as");
    village.say(&["kv", "put", "seen", "by b", "--hostname", "b"]);
    assert_eq!(village.say(&["kv", "get", "k", "--hostname", "a"]), "early\n");
    let address = agents[0].1.trim_start_matches("--listen=");
    let exports = || -> Vec<String> {
        let mut command = Ctl::Etcd35.command();
        command.args(["--endpoints", address, "get", "--prefix", "--keys-only", "/_mgmt/export/"]);
        let listed = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let names = listed.lines().filter_map(|key| key.rsplit_once('/')).map(|(_, name)| name.to_owned());
        names.collect()
    };
    until("b's exports are those of now", || {
        let exports = exports();
        let has = |name: &str| exports.iter().any(|known| known == name);
        let right = has("f5b") && !has("f4b") && has("f4a") && has("f3b");
        if right { Ok(()) } else { Err(format!("{exports:?}")) }
    });
}

#[test]
fn hosts_that_carry_the_store_keep_copies_of_it_by_themselves() {
    let village = Village::insecure();
    let mut agent = village.run("a", &[]);
    agent.says("ready to serve");
    village.say(&["kv", "put", "k", "kept", "--hostname", "a"]);
    village.say(&["mesh", "set", "snapshot-every=1s", "--hostname", "a"]);
    let copies = || -> Vec<String> {
        let entries = fs::read_dir(village.path("state/a/mesh/snapshots")).into_iter().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.retain(|name| name.ends_with(".db"));
        names.sort();
        names
    };
    let mut seen = std::collections::BTreeSet::new();
    until("there are several, and the newest two are kept", || {
        let now = copies();
        seen.extend(now.iter().cloned());
        if seen.len() >= 3 && now.len() <= 2 { Ok(()) } else { Err(format!("{now:?}")) }
    });
    village.say(&["mesh", "set", "snapshot-every=0s", "--hostname", "a"]);
    kill(&mut agent);
    let newest = village.path("state/a/mesh/snapshots").join(copies().pop().unwrap());
    village.say(&["mesh", "restore", newest.to_str().unwrap(), "--yes", "--hostname", "b"]);
    let mut other = village.run("b", &[]);
    other.says("ready to serve");
    assert_eq!(village.say(&["kv", "get", "k", "--hostname", "b"]), "kept\n");
}
