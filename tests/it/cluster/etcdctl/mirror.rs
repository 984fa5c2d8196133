//! make-mirror, to a real etcd and back.

use super::beside::{Beside, Side};
use crate::cluster::process::{Ctl, PATIENCE};

#[track_caller]
fn eventually(side: &Side, line: &str, wanted: &str) {
    let begun = std::time::Instant::now();
    loop {
        let said = side.say(Ctl::Debian, line, "").worked();
        if said == wanted {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{line}: {said}");
    }
}

#[test]
fn keys_are_mirrored_to_a_real_etcd_and_back() {
    let both = Beside::start();
    for number in 0..20 {
        both.ours.say(Ctl::Debian, &format!("put a/{number} {number}"), "").worked();
        both.etcd.say(Ctl::Debian, &format!("put b/{number} {number}"), "").worked();
    }
    let (ours, etcd) = (both.ours.process.client(), both.etcd.process.client());
    let there = both.ours.follow(Ctl::Debian, &format!("make-mirror --prefix a/ {etcd}"));
    let back = both.etcd.follow(Ctl::Debian, &format!("make-mirror --prefix b/ --dest-prefix c/ {ours}"));
    eventually(&both.etcd, "get a/19", "a/19\n19\n");
    eventually(&both.ours, "get c/19", "c/19\n19\n");
    both.ours.say(Ctl::Debian, "put a/0 changed", "").worked();
    both.ours.say(Ctl::Debian, "del a/1", "").worked();
    both.etcd.say(Ctl::Debian, "put b/0 changed", "").worked();
    both.etcd.say(Ctl::Debian, "del b/1", "").worked();
    eventually(
        &both.etcd,
        "get a/ a/2",
        "a/0\nchanged\na/10\n10\na/11\n11\na/12\n12\na/13\n13\na/14\n14\na/15\n15\na/16\n16\na/17\n17\na/18\n18\na/19\n19\n",
    );
    eventually(&both.ours, "get c/0", "c/0\nchanged\n");
    eventually(&both.ours, "get c/1", "");
    drop((there, back));
}
