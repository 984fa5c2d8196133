//! watch.

use super::beside::Beside;
use crate::cluster::process::Ctl;

/// What both print for a watch, in so many lines.
#[track_caller]
fn seen(both: &Beside, line: &str, count: usize) -> Vec<String> {
    let following = [&both.ours, &both.etcd].map(|side| (side, side.follow(both.ctl, line)));
    let [ours, etcd] = following.map(|(side, following)| {
        let lines = following.next(count);
        lines.iter().map(|line| side.named(line)).collect::<Vec<_>>()
    });
    assert_eq!(ours, etcd, "{line}: ours beside etcd's");
    ours
}

#[test]
fn what_has_happened_is_told_as_by_etcd() {
    let both = Beside::start();
    both.all_same(
        "put foo 1
         put foo 2
         put food 3
         del foo
         put zed 4
         put foo 5",
    );
    assert_eq!(seen(&both, "watch foo --rev=2", 12)[..3], ["PUT", "foo", "1"]);
    seen(&both, "watch foo --rev=2 --prev-kv", 16);
    seen(&both, "watch --prefix foo --rev=2", 15);
    seen(&both, "watch foo g --rev=3", 12);
    seen(&both, "watch '' --prefix --rev=6", 6);
    seen(&both, "watch foo --rev=2 -w json", 1);
    seen(&both, "watch foo --rev=5 -w fields", 12);
    let run = seen(&both, "watch foo --rev=7 -- sh -c 'echo $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY'", 4);
    assert_eq!(run.last().unwrap(), "\"PUT\" \"foo\"");
    both.same("compaction 5");
    // It ends, and says why.
    both.same("watch foo --rev=2");
    both.same("watch foo --rev=0 --prefix --frob");
}

#[test]
fn what_happens_is_told_at_once_and_progress_when_it_is_asked_for() {
    let both = Beside::with(Ctl::Etcd35, &["--experimental-watch-progress-notify-interval=200ms"]);
    let following = [&both.ours, &both.etcd].map(|side| side.follow(both.ctl, "watch foo --progress-notify"));
    // It has begun when it tells of progress.
    for following in &following {
        assert_eq!(following.next(1), ["progress notify: 1"]);
    }
    both.same("put foo now");
    for following in &following {
        let mut told = following.next(1);
        while told == ["progress notify: 1"] {
            told = following.next(1);
        }
        assert_eq!(told, ["PUT"]);
        assert_eq!(following.next(2), ["foo", "now"]);
        assert_eq!(following.next(1), ["progress notify: 2"]);
    }
}
