//! Voters that fall silent.

use std::time::Duration;

use super::mesh::{Mesh, named};
use crate::cluster::mesh::steward::{Command, DataDir, Intent, Remark, Role, Steward};

#[test]
fn a_voter_that_is_silent_for_three_seconds_gives_its_vote_to_the_spare() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d"]);
    mesh.falls_silent("c");
    mesh.after(Duration::from_millis(2999));
    let advice = mesh.asks();
    assert!(advice.orders.is_empty());
    assert_eq!(advice.wake_at.unwrap().since(mesh.now), Duration::from_millis(1));
    mesh.after(Duration::from_millis(1));
    let orders = mesh.asks().orders;
    let (promote, demote) = (mesh.id("d"), mesh.id("c"));
    assert_eq!(orders[0].command, Command::Exchange { promote, demote });
    assert_eq!(orders[0].reason.to_string(), "voter c has been silent for 3.0 s, d takes its place");
}

#[test]
fn how_long_silence_may_last_is_a_matter_of_policy() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d"]);
    mesh.view.policy.set("dead-after=10s").unwrap();
    mesh.falls_silent("c");
    mesh.after_secs(9);
    assert!(mesh.commands().is_empty());
    mesh.after_secs(1);
    assert_eq!(mesh.commands(), ["exchange c for d"]);
}

#[test]
fn silence_never_shrinks_the_electorate() {
    let mut mesh = Mesh::of(&["a", "b", "c", "d", "e"]);
    mesh.falls_silent("d");
    mesh.falls_silent("e");
    assert_eq!(mesh.lives(Duration::from_secs(86_400)), Vec::<String>::new());
    assert!(mesh.asks().remarks.contains(&Remark::NoSuccessor { host: named("d") }));
}

#[test]
fn without_a_spare_a_client_is_nominated_and_then_takes_the_place() {
    let mut mesh = Mesh::of(&["a", "b", "c"]);
    mesh.falls_silent("c");
    mesh.after_secs(5);
    assert!(mesh.commands().is_empty());
    mesh.joins("d", "");
    assert_eq!(mesh.settles(), ["nominate d as spare", "add d", "exchange c for d", "withdraw d"]);
}

#[test]
fn a_spare_that_is_silent_as_well_is_passed_over() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d"]).with_clients(&["e"]);
    mesh.falls_silent("c");
    mesh.falls_silent("d");
    mesh.after_secs(4);
    let done = mesh.settles();
    assert!(done.contains(&"exchange c for e".into()), "{done:?}");
}

#[test]
fn of_two_dead_voters_the_second_waits_for_a_minute() {
    let mut mesh = Mesh::of(&["a", "b", "c", "d", "e"]).with_learners(&["f", "g"]);
    mesh.falls_silent("d");
    mesh.falls_silent("e");
    mesh.after_secs(4);
    assert_eq!(mesh.settles(), ["exchange e for f"]);
    assert!(mesh.asks().remarks.contains(&Remark::ExchangeWaits { host: named("d") }));
    assert_eq!(mesh.lives(Duration::from_secs(59)), Vec::<String>::new());
    assert_eq!(mesh.lives(Duration::from_secs(2)), ["exchange d for g"]);
}

#[test]
fn a_new_leader_keeps_the_minute_too() {
    let mut mesh = Mesh::of(&["a", "b", "c", "d", "e"]).with_learners(&["f", "g"]);
    mesh.falls_silent("d");
    mesh.falls_silent("e");
    mesh.after_secs(4);
    mesh.settles();
    mesh.steward = Steward::new();
    assert_eq!(mesh.lives(Duration::from_secs(59)), Vec::<String>::new());
}

#[test]
fn an_exchange_that_did_not_get_through_is_tried_again_without_the_minute() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d"]);
    mesh.falls_silent("c");
    mesh.after_secs(3);
    let command = mesh.asks().orders[0].command.clone();
    mesh.obeys(&command);
    // It was noted, and the change itself was lost.
    mesh.member("c").role = Role::Voter;
    mesh.member("d").role = Role::Learner;
    assert_eq!(mesh.lives(Duration::from_secs(2)), ["exchange c for d"]);
}

