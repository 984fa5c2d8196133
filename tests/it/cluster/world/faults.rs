//! What holds while a store misbehaves.

use std::time::{Duration, Instant};

use mgmt::cluster::fake::Faults;
use mgmt::engine::world::{Deadline, Slot, World as _, WorldError, Written};

use super::stage::{Stage, Stores, soon, until};

fn slot(key: &str) -> Slot {
    Slot::Shared { key: key.into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_is_lost_is_made_once() {
    let stage = Stage::over(Stores::Fake).await;
    let a = stage.host("a");
    a.strings().set(&slot("k"), Some("0"), soon()).await.unwrap();
    stage.faults(Faults {
        failing_percent: 50,
        after_the_fact: true,
        only: "KV/Txn".into(),
        ..Faults::default()
    });
    for text in ["1", "2", "3", "4", "5", "6"] {
        a.strings().set(&slot("k"), Some(text), soon()).await.unwrap();
    }
    stage.faults(Faults::default());
    let mut client = etcd_client::Client::connect([stage.endpoint()], None).await.unwrap();
    let found = client.get("/_mgmt/strings/shared/k", None).await.unwrap();
    assert_eq!((found.kvs()[0].value(), found.kvs()[0].version()), (&b"6"[..], 7));
    let seq = client.get("/_mgmt/host/a/seq", None).await.unwrap();
    assert_eq!(seq.kvs()[0].value(), b"7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_store_is_left_alone_for_as_long_as_it_asks() {
    let stage = Stage::over(Stores::Fake).await;
    let a = stage.host("a");
    a.strings().set(&slot("k"), Some("0"), soon()).await.unwrap();
    stage.faults(Faults {
        failing_percent: 50,
        retry_after_ms: Some(300),
        only: "KV/Txn".into(),
        ..Faults::default()
    });
    let began = Instant::now();
    a.strings().set(&slot("k"), Some("1"), soon()).await.unwrap();
    a.strings().set(&slot("k"), Some("2"), soon()).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(300), "it came back after {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_end_at_their_deadline_and_what_could_not_be_written_waits() {
    let stage = Stage::over(Stores::Fake).await;
    let (a, b) = (stage.host("a"), stage.host("b"));
    let mut seen = b.strings().follow(&slot("k"));
    a.strings().set(&slot("k"), Some("0"), soon()).await.unwrap();
    until(&mut seen, |seen| seen.value.as_deref() == Some("0")).await;
    stage.faults(Faults { leaderless: true, ..Faults::default() });
    let soon_over = || Deadline::after(Duration::from_millis(300));
    let read = a.strings().get(&slot("other"), soon_over()).await;
    assert!(matches!(read, Err(WorldError::Late { .. } | WorldError::Away { .. })), "{read:?}");
    assert_eq!(a.strings().set(&slot("k"), Some("1"), soon_over()).await, Ok(Written::Queued));
    stage.faults(Faults::default());
    until(&mut seen, |seen| seen.value.as_deref() == Some("1") && seen.stale.is_none()).await;
}
