//! The way out: a real etcd takes over what `mgmt etcd` has.

use std::process::Command;

use crate::cluster::process::{Ctl, Make, Process, Said, etcd35, free_port};

/// Lines to both, which must answer the same.
#[track_caller]
fn same(ours: &Process, etcd: &Process, lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        for ctl in [Ctl::Debian, Ctl::Etcd35] {
            let words = crate::cluster::process::words(line);
            let [ours, etcd] = [ours, etcd].map(|process| Said::by(process.ctl(ctl).args(&words), ""));
            assert_eq!(ours, etcd, "{line}: ours beside the restored one");
        }
    }
}

fn fill(store: &Process) -> String {
    let say = |line: &str| store.say(line).worked();
    for number in 0..60 {
        say(&format!("put key{} value{number}", number % 40));
    }
    say("del key1");
    say("del key30 --from-key");
    let lease = say("lease grant 5000").split_whitespace().nth(1).unwrap().to_owned();
    say(&format!("put leased one --lease={lease}"));
    say(&format!("put leased2 two --lease={lease}"));
    say("lease grant 6000");
    say("put key1 again");
    say("compaction 20");
    for line in [
        "user add root:rp",
        "role add root",
        "user grant-role root root",
        "user add bob:pw",
        "user add nopw --no-password",
        "role add r",
        "role grant-permission r readwrite key1",
        "role grant-permission r read key2 --prefix",
        "role grant-permission r write z --from-key",
        "user grant-role bob r",
        "auth enable",
    ] {
        say(line);
    }
    lease
}

/// The keys with their revisions, as JSON without the header.
fn keys(store: &Process) -> serde_json::Value {
    let said = store.say("get --user root:rp --prefix -w json ''").worked();
    let mut said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let revision = said["header"]["revision"].clone();
    said["header"] = revision;
    said
}

#[test]
fn a_real_etcd_takes_over_from_a_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let ours = Process::start(Make::Ours, &dir.path().join("ours"), &["--bcrypt-cost=4"]);
    let lease = fill(&ours);
    let snapshot = dir.path().join("snapshot").display().to_string();
    ours.say(&format!("snapshot save --user root:rp {snapshot}")).worked();

    let utl = || Command::new(etcd35("etcdutl"));
    let status = Said::by(utl().args(["snapshot", "status", "-w", "json", &snapshot]), "").worked();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["revision"], keys(&ours)["header"]);
    let (client, peer) = (free_port(), free_port());
    let theirs = dir.path().join("theirs");
    let mut restore = utl();
    restore.args(["snapshot", "restore", &snapshot, "--name=default"]);
    restore.arg(format!("--data-dir={}", theirs.join("default").display()));
    restore.arg(format!("--initial-cluster=default=http://127.0.0.1:{peer}"));
    restore.arg(format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"));
    Said::by(&mut restore, "").worked();
    let etcd = Process::member_at(Make::Etcd, &theirs, "default", &["--bcrypt-cost=4"], client, peer);

    assert_eq!(keys(&ours), keys(&etcd));
    for process in [&ours, &etcd] {
        let left = process.say(&format!("lease timetolive {lease} --keys --user root:rp")).worked();
        assert!(
            left.contains("granted with TTL(5000s)")
                && ["leased leased2", "leased2 leased"].iter().any(|keys| left.contains(keys)),
            "{left}"
        );
    }
    let leases = |process: &Process| {
        let said = process.say("lease list --user root:rp").worked();
        let mut lines: Vec<String> = said.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(leases(&ours), leases(&etcd));
    same(
        &ours,
        &etcd,
        "get key1
         get key1 --user bob:pw
         get key1 --user bob:wrong
         get key3 --user bob:pw
         get key2 --prefix --user bob:pw
         get key1 --rev=20 --user bob:pw
         get key1 --rev=19 --user bob:pw
         put z x --user bob:pw
         del key2 --user bob:pw
         user list --user root:rp
         user get bob --detail --user root:rp
         role list --user root:rp
         role get r --user root:rp
         get key5 --user nopw:x
         alarm list --user root:rp",
    );
    // Its leases end there, as they would have here.
    etcd.say(&format!("lease revoke {lease} --user root:rp")).worked();
    assert_eq!(etcd.say("get leased --prefix --user root:rp").worked(), "");
}
