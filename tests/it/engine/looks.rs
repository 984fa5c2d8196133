//! Looking at a running engine: the most urgent first, and no more than was asked for.

use mgmt::engine::runtime::look::Look;
use mgmt::engine::runtime::snapshot::{Rows, Snapshot};
use mgmt::engine::value::Value;

use super::toy::{Bench, toy};

fn names(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.rows.iter().map(|row| &*row.label.name).collect()
}

#[tokio::test]
async fn a_limited_look_has_the_most_urgent_first_and_counts_the_rest() {
    let mut bench = Bench::start();
    let bad = toy("zz").param("fails", Value::Bool(true));
    bench.swap(vec![toy("a"), toy("b"), bad, toy("next")], &[("zz", "next", false)]).await;
    bench.until("converged true").await;
    let look = Look { limit: Some(2), slowest: 1, ..Look::from(Rows::All) };
    let snapshot = bench.engine.look(look).await.unwrap();
    assert_eq!((names(&snapshot), snapshot.omitted), (vec!["zz", "next"], 2));
    assert_eq!((snapshot.slowest.len(), snapshot.counts.total(), snapshot.settled), (1, 4, true));
    let notable = bench.engine.snapshot(Rows::Notable).await.unwrap();
    assert_eq!((names(&notable), notable.omitted), (vec!["next", "zz"], 0));
}

#[tokio::test]
async fn a_search_finds_in_all_whatever_their_state() {
    let mut bench = Bench::start();
    bench.swap(vec![toy("motd"), toy("hosts")], &[]).await;
    bench.until("converged true").await;
    let look = Look { find: Some("MOT".into()), ..Look::from(Rows::Notable) };
    assert_eq!(names(&bench.engine.look(look).await.unwrap()), ["motd"]);
}

#[tokio::test]
async fn a_census_counts_by_kind_and_state() {
    let mut bench = Bench::start();
    let bad = toy("bad").param("fails", Value::Bool(true));
    bench.swap(vec![toy("a"), bad], &[]).await;
    bench.until("converged true").await;
    let census = bench.engine.census().await.unwrap();
    let counts: Vec<(u32, u32)> = census.values().map(|counts| (counts.ok, counts.failed)).collect();
    assert_eq!(counts, [(1, 1)]);
}
