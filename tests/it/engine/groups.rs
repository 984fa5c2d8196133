//! Those that are applied together: each ends by itself.

use mgmt::engine::declaration::Receive;
use mgmt::engine::id::Label;
use mgmt::engine::runtime::snapshot::Rows;
use mgmt::engine::sched::StopLevel;
use mgmt::engine::value::Value;

use super::toy::{Bench, Spec, toy};

fn member(name: &'static str) -> Spec {
    toy(name).param("group", Value::Bool(true))
}

fn failing(name: &'static str) -> Spec {
    member(name).param("fails", Value::Bool(true))
}

/// Name, state, changes and failures of each.
async fn rows(bench: &Bench) -> Vec<(String, String, u32, u32)> {
    let snapshot = bench.engine.snapshot(Rows::All).await.unwrap();
    let row = |row: mgmt::engine::runtime::snapshot::Row| {
        (row.label.name.to_string(), row.state, row.changes, row.failures)
    };
    snapshot.rows.into_iter().map(row).collect()
}

fn row(name: &str, state: &str, changes: u32, failures: u32) -> (String, String, u32, u32) {
    (name.to_owned(), state.to_owned(), changes, failures)
}

#[tokio::test]
async fn a_member_fails_alone_and_blocks_only_what_depends_on_it() {
    let mut bench = Bench::start();
    let edges = [("a", "after a", true), ("bad", "after bad", false)];
    bench
        .swap(vec![member("a"), failing("bad"), member("c"), toy("after a"), toy("after bad")], &edges)
        .await;
    bench.until("failed bad: it was told to fail (Nothing)").await;
    bench.until("converged true").await;
    assert_eq!(bench.world.log()[..2], ["check a+bad+c", "apply a+bad+c"]);
    assert_eq!(
        rows(&bench).await,
        [
            row("a", "ok", 1, 0),
            row("after a", "ok", 1, 0),
            row("after bad", "blocked", 0, 0),
            row("bad", "failed", 0, 1),
            row("c", "ok", 1, 0),
        ]
    );
    let snapshot = bench.engine.snapshot(Rows::Notable).await.unwrap();
    assert_eq!((snapshot.failures, snapshot.changes, snapshot.checks), (1, 3, 4));
    assert_eq!(snapshot.rows[0].blocked_by, Some(Label::new("toy", "bad")));
    bench.engine.stop(StopLevel::Finish);
}

#[tokio::test]
async fn an_event_of_one_has_all_looked_at_and_the_failed_one_tried_again() {
    let mut bench = Bench::start();
    bench.swap(vec![member("a"), failing("bad")], &[]).await;
    bench.until("converged true").await;
    bench.world.clear();
    bench.world.inner.lock().unwrap().mended = true;
    bench.world.damage("a");
    bench.until("recovered bad").await;
    assert_eq!(bench.world.log(), ["check a+bad", "apply a+bad"]);
    assert_eq!(rows(&bench).await, [row("a", "ok", 2, 0), row("bad", "ok", 1, 1)]);
}

#[tokio::test]
async fn only_the_failed_one_is_retried() {
    let mut bench = Bench::start();
    let retried = |spec: Spec| spec.meta("retry", Value::Int(2)).meta("delay", Value::Int(1));
    bench.swap(vec![retried(member("a")), retried(failing("bad")), retried(member("c"))], &[]).await;
    bench.until("failed bad: it was told to fail (Nothing)").await;
    bench.until("converged true").await;
    let tries = ["check a+bad+c", "apply a+bad+c", "check bad", "apply bad", "check bad", "apply bad"];
    assert_eq!(bench.world.log(), tries);
    assert_eq!(rows(&bench).await, [row("a", "ok", 1, 0), row("bad", "failed", 0, 3), row("c", "ok", 1, 0)]);
}

