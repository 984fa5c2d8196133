//! One graph: order, failure, retry, refresh, send and receive, noop, stop.

use mgmt::engine::Label;
use mgmt::engine::declaration::Receive;
use mgmt::engine::runtime::snapshot::Rows;
use mgmt::engine::sched::StopLevel;
use mgmt::engine::value::Value;

use super::toy::{Bench, toy};

#[tokio::test]
async fn a_chain_runs_in_its_order() {
    let mut bench = Bench::start();
    bench.swap(vec![toy("c"), toy("a"), toy("b")], &[("a", "b", false), ("b", "c", false)]).await;
    bench.until("converged true").await;
    assert_eq!(bench.world.log(), ["check a", "apply a", "check b", "apply b", "check c", "apply c"]);
}

#[tokio::test]
async fn drift_is_repaired_and_an_unchanged_successor_does_not_run() {
    let mut bench = Bench::start();
    bench.swap(vec![toy("a"), toy("b")], &[("a", "b", false)]).await;
    bench.until("converged true").await;
    bench.world.clear();
    bench.world.damage("a");
    bench.until("changed a").await;
    bench.until("converged true").await;
    assert_eq!(bench.world.log(), ["check a", "apply a"]);
}

#[tokio::test]
async fn a_change_refreshes_along_notify_edges_once() {
    let mut bench = Bench::start();
    bench.swap(vec![toy("a"), toy("b")], &[("a", "b", true)]).await;
    bench.until("converged true").await;
    bench.world.clear();
    bench.world.damage("a");
    bench.until("changed b").await;
    bench.until("converged true").await;
    assert_eq!(bench.world.log(), ["check a", "apply a", "check b", "refresh b"]);
}

#[tokio::test]
async fn a_failure_blocks_what_follows_by_name_and_nothing_else() {
    let mut bench = Bench::start();
    let bad = toy("bad").param("fails", Value::Bool(true));
    bench
        .swap(
            vec![bad, toy("next"), toy("last"), toy("free")],
            &[("bad", "next", false), ("next", "last", false)],
        )
        .await;
    bench.until("blocked next by bad").await;
    bench.until("blocked last by bad").await;
    bench.until("converged true").await;
    let snapshot = bench.engine.snapshot(Rows::All).await.unwrap();
    assert_eq!((snapshot.counts.ok, snapshot.counts.failed, snapshot.counts.blocked), (1, 1, 2));
}

#[tokio::test]
async fn a_failed_vertex_is_tried_again_as_often_as_it_says() {
    let mut bench = Bench::start();
    let bad = toy("bad").param("fails", Value::Bool(true)).meta("retry", Value::Int(2));
    bench.swap(vec![bad], &[]).await;
    bench.until("converged true").await;
    assert_eq!(bench.world.log().iter().filter(|line| *line == "apply bad").count(), 3);
}

#[tokio::test]
async fn a_panic_fails_its_own_vertex_only() {
    let mut bench = Bench::start();
    bench.swap(vec![toy("bad").param("panics", Value::Bool(true)), toy("good")], &[]).await;
    bench.until("failed bad: the resource panicked: it was told to panic").await;
    bench.until("converged true").await;
    assert!(bench.world.log().contains(&"apply good".to_owned()));
}

#[tokio::test]
async fn noop_changes_nothing_and_converges() {
    let mut bench = Bench::with(|config| config.noop = true);
    bench.swap(vec![toy("a"), toy("b")], &[("a", "b", true)]).await;
    bench.until("converged true").await;
    assert_eq!(bench.world.log(), ["check a", "check b"]);
    let snapshot = bench.engine.snapshot(Rows::All).await.unwrap();
    assert_eq!(snapshot.rows[0].would_change, ["value: absent -> new"]);
}

#[tokio::test]
async fn a_received_value_becomes_a_parameter_and_a_new_one_runs_the_receiver_again() {
    let mut bench = Bench::start();
    let receiver = || {
        let mut receiver = toy("to");
        receiver.receives = vec![Receive {
            param: "value",
            from: Label::new("toy", "from"),
            key: "value".into(),
            entry: None,
        }];
        receiver
    };
    let edges = [("from", "to", false)];
    bench.swap(vec![toy("from").param("value", Value::str("one")), receiver()], &edges).await;
    bench.until("converged true").await;
    assert_eq!(bench.world.inner.lock().unwrap().state["to"], "one");
    bench.swap(vec![toy("from").param("value", Value::str("two")), receiver()], &edges).await;
    bench.until("changed to").await;
    assert_eq!(bench.world.inner.lock().unwrap().state["to"], "two");
}

#[tokio::test]
async fn stop_lets_a_run_finish_and_starts_nothing_new() {
    let mut bench = Bench::start();
    let slow = toy("slow").param("waits", Value::Bool(true));
    bench.swap(vec![slow, toy("next")], &[("slow", "next", false)]).await;
    while !bench.world.log().contains(&"apply slow".to_owned()) {
        tokio::task::yield_now().await;
    }
    bench.engine.stop(StopLevel::Finish);
    bench.world.released.notify_one();
    bench.until("stopped").await;
    assert_eq!(bench.world.log(), ["check slow", "apply slow"]);
}

#[tokio::test]
async fn a_second_stop_cancels_what_runs() {
    let mut bench = Bench::start();
    bench.swap(vec![toy("slow").param("waits", Value::Bool(true))], &[]).await;
    while !bench.world.log().contains(&"apply slow".to_owned()) {
        tokio::task::yield_now().await;
    }
    bench.engine.stop(StopLevel::Finish);
    bench.engine.stop(StopLevel::Cancel);
    bench.until("stopped").await;
}

#[tokio::test]
async fn a_run_that_takes_too_long_fails() {
    let mut bench = Bench::start();
    let slow = toy("slow").param("waits", Value::Bool(true)).meta("timeout", Value::Int(50));
    bench.swap(vec![slow], &[]).await;
    bench.until("failed slow: not done after 50 ms").await;
    bench.until("converged true").await;
}

#[tokio::test]
async fn a_semaphore_admits_as_many_as_it_counts() {
    let mut bench = Bench::start();
    let holder = |name| {
        toy(name).meta("sema", Value::List([Value::str("s")].into())).param("waits", Value::Bool(true))
    };
    bench.swap(vec![holder("a"), holder("b"), toy("free")], &[]).await;
    bench.until("changed free").await;
    while !bench.world.log().contains(&"apply a".to_owned()) {
        tokio::task::yield_now().await;
    }
    assert!(!bench.world.log().contains(&"check b".to_owned()));
    bench.world.released.notify_one();
    bench.until("changed a").await;
    bench.world.released.notify_one();
    bench.until("changed b").await;
}
