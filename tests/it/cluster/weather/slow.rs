//! Watchers that do not read.

use etcd_client::{Client, EventType, WatchOptions, WatchStream};

use super::super::processes::Cluster;

const EVENTS: usize = 1_600;
const VALUE: usize = 64 << 10;
const SLOW: usize = 8;
/// Data, log and what a process takes anyway are about 300 MB; the events of each watcher would be another 100 MB.
const BOUND: u64 = 600 << 20;

async fn watch(client: &mut Client) -> WatchStream {
    let mut watching = client.watch("k", Some(WatchOptions::new().with_prefix())).await.unwrap();
    if watching.message().await.unwrap().unwrap().created() {
        return watching;
    }
    panic!("the watch is created first");
}

/// Reads all events of the test; each is one revision after the one before.
async fn read_all(watching: &mut WatchStream) {
    let mut next = None;
    let mut seen = 0;
    while seen < EVENTS {
        let answer = watching.message().await.unwrap().unwrap();
        for event in answer.events() {
            let kv = event.kv().unwrap();
            assert_eq!((event.event_type(), kv.value().len()), (EventType::Put, VALUE));
            assert_eq!(next.unwrap_or(kv.mod_revision()), kv.mod_revision());
            next = Some(kv.mod_revision() + 1);
            seen += 1;
        }
    }
}

#[tokio::test]
async fn a_watcher_that_does_not_read_holds_up_nobody_and_takes_no_memory_and_misses_nothing() {
    let cluster = Cluster::of(1, &[]);
    let process = cluster.start().await.pop().unwrap();
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        // Each has a connection of its own, and nobody takes what comes on it.
        slow.push(watch(&mut process.client().await).await);
    }
    let mut quick = watch(&mut process.client().await).await;
    let mut writer = process.client().await;
    let writing = tokio::spawn(async move {
        for number in 0..EVENTS {
            writer.put(format!("k{}", number % 100), vec![b'v'; VALUE], None).await.unwrap();
        }
    });
    // While none of the others has read anything.
    read_all(&mut quick).await;
    writing.await.unwrap();
    let memory = process.memory();
    assert!(memory < BOUND, "{} MB", memory >> 20);
    for watching in &mut slow {
        read_all(watching).await;
    }
}
