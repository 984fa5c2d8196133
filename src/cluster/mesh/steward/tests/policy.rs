//! A policy that changes.

use super::mesh::Mesh;
use crate::cluster::mesh::steward::Role;

#[test]
fn fewer_voters_are_demoted_one_after_the_other() {
    let mut mesh = Mesh::of(&["a", "b", "c", "d", "e"]);
    mesh.view.policy.voters = 3;
    assert_eq!(mesh.settles(), ["demote e", "demote d"]);
}

#[test]
fn three_voters_become_one_in_one_change_because_two_can_spare_neither() {
    let mut mesh = Mesh::of(&["a", "b", "c"]);
    mesh.view.policy.voters = 1;
    assert_eq!(mesh.settles(), ["demote c b"]);
}

#[test]
fn the_dead_lose_their_vote_first() {
    let mut mesh = Mesh::of(&["a", "b", "c", "d", "e"]);
    mesh.view.policy.voters = 3;
    mesh.falls_silent("b");
    mesh.after_secs(4);
    assert_eq!(mesh.settles(), ["demote b", "demote e"]);
}

#[test]
fn fewer_voters_stay_spread_over_the_zones() {
    let mut mesh = Mesh::of(&["a", "b", "c", "d", "e"]);
    mesh.view.policy.voters = 3;
    for (host, zone) in [("a", "x"), ("b", "x"), ("c", "x"), ("d", "y"), ("e", "z")] {
        zone.clone_into(&mut mesh.host(host).zone);
    }
    mesh.settles();
    assert_eq!(mesh.who(Role::Voter), ["a", "d", "e"]);
}

#[test]
fn no_demotion_costs_the_quorum() {
    // Two of five are silent for less than it takes to be dead: of four voters, three are heard; of three, two.
    let mut mesh = Mesh::of(&["a", "b", "c", "d", "e"]);
    mesh.view.policy.voters = 3;
    mesh.falls_silent("b");
    mesh.falls_silent("c");
    assert_eq!(mesh.settles(), ["demote c", "demote b"]);
}

#[test]
fn more_voters_are_made_of_the_hosts_at_hand() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_clients(&["d", "e", "f"]);
    mesh.view.policy.voters = 3;
    mesh.settles();
    mesh.view.policy.voters = 5;
    mesh.settles();
    assert_eq!(mesh.who(Role::Voter).len(), 5);
}

#[test]
fn a_policy_that_changes_during_a_change_is_followed_after_it() {
    let mut mesh = Mesh::of(&["a"]).with_learners(&["b", "c"]);
    let command = mesh.asks().orders[0].command.clone();
    mesh.view.change_under_way = true;
    mesh.view.policy.voters = 1;
    assert!(mesh.commands().is_empty());
    mesh.obeys(&command);
    mesh.view.change_under_way = false;
    mesh.settles();
    assert_eq!(mesh.who(Role::Voter), ["a"]);
}
