//! Seeds that lead nowhere: an error says what is wrong, where, and what to do; the rest of the graph runs.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::village::Village;
use crate::cluster::process::{Make, Process, free_port};
use crate::control::host::Agent;

/// What a server that is no store says first, and whether it waits to be spoken to.
enum Says {
    Nothing,
    Banner(&'static str),
    Answer(&'static str),
}

/// A server that is no store; it lasts as long as the tests do.
fn server(says: Says) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for mut socket in listener.incoming().flatten() {
            let answer = match says {
                Says::Nothing => "",
                Says::Banner(text) => text,
                Says::Answer(text) => {
                    // Its first words, whatever they are.
                    let _ = socket.read(&mut [0; 1024]);
                    text
                }
            };
            let _ = socket.write_all(answer.as_bytes());
            match says {
                Says::Answer(_) => drop(socket),
                Says::Nothing | Says::Banner(_) => held.push(socket),
            }
        }
    });
    at
}

/// A host whose only seed this is keeps its own files, and says this of it, as the commands on it do.
fn is_told(seed: &str, problem: &str, hint: Option<&str>) {
    let village = Village::insecure();
    let mut agent = village.run("a", &[&format!("--seeds={seed}")]);
    village.wait_for("a", "f2a");
    let line = agent.says("the store is away");
    let whole = format!("http://{seed}: {problem}");
    assert!(line.contains(&whole) && line.contains(hint.unwrap_or_default()), "{line}");
    let asked = ["mesh", "status", "--hostname", "a", "--timeout", "5"];
    let output = village.command().args(asked).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.starts_with("error: no host of the mesh answers\n  = cause: "), "{said}");
    assert!(said.contains(&whole) && said.contains(hint.unwrap_or("= hint: name one that runs")), "{said}");
    assert!(agent.stop().success());
}

const LOOK: &str = "look at the address and its port";

#[test]
fn a_closed_port_is_named() {
    is_told(&format!("127.0.0.1:{}", free_port()), "no connection: Connection refused", None);
}

#[test]
fn a_port_that_says_nothing_is_named() {
    is_told(&server(Says::Nothing), "it takes the connection and says nothing", Some(LOOK));
}

#[test]
fn a_port_of_ssh_is_named() {
    let banner = Says::Banner("SSH-2.0-OpenSSH_9.2p1\r\n");
    is_told(&server(banner), "something else answers there", Some(LOOK));
}

#[test]
fn a_web_server_is_named() {
    let answer = Says::Answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    is_told(&server(answer), "something else answers there", Some(LOOK));
}

#[test]
fn an_etcd_is_not_used_unless_it_is_called_one() {
    let village = Village::insecure();
    let etcd = Process::start(Make::Etcd, &village.path("etcd"), &[]);
    is_told(&etcd.client(), "an etcd answers there, and no host of a mesh", Some("write etcd://HOST:PORT"));
    assert_eq!(etcd.say("get --prefix /").worked(), "", "nothing was written there");
}

fn at(agent: &mut Agent) -> String {
    agent.serves().strip_prefix("http://").unwrap().to_owned()
}

#[test]
fn a_seed_of_another_mesh_is_named_and_not_used() {
    let village = Village::insecure();
    // Ports of their own: agents of other tests would take those of the dead.
    let apart =
        |host: &str| village.run(host, &["--no-join", &format!("--listen=127.0.0.1:{}", free_port())]);
    let (mut first, mut other) = (apart("a"), apart("x"));
    let (seed, wrong) = (at(&mut first), at(&mut other));
    let with = |seed: &str| village.run("b", &[&format!("--seeds={seed}"), "--no-server"]);
    let agent = with(&seed);
    village.wait_for("b", "f4a");
    village.wait_for("a", "f4b");
    assert!(agent.stop().success());
    // It stays in its mesh, and says what is wrong with the seed.
    let named = |line: &str| {
        assert!(line.contains(&wrong) && line.contains("it is a store of another mesh"), "{line}");
        assert!(line.contains("`mgmt mesh leave` first"), "{line}");
    };
    let mut agent = with(&wrong);
    named(&agent.says("it is not used"));
    village.say(&["kv", "put", "from", "b", "--hostname", "b"]);
    assert_eq!(village.say(&["kv", "get", "from", "--hostname", "a"]), "b\n");
    assert!(agent.stop().success());
    // Also where its own mesh is away.
    first.kill();
    let mut agent = with(&wrong);
    named(&agent.says("the store is away"));
    let members = village.say(&["mesh", "members", "--hostname", "x"]);
    assert!(!members.contains("b "), "{members}");
    drop(agent);
}
