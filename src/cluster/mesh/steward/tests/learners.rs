//! Learners that are of no use.

use std::time::Duration;

use super::mesh::Mesh;
use crate::cluster::mesh::steward::{Lag, Role};

#[test]
fn a_spare_too_many_goes_after_ten_minutes() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d", "e"]);
    mesh.view.policy.voters = 3;
    assert_eq!(mesh.lives(Duration::from_secs(599)), Vec::<String>::new());
    assert_eq!(mesh.lives(Duration::from_secs(1)), ["remove e"]);
    assert_eq!(mesh.lives(Duration::from_secs(86_400)), Vec::<String>::new());
}

#[test]
fn a_learner_that_is_silent_for_an_hour_is_removed() {
    let mut mesh = Mesh::of(&["a"]).with_learners(&["b"]);
    mesh.falls_silent("b");
    assert_eq!(mesh.lives(Duration::from_secs(3599)), Vec::<String>::new());
    let orders = {
        mesh.after_secs(1);
        mesh.asks().orders
    };
    assert_eq!(orders[0].reason.to_string(), "learner b has been silent for 3600 s");
}

#[test]
fn of_dead_learners_as_many_are_remembered_as_there_are_to_be_voters() {
    let mut mesh = Mesh::of(&["a"]).with_learners(&["b", "c", "d"]);
    mesh.view.policy.voters = 1;
    for host in ["c", "b", "d"] {
        mesh.falls_silent(host);
        mesh.after_secs(10);
    }
    assert_eq!(mesh.settles(), ["remove c", "remove b"]);
}

#[test]
fn a_learner_that_never_catches_up_is_removed() {
    let mut mesh = Mesh::of(&["a"]).with_learners(&["b"]);
    mesh.member("b").lag = Some(Lag { entries: 5, since: mesh.now });
    assert_eq!(mesh.lives(Duration::from_secs(899)), Vec::<String>::new());
    assert_eq!(mesh.lives(Duration::from_secs(1))[0], "remove b");
}

#[test]
fn relays_stay_until_clients_for_half_of_one_are_missing() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d", "e", "f"]);
    mesh.view.policy.voters = 3;
    mesh.view.clients = 4000;
    let day = Duration::from_secs(86_400);
    assert_eq!(mesh.lives(day), Vec::<String>::new());
    mesh.view.clients = 3001;
    assert_eq!(mesh.lives(day), Vec::<String>::new());
    mesh.view.clients = 2999;
    assert_eq!(mesh.lives(day).len(), 1);
    assert_eq!(mesh.who(Role::Learner).len(), 2);
}
