//! alarm, and what it takes to get rid of one.

use super::beside::{Beside, Side};
use crate::cluster::process::Ctl;

/// Writes until there is no room; returns the refusal.
fn fill(side: &Side) -> String {
    let value = "x".repeat(500_000);
    for number in 0..200 {
        let said = side.say(Ctl::Debian, &format!("put fill{number}"), &value);
        if said.code != Some(0) {
            return said.failed();
        }
    }
    panic!("there is no end to it");
}

#[test]
fn a_full_store_refuses_to_grow_says_so_and_recovers() {
    // etcd's smallest file has 16 MiB in no time.
    let both = Beside::with(Ctl::Debian, &["--quota-backend-bytes=8388608"]);
    let refusals = [&both.ours, &both.etcd].map(fill);
    assert_eq!(refusals[0], refusals[1]);
    assert!(refusals[0].contains("etcdserver: mvcc: database space exceeded"), "{}", refusals[0]);
    both.all_same(
        "alarm list
         put more x
         lease grant 100
         get fill0 --keys-only
         del more",
    );
    for side in [&both.ours, &both.etcd] {
        let status = side.say(Ctl::Debian, "endpoint status", "").worked();
        assert!(status.contains("memberID:{member-number} alarm:NOSPACE"), "{status}");
        let unhealthy = side.say(Ctl::Etcd35, "endpoint health", "");
        assert!(unhealthy.failed().contains("Error: unhealthy cluster"));
        side.say(Ctl::Debian, "del fill --prefix", "").worked();
        let state = side.say(Ctl::Debian, "get x -w json", "").worked();
        let state: serde_json::Value = serde_json::from_str(&side.spelt(&state)).unwrap();
        side.say(Ctl::Debian, &format!("compaction {} --physical", state["header"]["revision"]), "").worked();
        side.say(Ctl::Debian, "defrag", "").worked();
    }
    both.all_same(
        "alarm disarm
         alarm list
         put more x
         get more",
    );
}
