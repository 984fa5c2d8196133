//! The mesh gets another authority while it works.

use std::fs;
use std::process::Command;

use super::identities::{Mesh, collects, until};

/// A host's roots, as other programs read them.
fn roots(mesh: &Mesh, host: &str) -> String {
    fs::read_to_string(mesh.path(&format!("state/{host}/pki/roots.pem"))).unwrap()
}

/// Who carries the store, and votes.
fn voters(mesh: &Mesh) -> Vec<String> {
    let told = mesh.say(&["mesh", "status", "--json", "--hostname", "a"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let rows = told["members"].as_array().unwrap().iter().filter(|row| row["votes"] == true);
    rows.map(|row| row["host"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn five_hosts_move_to_another_authority_and_one_that_was_away_follows() {
    let mesh = Mesh::new();
    let mut first = mesh.start("a", &[]);
    first.says("ready to serve");
    let mut others = Vec::new();
    for (host, flags) in [("b", &[][..]), ("c", &[]), ("d", &["--no-server"]), ("e", &["--no-server"])] {
        let mut agent = mesh.start(host, flags);
        collects(&mut agent, "a");
        others.push(agent);
    }
    for agent in &mut others[..2] {
        agent.says("this host carries the store from now on");
    }
    let at = mesh.endpoint("a");
    // Who was away while it happened, and who has an old copy of a host's keys.
    others.pop().unwrap().stop();
    fs::create_dir(mesh.path("state/copy")).unwrap();
    until("the keys are copied, none of them as it is replaced", || {
        let paths = [mesh.path("state/d/pki"), mesh.path("state/copy")];
        Command::new("cp").arg("-a").args(paths).output().unwrap().status.success()
    });
    let before = roots(&mesh, "d");
    let listed = |words: &[&str]| {
        let mut command = mesh.etcdctl("a", &at, words);
        let pki = mesh.path("state/a/pki");
        command.env("ETCDCTL_CERT", pki.join("admin.pem")).env("ETCDCTL_KEY", pki.join("admin-tls.key"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let get = ["get", "--print-value-only", "/_mgmt/pki/roots"];
    let old_list = listed(&get);
    let put = |host: &str| mesh.etcdctl(host, &at, &["put", "/_mgmt/host/d/x", "1"]).output().unwrap();
    assert!(put("copy").status.success());

    let told = mesh.say(&["mesh", "rotate-ca", "--hostname", "a"]);
    assert!(told.contains("4 hosts have new certificates; nobody believes the authority before"), "{told}");
    assert!(told.contains("not there, and to get theirs when they come back: e"), "{told}");
    for agent in &mut others {
        agent.says("this host has a new certificate");
    }
    until("all know the new root alone", || {
        let now = roots(&mesh, "a");
        now != before
            && now.matches("BEGIN").count() == 1
            && ["b", "c", "d"].map(|it| roots(&mesh, it) == now) == [true; 3]
    });
    // With its keys a host goes on; with the certificate that it had, and the key to that, nobody does.
    until("a host goes on", || put("d").status.success());
    let put_with_old = || {
        let mut put = mesh.etcdctl("d", &at, &["put", "/_mgmt/host/d/x", "2"]);
        put.env("ETCDCTL_CERT", mesh.path("state/copy/pki/host.pem")).output().unwrap()
    };
    // A host keeps the new roots before it goes by them.
    until("the old certificate is refused", || !put_with_old().status.success());
    assert!(!put_with_old().status.success());

    // As an old copy of the store has it.
    listed(&["put", "/_mgmt/pki/roots", old_list.trim()]);
    until("the list is put back", || listed(&get) != old_list);

    // What was away knows an older root, and comes back by itself.
    let mut back = mesh.start("e", &["--no-server"]);
    back.says("this host has a new certificate");
    fs::remove_file(mesh.path("files-e/from-b")).unwrap();
    collects(&mut back, "b");
    assert_eq!(roots(&mesh, "e"), roots(&mesh, "a"));

    // An administrator's command goes on, too, and tells what was done; and it can be done again.
    let done = mesh.say(&["audit", "--hostname", "a"]);
    for what in ["gave the mesh another authority", "took the authority before from the mesh"] {
        assert!(done.contains(what), "{what}: {done}");
    }
    until("the mesh knows that it is back", || {
        let told = mesh.say(&["mesh", "members", "--json", "--hostname", "a"]);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        told.as_array().unwrap().iter().any(|row| row["host"] == "e" && row["alive"] == true)
    });
    let told = mesh.say(&["mesh", "rotate-ca", "--hostname", "a"]);
    assert!(told.contains("5 hosts have new certificates"), "{told}");
}

#[test]
fn when_a_server_is_evicted_the_key_that_it_had_signs_nothing_any_more() {
    let mesh = Mesh::new();
    let mut first = mesh.start("a", &[]);
    first.says("ready to serve");
    let mut others: Vec<_> = ["b", "c", "d"].map(|host| mesh.start(host, &[])).into_iter().collect();
    for agent in &mut others {
        collects(agent, "a");
    }
    until("three carry the store", || voters(&mesh).len() == 3);
    let server = voters(&mesh).into_iter().find(|host| host != "a").unwrap();
    let before = roots(&mesh, "a");
    let told = mesh.say(&["mesh", "evict", &server, "--hostname", "a"]);
    assert!(told.contains("so that is replaced now") && told.contains("nobody believes"), "{told}");
    until("its authority is gone", || {
        let now = roots(&mesh, "a");
        !now.contains(before.trim()) && now.matches("BEGIN").count() == 1
    });
    // It has kept the key, or a copy of it: that is good for nothing. Another host joins as ever.
    let mut new = mesh.start("e", &[]);
    collects(&mut new, "a");
}
