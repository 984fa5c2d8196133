//! From one host to many.

use super::mesh::Mesh;
use crate::cluster::mesh::steward::{Lag, Role};

#[test]
fn a_lone_host_has_nothing_to_do() {
    assert_eq!(Mesh::of(&["a"]).settles(), Vec::<String>::new());
}

#[test]
fn the_second_host_stands_by_and_does_not_vote() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b"]);
    assert_eq!(mesh.settles(), ["nominate b as spare", "add b", "withdraw b"]);
    assert_eq!((mesh.who(Role::Voter), mesh.who(Role::Learner)), (vec!["a".into()], vec!["b".into()]));
}

#[test]
fn with_three_hosts_the_votes_go_from_one_to_three_in_one_change() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b", "c"]);
    let done = mesh.settles();
    let expected = ["nominate b as voter", "nominate c as voter", "add b", "add c", "promote b c"];
    assert_eq!(done.iter().filter(|line| !line.starts_with("withdraw")).collect::<Vec<_>>(), expected);
    assert_eq!(mesh.who(Role::Voter), ["a", "b", "c"]);
}

#[test]
fn with_four_hosts_three_vote_and_one_stands_by() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b", "c", "d"]);
    mesh.settles();
    assert_eq!(mesh.who(Role::Voter), ["a", "b", "c"]);
    assert_eq!(mesh.who(Role::Learner), ["d"]);
}

#[test]
fn with_many_hosts_five_vote_and_one_stands_by() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b", "c", "d", "e", "f", "g", "h"]);
    mesh.settles();
    assert_eq!(mesh.who(Role::Voter), ["a", "b", "c", "d", "e"]);
    assert_eq!(mesh.who(Role::Learner), ["f"]);
}

#[test]
fn one_caught_up_learner_is_not_enough_to_leave_the_number_one() {
    let mut mesh = Mesh::of(&["a"]).with_learners(&["b", "c"]);
    let since = mesh.now;
    mesh.member("c").lag = Some(Lag { entries: 7, since });
    assert_eq!(mesh.settles(), Vec::<String>::new());
    mesh.member("c").lag = None;
    assert_eq!(mesh.settles(), ["promote b c"]);
}

#[test]
fn a_learner_that_is_not_heard_is_not_promoted() {
    let mut mesh = Mesh::of(&["a"]).with_learners(&["b", "c"]);
    mesh.falls_silent("c");
    assert_eq!(mesh.settles(), Vec::<String>::new());
}

#[test]
fn an_even_electorate_becomes_odd_by_one_more_if_one_is_ready() {
    let mut mesh = Mesh::of(&["a", "b", "c", "d"]).with_learners(&["e"]);
    assert_eq!(mesh.settles(), ["promote e"]);
}

#[test]
fn an_even_electorate_becomes_odd_by_one_less_if_none_is_ready() {
    let mut mesh = Mesh::of(&["a", "b", "c", "d"]);
    assert_eq!(mesh.settles(), ["demote d"]);
    assert_eq!(Mesh::of(&["a", "b"]).settles(), ["demote b"]);
}

#[test]
fn no_vote_is_given_while_that_could_cost_the_quorum() {
    // Of five voters three would be heard: were one of the new ones to fail, two.
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d", "e"]);
    mesh.falls_silent("b");
    mesh.falls_silent("c");
    assert_eq!(mesh.commands(), Vec::<String>::new());
}

#[test]
fn nothing_is_changed_while_a_change_is_under_way() {
    let mut mesh = Mesh::of(&["a"]).with_learners(&["b", "c"]);
    mesh.view.change_under_way = true;
    assert_eq!(mesh.commands(), Vec::<String>::new());
    mesh.view.change_under_way = false;
    assert_eq!(mesh.commands(), ["promote b c"]);
}

#[test]
fn an_order_that_was_lost_is_given_again_a_second_later() {
    let mut mesh = Mesh::of(&["a"]).with_learners(&["b", "c"]);
    let first = mesh.asks();
    assert_eq!(first.orders.len(), 1);
    assert!(mesh.asks().orders.is_empty());
    let again_at = first.wake_at.unwrap();
    assert_eq!(again_at.since(mesh.now).as_secs(), 1);
    mesh.now = again_at;
    assert_eq!(mesh.commands(), ["promote b c"]);
}
