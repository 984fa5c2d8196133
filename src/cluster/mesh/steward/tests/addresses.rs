//! Hosts that move.

use super::mesh::{Mesh, peer};
use crate::cluster::mesh::steward::Role;

#[test]
fn a_member_follows_its_host_to_another_address() {
    let mut mesh = Mesh::of(&["a", "b", "c"]);
    mesh.host("b").peer = Some(peer("elsewhere"));
    assert_eq!(mesh.settles(), ["b is at http://elsewhere:2379"]);
}

#[test]
fn two_hosts_may_swap_their_addresses() {
    let mut mesh = Mesh::of(&["a", "b", "c"]);
    mesh.host("b").peer = Some(peer("c"));
    mesh.host("c").peer = Some(peer("b"));
    mesh.settles();
    assert_eq!((mesh.member("b").peer.clone(), mesh.member("c").peer.clone()), (peer("c"), peer("b")));
}

#[test]
fn a_new_host_may_have_the_address_of_a_dead_one() {
    let mut mesh = Mesh::of(&["a", "b", "c"]).with_clients(&["d"]);
    mesh.falls_silent("c");
    mesh.after_secs(4);
    mesh.host("d").peer = Some(peer("c"));
    mesh.settles();
    assert_eq!(mesh.who(Role::Voter), ["a", "b", "d"]);
}

#[test]
fn a_host_that_claims_the_address_of_a_live_one_is_not_asked() {
    let mut mesh = Mesh::of(&["a"]).with_clients(&["b"]);
    mesh.host("b").peer = Some(peer("a"));
    assert!(mesh.settles().is_empty());
}
