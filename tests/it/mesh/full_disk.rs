//! No room on the disk for what waits for the store.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use super::files;
use super::village::Village;
use crate::cluster::hosts::net;
use crate::cluster::process::free_port;
use crate::control::host::{Agent, without_settings};

/// Takes all the room that is left.
fn fill(path: &PathBuf) {
    let mut file = fs::File::create(path).unwrap();
    for size in [4096, 1] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
}

#[test]
fn what_cannot_be_kept_is_an_error_of_its_vertex_only_and_nothing_is_lost() {
    if !net::is_possible() {
        return;
    }
    let village = Village::new();
    let listen = format!("127.0.0.1:{}", free_port());
    let mut first = village.run("a", &["--no-join", "--listen", &listen]);
    first.says("ready to serve");
    village.wait_for("a", "f4a");
    // The folder of the other one is on a small disk, which only it sees.
    let state = village.path("small");
    fs::create_dir(&state).unwrap();
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs -o size=256k,mode=700 tmpfs \"$1\"; shift; exec \"$@\"";
    command.args(["--mount", "sh", "-ec", script, "sh"]).arg(&state).arg(env!("CARGO_BIN_EXE_mgmt"));
    let graph = village.graph("b");
    command.arg("run").arg(&graph).args(["--hostname", "b", "--no-server", "--prefix"]).arg(&state);
    command.arg(format!("--join={}", village.token("a")));
    let mut command = without_settings(command);
    command.env("RUNTIME_DIRECTORY", village.path("run"));
    let mut agent = Agent::start(command);
    village.wait_for("a", "f4b");
    village.wait_for("b", "f4a");
    let inside =
        |name: &str| PathBuf::from(format!("/proc/{}/root{}", agent.child.id(), state.join(name).display()));
    let (socket, ballast) = (inside("."), inside("ballast"));

    let told = |what: &str, is_so: &dyn Fn(&serde_json::Value) -> bool| {
        village.told(&["status", "--prefix", socket.to_str().unwrap()], what, is_so)
    };
    told("that all has arrived", &|told| told["settled"] == true && told["mesh"]["waiting"] == 0);
    first.kill();
    told("that the store is away", &|told| told["mesh"]["away_s"].is_u64());
    fill(&ballast);
    let text = fs::read_to_string(&graph).unwrap();
    let text = text.replace("i am f3, exported by host a\n", "i am new\n    meta: {retry: -1, delay: 200}\n");
    fs::write(village.path("new"), text).unwrap();
    fs::rename(village.path("new"), &graph).unwrap();
    let line = agent.says("cannot be kept on disk");
    assert!(line.contains("No space left"), "{line}");
    let page = village.command().args(["status", "--prefix"]).arg(&socket).output().unwrap();
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(
        page.contains("f3b") && page.contains("= hint: make room on the disk of the agent's folder"),
        "{page}"
    );
    // What has nothing to do with it goes on.
    let own = village.path("files-b/f1b");
    fs::write(&own, "by somebody").unwrap();
    files::wait_for(&own, "its text", |found| found != "by somebody");

    fs::remove_file(&ballast).unwrap();
    told("that it is kept", &|told| told["counts"]["failed"] == 0 && told["settled"] == true);
    let mut first = village.run("a", &["--no-join", "--listen", &listen]);
    first.says("ready to serve");
    files::wait_for(&village.path("files-a/f3b"), "the new text", |found| found == "i am new\n");
    told("that nothing waits", &|told| told["mesh"]["waiting"] == 0);
}
