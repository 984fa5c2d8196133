//! snapshot.

use super::beside::Beside;
use crate::cluster::process::{Ctl, Make, Process, Said};

#[test]
fn a_snapshot_is_saved_looked_at_and_restored() {
    let both = Beside::start();
    both.all_same(
        "put foo 1
         put foo 2
         put food 3
         del food",
    );
    let mut statuses = Vec::new();
    for side in [&both.ours, &both.etcd] {
        let saved = side.say(Ctl::Debian, "snapshot save {dir}.snap", "").worked();
        assert_eq!(saved, "Snapshot saved at {dir}.snap\n");
        let status = side.say(Ctl::Debian, "snapshot status {dir}.snap -w json", "").worked();
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        // Ours has a row more: that authentication is off.
        assert!(status["totalKey"].as_u64().unwrap() >= 10, "{status}");
        statuses.push(status["revision"].clone());
    }
    assert_eq!(statuses[0], statuses[1], "ours beside etcd's");

    // With Debian's tool, and served by the real etcd.
    let (client, peer) = (crate::cluster::process::free_port(), crate::cluster::process::free_port());
    let dir = both.dir.path().join("restored");
    let snapshot = format!("{}.snap", both.ours.process.dir.display());
    let mut restore = Ctl::Debian.command();
    restore.args(["snapshot", "restore", &snapshot, "--name=default"]);
    restore.arg(format!("--data-dir={}", dir.join("default").display()));
    restore.arg(format!("--initial-cluster=default=http://127.0.0.1:{peer}"));
    restore.arg(format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"));
    Said::by(&mut restore, "").worked();
    let restored = Process::member_at(Make::Etcd, &dir, "default", &[], client, peer);
    assert_eq!(restored.say("get f --prefix").worked(), "foo\n2\n");
    assert_eq!(restored.say("get foo --rev=2").worked(), "foo\n1\n");
}
