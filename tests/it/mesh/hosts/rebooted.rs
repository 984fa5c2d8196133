//! A host that boots, and its network does not.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use super::fleet::Fleet;
use crate::control::host::Agent;
use crate::mesh::files;

/// Far less than any call to the store may take.
const AT_ONCE: Duration = Duration::from_secs(3);

#[test]
fn a_host_that_boots_without_a_network_converges_its_last_deploy_and_what_it_collected_last() {
    boots_without_a_network(&Fleet::address(1));
}

#[test]
fn so_does_one_that_listens_at_whatever_address_it_has() {
    boots_without_a_network("0.0.0.0:2379");
}

fn follow(fleet: &Fleet, listen: &str) -> Agent {
    let mut command: Command = fleet.command(1);
    command.args(["run", "empty", "--hostname", &Fleet::name(1), "--listen", listen]);
    command.arg(format!("--join={}", fleet.token()));
    Agent::start(command)
}

fn boots_without_a_network(listen: &str) {
    let Some(mut fleet) = Fleet::new(2) else { return };
    fleet.save(0, &[("from-h0", "first")]);
    fleet.start_again(0).says("ready to serve");
    fleet.wait_for(0, "from-h0", "first");
    // What is deployed is for the other one only: h0 has a graph of its own.
    fleet.save(1, &[("from-h1", "first")]);
    let mut agent = follow(&fleet, listen);
    let site = fleet.path(1, "site.yaml");
    fleet.say(0, &["deploy", site.to_str().unwrap()]);
    for (name, text) in [("own", "as declared"), ("from-h0", "first"), ("from-h1", "first")] {
        fleet.wait_for(1, name, text);
    }
    fleet.told(0, &["deploys"], "that the deploy is good", |told| told["deploys"][0]["converged"][0] == "h1");
    // What was seen is kept a moment later.
    files::wait_for_one_with(&fleet.path(1, "state/h1/mesh/seen"), &["from-h0", "from-h1"]);
    // The power fails; it boots without a network and without what is kept in memory only.
    agent.kill();
    fleet.net.unplug(1);
    fs::remove_dir_all(fleet.path(1, "run")).unwrap();
    fs::remove_dir_all(fleet.path(1, "files")).unwrap();
    fs::create_dir(fleet.path(1, "files")).unwrap();
    let booted = Instant::now();
    let mut agent = follow(&fleet, listen);
    for (name, text) in [("own", "as declared"), ("from-h0", "first"), ("from-h1", "first")] {
        fleet.wait_for(1, name, text);
    }
    let took = booted.elapsed();
    assert!(took < AT_ONCE, "it took {took:?}:\n{}", agent.said());
    fleet.assert_repairs(1);
    fleet.told(1, &["status"], "that the store is away", |told| told["mesh"]["away_s"].is_u64());
    // The cable is found.
    fleet.net.plug(1);
    fleet.save(0, &[("from-h0", "second")]);
    fleet.wait_for(1, "from-h0", "second");
}
