//! lock and elect.

use super::beside::{Beside, Side};
use crate::cluster::process::Ctl;

#[test]
fn a_lock_is_had_by_one_at_a_time() {
    let both = Beside::start();
    for side in [&both.ours, &both.etcd] {
        let first = side.follow(Ctl::Debian, "lock l --ttl=60");
        let held = first.next(1);
        assert!(held[0].starts_with("l/"), "{held:?}");
        let second = side.follow(Ctl::Debian, "lock l --ttl=60");
        // The second waits behind the first: its key is there.
        wait_for(side, "get l/ --prefix --count-only -w fields", "\"Count\" : 2");
        first.interrupt();
        drop(first.rest());
        let now = second.next(1);
        assert!(now[0].starts_with("l/") && now != held, "{now:?}");
        second.interrupt();
        drop(second.rest());
        let ran = side.say(Ctl::Debian, "lock l -- sh -c 'echo $ETCD_LOCK_KEY $ETCD_LOCK_REV'", "").worked();
        assert!(ran.starts_with("l/"), "{ran}");
        assert_eq!(side.say(Ctl::Debian, "get l --prefix", "").worked(), "");
    }
}

#[test]
fn an_election_has_one_leader_and_observers_see_who() {
    let both = Beside::start();
    for side in [&both.ours, &both.etcd] {
        let first = side.follow(Ctl::Debian, "elect e first");
        let won = first.next(2);
        assert!(won[0].starts_with("e/") && won[1] == "first", "{won:?}");
        let observer = side.follow(Ctl::Debian, "elect -l e");
        assert_eq!(observer.next(2), won);
        let second = side.follow(Ctl::Debian, "elect e second");
        wait_for(side, "get e/ --prefix --count-only -w fields", "\"Count\" : 2");
        first.interrupt();
        let won = second.next(2);
        assert_eq!(won[1], "second");
        assert_eq!(observer.next(2), won);
    }
}

/// Asks until the answer has this in it.
fn wait_for(side: &Side, line: &str, wanted: &str) {
    let begun = std::time::Instant::now();
    loop {
        let said = side.say(Ctl::Etcd35, line, "").worked();
        if said.contains(wanted) {
            return;
        }
        assert!(begun.elapsed() < crate::cluster::process::PATIENCE, "{line}: {said}");
    }
}
