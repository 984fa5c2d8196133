//! lease.

use super::beside::Beside;

#[test]
fn leases_live_and_end_as_in_etcd() {
    let mut both = Beside::start();
    both.all_same(
        "lease list
         lease revoke 1234
         lease timetolive 1234
         lease timetolive 1234 --keys -w json
         lease keep-alive --once 1234
         lease grant x
         lease grant 9000000001",
    );
    both.grant("lease", 1000);
    both.all_same(
        "put foo bar --lease={lease}
         put --lease={lease} foo2 bar2
         get foo -w fields
         lease list
         lease list -w json
         lease keep-alive --once {lease}
         put foo --ignore-value --ignore-lease
         put foo other --ignore-lease",
    );
    both.each("lease timetolive {lease} --keys", |_, said| {
        let said = said.worked();
        assert!(said.starts_with("lease {lease} granted with TTL(1000s), remaining("), "{said}");
        assert!(said.contains("foo") && said.contains("foo2"), "{said}");
    });
    both.all_same(
        "put foo2 detached
         lease revoke {lease}
         lease revoke {lease}
         lease timetolive {lease}
         get --prefix foo",
    );
}

#[test]
fn a_lease_that_nobody_keeps_alive_ends_with_its_keys() {
    let mut both = Beside::start();
    both.grant("short", 1);
    both.same("put foo bar --lease={short}");
    // It ends when it is over, which both tell.
    for side in [&both.ours, &both.etcd] {
        let watch = side.follow(both.ctl, "watch foo --rev=2");
        assert_eq!(watch.next(6), ["PUT", "foo", "bar", "DELETE", "foo", ""]);
    }
    both.same("lease timetolive {short}");
    both.grant("kept", 2);
    let keeping =
        [&both.ours, &both.etcd].map(|side| (side, side.follow(both.ctl, "lease keep-alive {kept}")));
    for (side, keeping) in keeping {
        // Every third of its life: past its end, it is still there.
        let said: Vec<String> = keeping.next(5).iter().map(|line| side.named(line)).collect();
        assert_eq!(said, ["lease {kept} keepalived with TTL(2)"; 5]);
    }
}
