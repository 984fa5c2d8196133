//! Names, and what is wrong with them.

use super::village::Village;
use crate::control::host::Agent;

#[test]
fn a_second_host_of_the_same_name_is_refused_and_told_of_the_first() {
    let village = Village::insecure();
    let mut first = village.run("a", &["--listen", "127.0.0.1:0"]);
    let at = first.serves();
    village.wait_for("a", "f4a");
    let mut command = village.command();
    command.arg("run").arg(village.graph("a")).args(["--hostname", "a", "--prefix"]);
    command.arg(village.path("other")).arg(format!("--seeds={at}"));
    let mut second = Agent::start(command);
    let error = second.says("another host of the name a is in the mesh");
    assert!(error.contains(&format!("process {}", first.child.id())) && error.contains(&at), "{error}");
    second.says("give one of the two another name: --hostname");
    assert_eq!(second.child.wait().unwrap().code(), Some(75));
}

#[test]
fn a_name_that_cannot_be_is_refused_before_anything_starts() {
    let village = Village::new();
    let refused = village.command().args(["run", "x.yaml", "--hostname", "a/b"]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("is no name for a host"), "{said}");
    assert_eq!(refused.status.code(), Some(64));
}

#[test]
fn an_address_that_was_asked_for_and_is_taken_is_an_error_that_says_by_whom() {
    let village = Village::insecure();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let mut first = village.run("a", &["--no-join"]);
    let at = first.serves();
    // As one that founds a mesh, and as one that joins as a client.
    for flags in [&["--no-join", &listen][..], &[&format!("--seeds={at}"), "--no-server", &listen]] {
        let mut agent = village.run("b", flags);
        let said = agent.says("cannot listen at");
        assert!(said.contains(&format!("process {} (", std::process::id())), "{said}");
        assert!(!agent.child.wait().unwrap().success());
    }
}

#[test]
fn who_makes_a_mesh_is_told_of_an_address_that_this_host_does_not_have() {
    let village = Village::new();
    // TEST-NET-1, RFC 5737: nobody has it.
    let mut agent = village.run("a", &["--no-join", "--listen=192.0.2.7:2379"]);
    let said = agent.says("cannot listen at");
    assert!(said.contains("192.0.2.7:2379"), "{said}");
    assert!(!agent.child.wait().unwrap().success());
    assert!(!village.path("state/a/pki/admin.key").exists(), "no mesh is made");
}
