//! Live change: exactly what the difference touches runs.

use mgmt::engine::runtime::snapshot::Rows;
use mgmt::engine::sched::StopLevel;
use mgmt::engine::value::Value;

use super::toy::{Bench, toy};

#[tokio::test]
async fn only_the_touched_vertex_runs() {
    let mut bench = Bench::start();
    bench.swap(vec![toy("a"), toy("b"), toy("c")], &[("a", "b", false)]).await;
    bench.until("converged true").await;
    bench.world.clear();
    let changed = toy("b").param("value", Value::str("other"));
    let swapped =
        bench.swap(vec![toy("a"), changed, toy("d")], &[("a", "b", false), ("d", "a", false)]).await;
    assert_eq!((swapped.added, swapped.removed, swapped.changed, swapped.kept), (1, 1, 1, 1));
    bench.until("changed b").await;
    bench.until("converged true").await;
    let mut log = bench.world.log();
    log.sort();
    assert_eq!(log, ["apply b", "apply d", "check b", "check d"]);
}

#[tokio::test]
async fn a_running_vertex_finishes_before_its_replacement_starts() {
    let mut bench = Bench::start();
    bench.swap(vec![toy("a").param("waits", Value::Bool(true))], &[]).await;
    while !bench.world.log().contains(&"apply a".to_owned()) {
        tokio::task::yield_now().await;
    }
    bench.swap(vec![toy("a").param("value", Value::str("two"))], &[]).await;
    assert_eq!(bench.world.log(), ["check a", "apply a"]);
    bench.world.released.notify_one();
    bench.until("converged true").await;
    assert_eq!(bench.world.log(), ["check a", "apply a", "check a", "apply a"]);
    assert_eq!(bench.world.inner.lock().unwrap().state["a"], "two");
}

#[tokio::test]
async fn what_has_reverse_is_undone_when_it_vanishes() {
    let mut bench = Bench::start();
    bench.world.inner.lock().unwrap().state.insert("a".into(), "before".into());
    bench.swap(vec![toy("a").meta("reverse", Value::Bool(true))], &[]).await;
    bench.until("converged true").await;
    assert_eq!(bench.world.inner.lock().unwrap().state["a"], "new");
    bench.swap(vec![toy("b")], &[]).await;
    bench.until("changed a").await;
    bench.until("converged true").await;
    assert_eq!(bench.world.inner.lock().unwrap().state["a"], "before");
    bench.swap(vec![toy("b")], &[]).await;
    let snapshot = bench.engine.snapshot(Rows::All).await.unwrap();
    assert_eq!(snapshot.rows.len(), 1, "what is undone is forgotten");
}

#[tokio::test]
async fn an_edge_alone_runs_nothing() {
    let mut bench = Bench::start();
    bench.swap(vec![toy("a"), toy("b")], &[]).await;
    bench.until("converged true").await;
    bench.world.clear();
    bench.swap(vec![toy("a"), toy("b")], &[("a", "b", true)]).await;
    bench.world.damage("a");
    bench.until("changed b").await;
    assert_eq!(bench.world.log(), ["check a", "apply a", "check b", "refresh b"]);
}

#[tokio::test]
async fn a_failed_vertex_whose_declaration_changes_is_tried_anew() {
    let mut bench = Bench::start();
    let bad = toy("a").param("fails", Value::Bool(true));
    bench.swap(vec![bad, toy("b")], &[("a", "b", false)]).await;
    bench.until("blocked b by a").await;
    bench.swap(vec![toy("a"), toy("b")], &[("a", "b", false)]).await;
    bench.until("changed b").await;
}

#[tokio::test]
async fn what_leaves_for_good_parts_and_what_changes_or_stops_does_not() {
    let mut bench = Bench::start();
    let parting = |name| toy(name).param("parts", Value::Bool(true));
    bench.swap(vec![parting("a"), parting("b")], &[]).await;
    bench.until("converged true").await;
    bench.swap(vec![parting("a").param("value", Value::str("two"))], &[]).await;
    bench.until("changed a").await;
    while !bench.world.log().contains(&"leave b".to_owned()) {
        tokio::task::yield_now().await;
    }
    bench.engine.stop(StopLevel::Finish);
    bench.until("stopped").await;
    assert_eq!(bench.world.log().iter().filter(|line| line.starts_with("leave")).count(), 1);
}
