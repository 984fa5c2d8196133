//! Ten thousand hosts, in virtual time and as costs: the model of `make mesh-scale`, with what must come of it.

#[allow(dead_code, reason = "the bench prints what is not looked at here")]
#[path = "../../../benches/mesh_scale/model/mod.rs"]
mod model;

use std::time::Duration;

use model::constants::{Constants, Protocol};
use model::scenario::{self, Outcome, Part};

const HOSTS: u32 = 10_000;

fn within_limits(part: &Part) {
    let most = part.most_connections;
    assert!(most <= Protocol::default().most_connections, "{most} connections at one server");
    assert_eq!(part.seen.lost, 0, "leases ended, {:?} without a server", part.seen.longest_away);
}

fn look_at(outcome: &Outcome) {
    let joined = outcome.joining.took.expect("everybody joins");
    assert!(joined < Duration::from_secs(60), "{joined:?} until all had joined");
    assert!(outcome.joining.most_connections <= Protocol::default().most_connections);

    assert_eq!(outcome.steady.voters, 5);
    assert!((5..=7).contains(&outcome.steady.learners), "{} learners", outcome.steady.learners);

    within_limits(&outcome.dying);
    let away = outcome.dying.seen.longest_away;
    assert!(outcome.dying.took.is_some() && away < Duration::from_secs(10), "{away:?} without a server");
    let replaced = outcome.replaced_after.expect("another host serves in its place");
    assert!(replaced < Duration::from_secs(60), "{replaced:?} until another served");

    within_limits(&outcome.restarting);
    let away = outcome.restarting.seen.longest_away;
    assert!(outcome.restarting.took.is_some() && away < Duration::from_secs(10), "{away:?} without a server");
    assert_eq!(outcome.restarting.seen.exchanges, 0, "a restart is no death");
}

#[test]
fn ten_thousand_hosts_join_at_once_survive_a_server_and_restart_without_losing_anybody() {
    for seed in 0..2 {
        look_at(&scenario::live(HOSTS, seed, Constants::default()));
    }
}

#[test]
fn a_seed_is_the_same_mesh_each_time() {
    let lived = [(); 2].map(|()| format!("{:?}", scenario::live(3000, 7, Constants::default())));
    assert_eq!(lived[0], lived[1]);
}

#[test]
fn a_mesh_of_a_few_hosts_replaces_a_voter_that_dies_in_less_than_five_seconds() {
    let outcome = scenario::live(10, 1, Constants::default());
    assert_eq!((outcome.steady.voters, outcome.steady.learners), (5, 1));
    assert_eq!(outcome.dying.seen.exchanges, 1);
    assert!(outcome.replaced_after.is_some_and(|took| took <= Duration::from_secs(5)));
}
