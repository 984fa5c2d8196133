//! What is exported, when, and when it is withdrawn.

use std::sync::Arc;

use mgmt::engine::Label;
use mgmt::engine::declaration::Receive;
use mgmt::engine::runtime::snapshot::Rows;
use mgmt::engine::sched::StopLevel;
use mgmt::engine::value::Value;
use mgmt::engine::world::{Audience, Export, ExportId};

use super::toy::{Bench, Spec, toy};
use crate::fake_world::FakeWorld;

fn start(world: &Arc<FakeWorld>) -> Bench {
    Bench::with(|config| config.world = world.clone())
}

fn to(hosts: &[&str]) -> Value {
    Value::List(hosts.iter().map(Value::str).collect())
}

fn exported(name: &'static str) -> Spec {
    toy(name).meta("export", to(&["*"]))
}

fn hidden(name: &'static str) -> Spec {
    exported(name).meta("hidden", Value::Bool(true))
}

#[tokio::test]
async fn what_was_applied_is_exported_then_and_its_successor_waits_for_both() {
    let world = FakeWorld::of("here");
    let mut bench = start(&world);
    let first = exported("a").param("value", Value::str("x")).meta("retry", Value::Int(2));
    bench.swap(vec![first, exported("b")], &[("a", "b", false)]).await;
    bench.until("converged true").await;
    assert_eq!(world.store.log(), ["export a to *", "export b to *"]);
    assert_eq!(bench.world.log(), ["check a", "apply a", "check b", "apply b"]);
    let export = world.store.export("a").unwrap();
    assert_eq!(export.params, [("value".into(), Value::str("x"))].into());
    assert_eq!(export.meta, [("retry".into(), Value::Int(2))].into(), "`export` is about this host");
    bench.engine.stop(StopLevel::Finish);
    bench.until("stopped").await;
    assert_eq!(world.store.exported().len(), 2, "the end of the agent withdraws nothing");
}

#[tokio::test]
async fn what_is_hidden_is_exported_and_neither_built_nor_run() {
    let world = FakeWorld::of("here");
    let mut bench = start(&world);
    // No toy can be built from this.
    let bad = hidden("a").param("value", Value::Bool(true));
    let idle = toy("idle").meta("hidden", Value::Bool(true)).param("value", Value::Bool(true));
    bench.swap(vec![bad, toy("next"), idle], &[("a", "next", false)]).await;
    bench.until("converged true").await;
    assert_eq!(world.store.log(), ["export a to *"]);
    assert_eq!(bench.world.log(), ["check next", "apply next"]);
}

#[tokio::test]
async fn each_host_that_is_named_has_an_export_of_its_own() {
    let world = FakeWorld::of("here");
    let mut bench = start(&world);
    bench.swap(vec![toy("a").meta("export", to(&["y", "x", "y"]))], &[]).await;
    bench.until("converged true").await;
    assert_eq!(world.store.log(), ["export a to x", "export a to y"]);
}

#[tokio::test]
async fn what_leaves_the_graph_is_withdrawn_also_when_an_earlier_run_exported_it() {
    let world = FakeWorld::of("here");
    let label = Label::new("toy", "left behind");
    let id = ExportId { to: Audience::All, label };
    let old = Export { id, params: [].into(), meta: [].into(), ttl: None };
    world.store.put("here", old.clone());
    world.store.put("there", old);
    let mut bench = start(&world);
    bench.swap(vec![exported("a"), exported("b")], &[]).await;
    bench.until("converged true").await;
    assert_eq!(
        world.store.exported(),
        ["here:*:toy[\"a\"]", "here:*:toy[\"b\"]", "there:*:toy[\"left behind\"]"]
    );
    bench.swap(vec![exported("a")], &[]).await;
    assert_eq!(world.store.log().last().unwrap(), "withdraw b from *");
}

#[tokio::test]
async fn what_exports_while_it_leaves_is_withdrawn_in_the_end() {
    let world = FakeWorld::of("here");
    let mut bench = start(&world);
    bench.swap(vec![exported("slow").param("waits", Value::Bool(true))], &[]).await;
    while !bench.world.log().contains(&"apply slow".to_owned()) {
        tokio::task::yield_now().await;
    }
    bench.swap(vec![toy("other")], &[]).await;
    bench.world.released.notify_one();
    bench.until("changed slow").await;
    bench.until("converged true").await;
    assert_eq!(world.store.log(), ["export slow to *", "withdraw slow from *"]);
}

#[tokio::test]
async fn noop_says_what_it_would_export_and_touches_nothing() {
    let world = FakeWorld::of("here");
    let old = ExportId { to: Audience::All, label: Label::new("toy", "old") };
    world.store.put("here", Export { id: old, params: [].into(), meta: [].into(), ttl: None });
    let mut bench = Bench::with(|config| {
        config.world = world.clone();
        config.noop = true;
    });
    bench.swap(vec![hidden("a"), toy("b").meta("export", to(&["x"]))], &[]).await;
    bench.until("converged true").await;
    let snapshot = bench.engine.snapshot(Rows::All).await.unwrap();
    assert_eq!(snapshot.rows[0].would_change, ["exported: not yet -> to every host"]);
    assert_eq!(snapshot.rows[1].would_change, ["value: absent -> new", "exported: not yet -> to x"]);
    assert_eq!((world.store.log(), world.store.exported().len()), (vec![], 1));
}

#[tokio::test]
async fn an_export_alone_is_a_change_that_refreshes_nobody() {
    let world = FakeWorld::of("here");
    let mut bench = start(&world);
    bench.swap(vec![toy("a"), toy("next")], &[("a", "next", true)]).await;
    bench.until("converged true").await;
    bench.world.clear();
    bench.swap(vec![exported("a"), toy("next")], &[("a", "next", true)]).await;
    bench.until("changed a").await;
    while !bench.engine.snapshot(Rows::Notable).await.unwrap().settled {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.world.log(), ["check a"]);
    assert_eq!(world.store.exported(), ["here:*:toy[\"a\"]"]);
}

#[tokio::test]
async fn an_export_that_fails_is_tried_again_and_the_change_before_it_still_refreshes() {
    let world = FakeWorld::of("here");
    world.store.refuse(true);
    let mut bench = start(&world);
    let first = exported("a").meta("retry", Value::Int(-1)).meta("delay", Value::Int(1));
    bench.swap(vec![first, toy("next")], &[("a", "next", true)]).await;
    bench.until("failed a: cannot export: the store refuses: it was told to").await;
    world.store.refuse(false);
    bench.until("recovered a").await;
    bench.until("converged true").await;
    let log = bench.world.log();
    assert_eq!(log.iter().filter(|line| *line == "apply a").count(), 1, "it was right already: {log:?}");
    assert!(log.iter().any(|line| line.ends_with(" next") && !line.starts_with("check")), "{log:?}");
    assert_eq!(world.store.log(), ["export a to *"]);
}

#[tokio::test]
async fn a_received_value_is_exported_as_it_is_received() {
    let world = FakeWorld::of("here");
    let mut bench = start(&world);
    let mut receiver = hidden("to");
    receiver.receives =
        vec![Receive { param: "value", from: Label::new("toy", "from"), key: "value".into(), entry: None }];
    let from = toy("from").param("value", Value::str("sent"));
    bench.swap(vec![from, receiver], &[("from", "to", false)]).await;
    bench.until("converged true").await;
    assert_eq!(world.store.export("to").unwrap().params["value"], Value::str("sent"));
}