#[test]
fn with_most_voters_silent_nothing_is_done_and_that_is_said() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d", "e"]);
    mesh.falls_silent("b");
    mesh.falls_silent("c");
    mesh.after_secs(10);
    let advice = mesh.asks();
    assert!(advice.orders.is_empty());
    assert_eq!(advice.remarks, [Remark::NoQuorum { heard: 1, voters: 3 }]);
    assert_eq!(advice.remarks[0].to_string(), "only 1 of 3 voters are heard, so nothing can be changed");
}

#[test]
fn a_clean_stop_is_given_a_minute_to_come_back() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d"]);
    mesh.falls_silent("c");
    mesh.host("c").intent = Intent::Stopped { at: mesh.now };
    assert_eq!(mesh.lives(Duration::from_secs(59)), Vec::<String>::new());
    assert_eq!(mesh.lives(Duration::from_secs(1)), ["exchange c for d"]);
}

#[test]
fn what_comes_back_within_the_minute_keeps_its_vote() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d"]);
    mesh.falls_silent("c");
    mesh.host("c").intent = Intent::Stopped { at: mesh.now };
    mesh.lives(Duration::from_secs(50));
    mesh.comes_back("c");
    assert_eq!(mesh.lives(Duration::from_secs(60)), Vec::<String>::new());
}

#[test]
fn a_voter_that_comes_back_late_is_a_spare() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d"]);
    mesh.falls_silent("c");
    mesh.lives(Duration::from_secs(10));
    mesh.comes_back("c");
    assert_eq!(mesh.lives(Duration::from_secs(60)), Vec::<String>::new());
    assert_eq!((mesh.who(Role::Voter), mesh.who(Role::Learner)), (names(&["a", "b", "d"]), names(&["c"])));
}

#[test]
fn a_voter_that_comes_back_with_an_empty_disk_rejoins_under_a_new_id() {
    let mut mesh = Mesh::of(&["a", "b", "c"]);
    let old = mesh.id("c");
    mesh.falls_silent("c");
    mesh.after_secs(5);
    let c = mesh.host("c");
    (c.alive, c.data) = (true, DataDir::Fresh);
    let done = mesh.settles();
    let expected =
        ["nominate c as spare", "c is at nowhere", "add c", "exchange c for c", "withdraw c", "remove c"];
    assert_eq!(done, expected);
    assert_eq!(mesh.who(Role::Voter), ["a", "b", "c"]);
    assert_ne!(mesh.id("c"), old);
}

#[test]
fn an_older_disk_is_no_better_than_an_empty_one() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d"]);
    let old = mesh.id("c");
    mesh.falls_silent("c");
    mesh.after_secs(3);
    let c = mesh.host("c");
    (c.alive, c.data) = (true, DataDir::Older(old));
    let done = mesh.settles();
    assert_eq!(done, ["exchange c for d", "remove c", "nominate c as spare", "add c", "withdraw c"]);
}

#[test]
fn a_member_that_starts_for_the_first_time_is_not_taken_for_one_that_lost_its_data() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b"]);
    mesh.settles();
    let nomination = crate::cluster::mesh::steward::Nomination {
        duty: crate::cluster::mesh::steward::Duty::Spare,
        since: mesh.now,
        member: Some(mesh.id("b")),
    };
    mesh.view.nominations.insert(named("b"), nomination);
    mesh.member("b").silent_since = Some(mesh.now);
    mesh.host("b").data = DataDir::Fresh;
    mesh.after_secs(5);
    assert!(mesh.commands().is_empty());
}

#[test]
fn of_caught_up_learners_the_one_in_the_dead_voters_zone_takes_its_place() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d", "e"]);
    for (host, zone) in [("a", "x"), ("b", "y"), ("c", "z"), ("d", "x"), ("e", "z")] {
        zone.clone_into(&mut mesh.host(host).zone);
    }
    mesh.falls_silent("c");
    mesh.after_secs(3);
    assert_eq!(mesh.commands(), ["exchange c for e"]);
}

#[test]
fn in_one_zone_the_learner_that_is_up_for_longest_is_taken() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_learners(&["d", "e"]);
    mesh.host("d").since = 100;
    mesh.falls_silent("c");
    mesh.after_secs(3);
    assert_eq!(mesh.commands(), ["exchange c for e"]);
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
