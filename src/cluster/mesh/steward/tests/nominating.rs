//! Who is asked to serve.

use std::time::Duration;

use super::mesh::Mesh;
use crate::cluster::mesh::steward::{Intent, Role, Volunteers};

/// Who is nominated first.
fn first(mesh: &mut Mesh) -> Vec<String> {
    mesh.commands()
}

#[test]
fn hosts_that_prefer_to_serve_are_chosen_first() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b", "c", "d", "e", "f", "g"]);
    mesh.view.policy.voters = 1;
    mesh.host("f").volunteers = Volunteers::Prefers;
    assert_eq!(first(&mut mesh), ["nominate f as spare"]);
}

#[test]
fn hosts_that_never_serve_are_never_asked() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b", "c"]);
    mesh.host("b").volunteers = Volunteers::Never;
    mesh.settles();
    assert_eq!(mesh.who(Role::Learner), ["c"]);
}

#[test]
fn a_server_needs_twice_the_size_of_the_store_free_on_its_disk() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b"]);
    mesh.view.store_bytes = 1 << 30;
    mesh.host("b").disk_free_bytes = (2 << 30) - 1;
    assert!(first(&mut mesh).is_empty());
    mesh.host("b").disk_free_bytes = 2 << 30;
    assert_eq!(first(&mut mesh), ["nominate b as spare"]);
}

#[test]
fn a_server_needs_the_memory_for_the_store() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b"]);
    mesh.view.store_bytes = 1 << 30;
    mesh.host("b").memory_bytes = (4 << 30) - 1;
    assert!(first(&mut mesh).is_empty());
    mesh.host("b").memory_bytes = 4 << 30;
    assert_eq!(first(&mut mesh).len(), 1);
}

#[test]
fn hosts_that_are_gone_stopped_or_listen_nowhere_are_not_asked() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b", "c", "d", "e"]);
    mesh.host("b").alive = false;
    let at = mesh.now;
    mesh.host("c").intent = Intent::Stopped { at };
    mesh.host("d").intent = Intent::Leaves;
    mesh.host("e").peer = None;
    assert!(first(&mut mesh).is_empty());
}

#[test]
fn voters_to_be_are_spread_over_the_zones() {
    let mut mesh = Mesh::of(&["a"]);
    for (host, zone) in [("b", ""), ("c", "x"), ("d", "x"), ("e", "y")] {
        mesh.joins(host, zone);
    }
    let done = mesh.settles();
    assert_eq!(done[..2], ["nominate c as voter", "nominate e as voter"]);
}

#[test]
fn a_nomination_that_does_not_come_up_in_time_is_withdrawn_and_another_is_tried() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b", "c"]);
    mesh.view.policy.voters = 1;
    mesh.quick = false;
    assert_eq!(mesh.lives(Duration::from_secs(29)), ["nominate b as spare", "add b"]);
    let done = mesh.lives(Duration::from_secs(1));
    assert_eq!(done[..2], ["withdraw b", "nominate c as spare"]);
    // What was added for it goes too.
    assert!(done.iter().any(|line| line.starts_with("remove #")), "{done:?}");
}

#[test]
fn a_host_that_did_not_come_up_is_left_alone_for_five_minutes() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b"]);
    mesh.quick = false;
    let nominations = |done: &[String]| done.iter().filter(|line| line.starts_with("nominate")).count();
    assert_eq!(nominations(&mesh.lives(Duration::from_secs(300))), 1);
    assert_eq!(nominations(&mesh.lives(Duration::from_secs(60))), 1);
}

#[test]
fn a_nominated_host_that_dies_is_not_waited_for() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b", "c"]);
    mesh.view.policy.voters = 1;
    mesh.quick = false;
    mesh.settles();
    mesh.host("b").alive = false;
    mesh.after_secs(1);
    let done = mesh.settles();
    assert!(done.contains(&"nominate c as spare".into()), "{done:?}");
}

#[test]
fn two_hosts_that_come_up_together_are_nominated_together() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b", "c"]);
    assert_eq!(first(&mut mesh), ["nominate b as voter", "nominate c as voter"]);
}

#[test]
fn four_hosts_at_the_most_are_brought_up_at_once() {
    let names: Vec<String> = (0..40).map(|number| format!("h{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut mesh = Mesh::of(&["a"]).with_clients(&names);
    mesh.quick = false;
    mesh.view.clients = 20_000;
    assert_eq!(mesh.settles().iter().filter(|line| line.starts_with("nominate")).count(), 4);
}

#[test]
fn there_is_a_relay_for_each_two_thousand_clients() {
    let names: Vec<String> = (0..40).map(|number| format!("h{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut mesh = Mesh::of(&["a"]).with_clients(&names);
    mesh.view.clients = 20_000;
    mesh.settles();
    assert_eq!((mesh.who(Role::Voter).len(), mesh.who(Role::Learner).len()), (5, 11));
}

#[test]
fn relays_go_where_most_hosts_share_a_server() {
    let mut mesh = Mesh::of(&["a", "b", "c"]);
    mesh.view.policy.voters = 3;
    for (zone, count) in [("x", 30), ("y", 60)] {
        (0..count).for_each(|number| mesh.joins(&format!("{zone}{number:02}"), zone));
    }
    mesh.view.policy.relay_per = 10;
    mesh.view.clients = 90;
    mesh.settles();
    let learners = mesh.who(Role::Learner);
    let of = |zone: &str| learners.iter().filter(|host| host.starts_with(zone)).count();
    assert_eq!((of("x"), of("y")), (3, 7), "{learners:?}");
}
