//! Hosts that leave, or serve no longer.

use std::time::Duration;

use super::mesh::{Mesh, named};
use crate::cluster::mesh::steward::{Intent, Lag, Remark, Role, Volunteers};

#[test]
fn a_voter_that_leaves_hands_its_vote_to_the_spare_and_is_removed() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d"]);
    mesh.host("c").intent = Intent::Leaves;
    assert_eq!(mesh.settles(), ["exchange c for d", "remove c"]);
}

#[test]
fn a_leader_that_leaves_hands_over_first() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d"]);
    mesh.host("a").intent = Intent::Leaves;
    assert_eq!(mesh.settles(), ["b leads", "exchange a for d", "remove a"]);
}

#[test]
fn leadership_goes_to_a_voter_that_has_the_log() {
    let mut mesh = Mesh::of(&["a", "b", "c"]);
    mesh.host("a").intent = Intent::Leaves;
    mesh.member("b").lag = Some(Lag { entries: 10, since: mesh.now });
    assert_eq!(mesh.commands(), ["c leads"]);
}

#[test]
fn one_of_three_that_leaves_without_successor_leaves_one_voter_and_a_spare() {
    let mut mesh = Mesh::of(&["a", "b", "c"]);
    mesh.host("c").intent = Intent::Leaves;
    assert_eq!(mesh.settles(), ["demote c b", "remove c"]);
    assert_eq!(mesh.who(Role::Learner), ["b"]);
}

#[test]
fn one_of_five_that_leaves_without_successor_leaves_three_voters_and_a_spare() {
    let mut mesh = Mesh::of(&["a", "b", "c", "d", "e"]);
    mesh.host("e").intent = Intent::Leaves;
    assert_eq!(mesh.settles(), ["demote e", "demote d", "remove e"]);
}

#[test]
fn a_voter_that_leaves_waits_for_a_client_to_catch_up() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_clients(&["d"]);
    mesh.host("c").intent = Intent::Leaves;
    assert_eq!(
        mesh.settles(),
        ["nominate d as voter", "add d", "exchange c for d", "withdraw d", "remove c"]
    );
}

#[test]
fn a_successor_that_does_not_catch_up_is_not_waited_for_longer_than_half_a_minute() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_clients(&["d"]);
    mesh.quick = false;
    mesh.host("c").intent = Intent::Leaves;
    assert_eq!(mesh.lives(Duration::from_secs(29)), ["nominate d as voter", "add d"]);
    assert!(mesh.asks().remarks.contains(&Remark::HandOverWaits { host: named("c") }));
    assert!(mesh.lives(Duration::from_secs(1)).contains(&"demote c b".into()));
}

#[test]
fn leaving_does_not_wait_for_the_minute_between_exchanges() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d", "e"]);
    mesh.host("b").intent = Intent::Leaves;
    mesh.host("c").intent = Intent::Leaves;
    let done = mesh.settles();
    assert_eq!(mesh.who(Role::Voter), ["a", "d", "e"], "{done:?}");
}

#[test]
fn of_two_hosts_the_leader_may_leave() {
    let mut mesh = Mesh::of(&["a"]).with_learners(&["b"]);
    mesh.host("a").intent = Intent::Leaves;
    assert_eq!(mesh.settles(), ["promote b", "b leads", "demote a", "remove a"]);
}

#[test]
fn the_last_host_cannot_hand_over_and_that_is_said() {
    let mut mesh = Mesh::of(&["a"]);
    mesh.host("a").intent = Intent::Leaves;
    let advice = mesh.asks();
    assert!(advice.orders.is_empty());
    assert!(advice.remarks.contains(&Remark::LastServer { host: named("a") }));
}

#[test]
fn a_voter_that_volunteers_no_longer_hands_over_too() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d"]);
    mesh.host("b").volunteers = Volunteers::Never;
    let reason = mesh.asks().orders[0].reason.to_string();
    assert_eq!(reason, "b does not volunteer as a server any more");
    mesh.after_secs(1);
    mesh.settles();
    assert_eq!(mesh.who(Role::Voter), ["a", "c", "d"]);
}

#[test]
fn a_dead_host_can_be_taken_out() {
    let mut mesh = Mesh::of(&["a", "b", "c"]);
    mesh.falls_silent("c");
    mesh.host("c").intent = Intent::Leaves;
    assert_eq!(mesh.settles(), ["demote c b", "remove c"]);
}

#[test]
fn a_spare_that_leaves_is_removed_and_another_stands_by() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d"]).with_clients(&["e"]);
    mesh.view.policy.voters = 3;
    mesh.host("d").intent = Intent::Leaves;
    mesh.settles();
    assert_eq!(mesh.who(Role::Learner), ["e"]);
}
