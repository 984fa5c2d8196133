//! An etcd in place of a store that hosts carry.

use std::fs;

use serde_json::Value;

use super::demonstration::everybody_has_everything;
use super::files;
use super::village::Village;
use crate::cluster::process::{Make, Process};
use crate::control::host::Agent;

const HOSTS: [&str; 3] = ["a", "b", "c"];

/// Waits until a host's status tells something of its mesh.
fn told(village: &Village, host: &str, what: &str, is_so: impl Fn(&Value) -> bool) {
    let told = village.told(&["status", "--hostname", host], what, |told| is_so(&told["mesh"]));
    assert_eq!(told["mesh"]["failed"], Value::Null);
}

#[test]
fn three_hosts_exchange_files_over_an_etcd_that_is_killed_under_them() {
    let village = Village::new();
    let mut etcd = Process::start(Make::Etcd, &village.path("etcd"), &[]);
    let seeds = format!("--seeds=etcd://{}", etcd.client());
    let _agents = HOSTS.map(|host| -> Agent {
        let mut agent = village.run(host, &[&seeds]);
        agent.says("the graph runs");
        agent
    });
    everybody_has_everything(&village);
    etcd.kill();
    for host in HOSTS {
        told(&village, host, "that the store is away", |mesh| mesh["away_s"].is_u64());
    }
    for text in ["i am newer", "i am newest"] {
        let graph = village.path("graph3a.yaml");
        let changed = fs::read_to_string(&graph).unwrap().replace("i am f3, exported by host a", text);
        let changed =
            changed.replace("i am newer", text).replace("graph: graph3a", &format!("graph: {text}"));
        fs::write(village.path("new"), changed).unwrap();
        fs::rename(village.path("new"), &graph).unwrap();
        let what = format!("that {text:?} waits");
        village.told(&["status", "--hostname", "a"], &what, |told| {
            told["graph"] == text && told["settled"] == true && told["mesh"]["waiting"] == 1
        });
    }
    for host in HOSTS {
        let own = village.path(&format!("files-{host}/f1{host}"));
        let text = fs::read_to_string(&own).unwrap();
        fs::write(&own, "by somebody").unwrap();
        files::wait_for(&own, &text, |found| found == text);
    }
    etcd.start_again();
    for host in HOSTS {
        let file = village.path(&format!("files-{host}/f3a"));
        files::wait_for(&file, "the newest", |found| found == "i am newest\n");
        told(&village, host, "that the store is back", |mesh| {
            mesh["away_s"].is_null() && mesh["waiting"] == 0
        });
        assert!(!village.path(&format!("state/{host}/mesh/store")).exists(), "{host} serves nothing");
    }
    // Only the newest was written, once.
    let listed = etcd.say("get --prefix /_mgmt/export/*/file/a/ -w json").worked();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let mut versions: Vec<i64> =
        listed["kvs"].as_array().unwrap().iter().map(|kv| kv["version"].as_i64().unwrap()).collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 2]);
}

#[test]
fn an_etcd_gets_the_users_and_roles_of_a_mesh_and_gets_them_again() {
    let village = Village::new();
    let etcd = Process::start(Make::Etcd, &village.path("etcd"), &[]);
    let at = etcd.client();
    let setup =
        ["mesh", "etcd-setup", "web-1", "web-2", "--administrator", "ann", "--apply", "--endpoints", &at];
    let told = village.say(&setup);
    assert!(told.contains("gave 2 hosts and 1 administrator their users and roles"), "{told}");
    assert!(told.contains("etcdctl auth enable"), "{told}");
    village.say(&setup);
    let roles = etcd.say("user get host:web-2").worked();
    assert!(roles.contains("mgmt-host mgmt-host:web-2"), "{roles}");
    let may = etcd.say("role get mgmt-host:web-2").worked();
    assert!(may.contains("/_mgmt/host/web-2/") && !may.contains("web-1"), "{may}");
    assert!(etcd.say("user get admin:ann").worked().contains("root"));

    for words in ["user add root:secret", "user grant-role root root", "auth enable"] {
        etcd.say(words).worked();
    }
    let refused = village.command().args(setup).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("error: etcd refuses: etcdctl role add mgmt-host"), "{said}");
    assert!(said.contains("--user"), "{said}");
    let as_root: Vec<&str> = setup.into_iter().chain(["--user", "root:secret"]).collect();
    village.say(&as_root);

    // Without etcdctl it says so.
    let mut command = village.command();
    let without = command.args(setup).env("PATH", village.path("nowhere")).output().unwrap();
    let said = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(said.contains("error: cannot run etcdctl") && said.contains("without --apply"), "{said}");
}
