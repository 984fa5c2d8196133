//! What is told of it.

use super::mesh::Mesh;
use crate::cluster::mesh::steward::{Duty, Remark, duties};

#[test]
fn each_host_has_a_duty() {
    let mut mesh = Mesh::of(&["a"]).with_learners(&["b", "c"]).with_clients(&["d"]);
    let told = |mesh: &Mesh| {
        let duties = duties(&mesh.view, mesh.now);
        duties.into_iter().map(|(host, duty)| (host.to_string(), duty)).collect::<Vec<_>>()
    };
    let duty = |host: &str, duty: Duty| (host.to_owned(), duty);
    let expected =
        [duty("a", Duty::Voter), duty("b", Duty::Spare), duty("c", Duty::Spare), duty("d", Duty::Client)];
    assert_eq!(told(&mesh), expected);
    mesh.view.clients = 2000;
    assert_eq!(told(&mesh)[2], duty("c", Duty::Relay));
}

#[test]
fn a_missing_spare_is_told_while_there_are_hosts_that_could_be_one() {
    let mut mesh = Mesh::of(&["a", "b", "c"]);
    assert!(mesh.asks().remarks.is_empty());
    mesh.joins("d", "");
    assert_eq!(mesh.asks().remarks, [Remark::NoSpare]);
}
