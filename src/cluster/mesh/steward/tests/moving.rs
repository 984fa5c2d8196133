//! Votes that move to better places.

use std::time::Duration;

use super::mesh::Mesh;
use crate::cluster::mesh::steward::{Role, Volunteers};

const CALM: Duration = Duration::from_secs(121);

fn zoned(voters: &[(&str, &str)]) -> Mesh {
    let names: Vec<&str> = voters.iter().map(|(name, _)| *name).collect();
    let mut mesh = Mesh::of(&names);
    for (host, zone) in voters {
        (*zone).clone_into(&mut mesh.host(host).zone);
    }
    mesh
}

#[test]
fn a_host_in_a_new_zone_gets_a_vote_when_all_is_calm() {
    let mut mesh = zoned(&[("a", "x"), ("b", "x"), ("c", "y")]);
    mesh.joins("d", "z");
    assert_eq!(mesh.lives(Duration::from_secs(119)), ["nominate d as spare", "add d", "withdraw d"]);
    assert_eq!(mesh.lives(Duration::from_secs(2)), ["exchange b for d"]);
}

#[test]
fn votes_move_one_at_a_time() {
    let mut mesh = zoned(&[("a", "x"), ("b", "x"), ("c", "x")]);
    mesh.view.policy.voters = 3;
    mesh.joins("d", "y");
    mesh.joins("e", "z");
    let done = mesh.lives(CALM);
    assert_eq!(done.iter().filter(|line| line.starts_with("exchange")).count(), 1, "{done:?}");
    let done = mesh.lives(CALM * 4);
    assert_eq!(done.iter().filter(|line| line.starts_with("exchange")).count(), 1, "{done:?}");
    assert_eq!(mesh.who(Role::Voter), ["a", "d", "e"]);
    assert_eq!(mesh.lives(CALM * 100).iter().filter(|line| !line.starts_with("remove")).count(), 0);
}

#[test]
fn zones_that_are_to_be_ignored_move_nothing() {
    let mut mesh = zoned(&[("a", "x"), ("b", "x"), ("c", "x")]);
    mesh.view.policy.set("zones=ignore").unwrap();
    mesh.joins("d", "y");
    let done = mesh.lives(CALM * 10);
    assert!(!done.iter().any(|line| line.starts_with("exchange")), "{done:?}");
}

#[test]
fn a_host_that_prefers_to_serve_gets_the_vote_of_one_that_does_not() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_clients(&["d"]);
    mesh.host("d").volunteers = Volunteers::Prefers;
    let done = mesh.lives(CALM);
    assert_eq!(done.last().unwrap(), "exchange c for d");
}

#[test]
fn a_leader_whose_vote_is_to_move_hands_over_first() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d"]);
    for host in ["b", "c", "d"] {
        mesh.host(host).volunteers = Volunteers::Prefers;
    }
    assert_eq!(mesh.lives(CALM), ["b leads"]);
    assert_eq!(mesh.lives(CALM), ["exchange a for d"]);
}

#[test]
fn nothing_moves_while_anybody_is_missing() {
    let mut mesh = zoned(&[("a", "x"), ("b", "x"), ("c", "y")]);
    mesh.falls_silent("c");
    mesh.joins("d", "z");
    mesh.view.policy.set("dead-after=1h").unwrap();
    let done = mesh.lives(Duration::from_secs(3000));
    assert!(!done.iter().any(|line| line.starts_with("exchange")), "{done:?}");
}

#[test]
fn a_lone_voter_stays_where_it_is() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b"]);
    mesh.host("b").volunteers = Volunteers::Prefers;
    mesh.settles();
    assert_eq!(mesh.lives(CALM * 10), Vec::<String>::new());
}