#[tokio::test]
async fn one_whose_predecessor_fails_is_blocked_and_the_others_run_without_it() {
    let mut bench = Bench::start();
    let edges = [("broken", "a", false), ("fine", "b", false), ("a", "end", false), ("b", "end b", false)];
    let broken = toy("broken").param("fails", Value::Bool(true));
    let all = vec![broken, toy("fine"), member("a"), member("b"), toy("end"), toy("end b")];
    bench.swap(all, &edges).await;
    bench.until("converged true").await;
    assert_eq!(bench.world.inner.lock().unwrap().state.len(), 3, "fine, b, end b");
    let states: Vec<_> = rows(&bench).await.into_iter().map(|(name, state, ..)| (name, state)).collect();
    let wanted = [("a", "blocked"), ("b", "ok"), ("broken", "failed"), ("end", "blocked"), ("end b", "ok")];
    for (name, state) in wanted {
        assert!(states.contains(&(name.to_owned(), state.to_owned())), "{name}: {states:?}");
    }
}

#[tokio::test]
async fn a_member_refreshes_and_sends_for_itself() {
    let mut bench = Bench::start();
    let mut receiver = toy("receiver");
    let from = Label::new("toy", "b");
    receiver.receives = vec![Receive { param: "value", from, key: "value".into(), entry: None }];
    let edges = [("a", "x", true), ("b", "y", true), ("b", "receiver", false)];
    bench.world.inner.lock().unwrap().state.insert("a".into(), "new".into());
    for name in ["x", "y"] {
        bench.world.inner.lock().unwrap().state.insert(name.into(), "new".into());
    }
    let sends = member("b").param("value", Value::str("sent"));
    bench.swap(vec![member("a"), sends, toy("x"), toy("y"), receiver], &edges).await;
    bench.until("converged true").await;
    let log = bench.world.log();
    assert!(log.contains(&"refresh y".to_owned()), "{log:?}");
    assert!(!log.contains(&"refresh x".to_owned()), "a had not changed: {log:?}");
    assert_eq!(bench.world.inner.lock().unwrap().state["receiver"], "sent");
}

#[tokio::test]
async fn of_a_group_that_changes_only_what_is_new_counts() {
    let mut bench = Bench::start();
    bench.swap(vec![member("a"), member("b")], &[]).await;
    bench.until("converged true").await;
    bench.world.clear();
    let swapped = bench.swap(vec![member("a"), member("b"), member("c")], &[]).await;
    assert_eq!((swapped.added, swapped.changed, swapped.removed, swapped.kept), (1, 0, 0, 2));
    bench.until("changed c").await;
    bench.until("converged true").await;
    assert_eq!(
        bench.world.log(),
        ["check a+b+c", "apply c"],
        "the old watch has ended, so all are looked at"
    );
    assert_eq!(rows(&bench).await, [row("a", "ok", 0, 0), row("b", "ok", 0, 0), row("c", "ok", 1, 0)]);
    bench.world.clear();
    // Equal again: nothing is restarted.
    let swapped = bench.swap(vec![member("a"), member("b"), member("c")], &[]).await;
    assert_eq!((swapped.added, swapped.changed, swapped.removed, swapped.kept), (0, 0, 0, 3));
    bench.world.damage("b");
    bench.until("changed b").await;
    assert_eq!(bench.world.log(), ["check a+b+c", "apply b"]);
    bench.until("converged true").await;
    bench.world.clear();
    // One leaves, and those that stay are watched on.
    let swapped = bench.swap(vec![member("a"), member("b")], &[]).await;
    assert_eq!((swapped.added, swapped.changed, swapped.removed, swapped.kept), (0, 0, 1, 2));
    while bench.world.log().is_empty() {
        tokio::task::yield_now().await;
    }
    bench.world.damage("a");
    bench.until("changed a").await;
}

#[tokio::test]
async fn a_panic_or_a_stop_concerns_all_that_run_together() {
    let mut bench = Bench::start();
    bench.swap(vec![member("a"), member("b").param("panics", Value::Bool(true))], &[]).await;
    bench.until("failed a: the resource panicked").await;
    bench.until("failed b: the resource panicked").await;
    bench.swap(vec![member("c").param("waits", Value::Bool(true)), member("d")], &[]).await;
    while !bench.world.log().contains(&"apply c+d".to_owned()) {
        tokio::task::yield_now().await;
    }
    bench.engine.stop(StopLevel::Cancel);
    bench.until("stopped").await;
}
