//! What holds while the store is away, and when it is back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mgmt::cluster::link::Standing;
use mgmt::cluster::world::Client;
use mgmt::engine::world::{Deadline, Slot, World as _, WorldError, Written};
use mgmt::engine::{Class, ResourceError};

use super::stage::{Stage, Stores, soon, until};

fn slot(key: &str) -> Slot {
    Slot::Shared { key: key.into() }
}

async fn away(client: &Arc<Client>) {
    let mut standing = client.link().follow();
    let is_away = |standing: &Standing| matches!(standing, Standing::Away(_));
    let gone = tokio::time::timeout(Duration::from_secs(30), standing.wait_for(is_away)).await;
    gone.expect("the link did not notice").unwrap();
}

async fn writes_wait_and_are_made_once_and_in_order(stores: Stores) {
    let mut stage = Stage::over(stores).await;
    let (a, b) = (stage.host("a"), stage.host("b"));
    let mut seen = b.strings().follow(&slot("k"));
    a.strings().set(&slot("k"), Some("0"), soon()).await.unwrap();
    until(&mut seen, |seen| seen.value.as_deref() == Some("0")).await;
    stage.process().kill();
    away(&a).await;
    for text in ["1", "2", "3"] {
        assert_eq!(a.strings().set(&slot("k"), Some(text), soon()).await, Ok(Written::Queued));
    }
    assert_eq!(a.strings().get(&slot("k"), soon()).await.unwrap().value.as_deref(), Some("3"));
    until(&mut seen, |seen| seen.stale.is_some()).await;
    // The agent ends as well; the next one writes what it has left.
    drop(a);
    let a = stage.host("a");
    assert_eq!(a.strings().get(&slot("k"), soon()).await.unwrap().value.as_deref(), Some("3"));
    stage.process().start_again();
    until(&mut seen, |seen| seen.value.as_deref() == Some("3") && seen.stale.is_none()).await;
    // Values between were never the newest when the store was there.
    let mut client = etcd_client::Client::connect([stage.endpoint()], None).await.unwrap();
    let found = client.get("/_mgmt/strings/shared/k", None).await.unwrap();
    assert_eq!(found.kvs()[0].version(), 2);
    // And nothing of it is written again by the next.
    drop(a);
    client.put("/_mgmt/strings/shared/k", "by another", None).await.unwrap();
    let a = stage.host("a");
    a.strings().set(&slot("other"), Some("1"), soon()).await.unwrap();
    assert_eq!(a.strings().get(&slot("k"), soon()).await.unwrap().value.as_deref(), Some("by another"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_wait_while_our_store_is_away() {
    writes_wait_and_are_made_once_and_in_order(Stores::Ours).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_wait_while_etcd_is_away() {
    writes_wait_and_are_made_once_and_in_order(Stores::Etcd).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_may_wait_is_refused_for_now_and_what_waits_is_written() {
    let mut stage = Stage::over(Stores::Ours).await;
    let (a, b) = (stage.host("a"), stage.host("b"));
    let mut seen = b.strings().follow_all("");
    a.strings().set(&slot("k"), Some("0"), soon()).await.unwrap();
    until(&mut seen, |seen| seen.value.len() == 1).await;
    stage.process().kill();
    away(&a).await;
    let large = "x".repeat(1 << 20);
    let mut kept = 0;
    let full = loop {
        match a.strings().set(&slot(&format!("k{kept}")), Some(&large), soon()).await {
            Ok(written) => assert_eq!(written, Written::Queued),
            Err(error) => break error,
        }
        kept += 1;
    };
    assert_eq!(kept, 63, "64 MiB, with the names");
    let too_large = a.strings().set(&slot("k"), Some(&large.repeat(2)), soon()).await;
    assert!(matches!(too_large, Err(WorldError::TooLarge { .. })), "{too_large:?}");
    assert!(matches!(full, WorldError::OutboxFull { count: 63, .. }), "{full:?}");
    assert!(full.hint().is_some_and(|hint| hint.contains("when the store is back")));
    assert_eq!(ResourceError::from(full).class(), Class::Transient);
    stage.process().start_again();
    until(&mut seen, |seen| seen.value.len() == 1 + kept && seen.stale.is_none()).await;
    a.strings().set(&slot("k63"), Some(&large), soon()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_seen_is_seen_again_by_a_host_that_starts_without_the_store() {
    let mut stage = Stage::over(Stores::Ours).await;
    let a = stage.host("a");
    a.strings().set(&slot("k"), Some("1"), soon()).await.unwrap();
    let mut seen = a.strings().follow_all("");
    until(&mut seen, |seen| seen.value.len() == 1).await;
    // It is kept a moment later, or when the watcher ends.
    drop(a);
    assert!(seen.changed().await.is_none());
    stage.process().kill();
    let a = stage.host("a");
    let mut seen = a.strings().follow_all("");
    until(&mut seen, |seen| seen.value.len() == 1 && seen.stale.is_some()).await;
    let late = a.strings().get(&slot("k"), Deadline::after(Duration::from_millis(50))).await;
    assert!(late.is_err(), "nobody can say what it is now: {late:?}");
    stage.process().start_again();
    until(&mut seen, |seen| seen.stale.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_goes_on_where_it_was_also_when_the_store_has_forgotten_that_moment() {
    let mut stage = Stage::over(Stores::Ours).await;
    let a = stage.host("a");
    let mut seen = a.strings().follow_all("");
    for at in 0..10 {
        a.strings().set(&slot(&format!("k{at}")), Some("1"), soon()).await.unwrap();
    }
    until(&mut seen, |seen| seen.value.len() == 10).await;
    // Through a port that is closed while others write and compact.
    stage.process().kill();
    away(&a).await;
    let hidden = stage.host("b");
    stage.process().start_again();
    let mut client = etcd_client::Client::connect([stage.endpoint()], None).await.unwrap();
    for at in 0..5 {
        client.delete(format!("/_mgmt/strings/shared/k{at}"), None).await.unwrap();
    }
    let last = client.put("/_mgmt/strings/shared/new", "1", None).await.unwrap();
    client.compact(last.header().unwrap().revision(), None).await.unwrap();
    until(&mut seen, |seen| seen.value.contains_key("new")).await;
    let keys: BTreeSet<String> = seen.now().unwrap().value.keys().map(ToString::to_string).collect();
    assert_eq!(keys, ["k5", "k6", "k7", "k8", "k9", "new"].map(str::to_owned).into());
    drop(hidden);
}
