//! A client that watches, and goes on elsewhere, where it left off, when its stream ends.

use std::collections::BTreeMap;
use std::time::Duration;

use etcd_client::{Client, ConnectOptions, WatchOptions};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_local};

use super::member;

/// A stream that is silent for so long, while others write, is given up.
const SILENCE: Duration = Duration::from_secs(3);

/// What one client saw.
pub struct Watcher {
    seen: watch::Receiver<Vec<(i64, String)>>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// Watches a prefix from this revision on, at this member first.
    pub fn start(urls: &[String], first: usize, prefix: &str, from: i64) -> Self {
        let (tell, seen) = watch::channel(Vec::new());
        let task = spawn_local(follow(urls.to_vec(), first, prefix.to_owned(), from, tell));
        Self { seen, task }
    }

    /// Waits until it has seen this revision. Each of these writes was told once, in order, and nothing else was.
    pub async fn assert_saw(mut self, keys: &BTreeMap<String, i64>) {
        let mut expected: Vec<(i64, String)> =
            keys.iter().map(|(key, revision)| (*revision, key.clone())).collect();
        expected.sort_unstable();
        let last = expected.last().map_or(0, |last| last.0);
        let reached = self.seen.wait_for(|seen| seen.last().is_some_and(|seen| seen.0 >= last));
        let reached =
            tokio::time::timeout(member::PATIENCE, reached).await.is_ok_and(|reached| reached.is_ok());
        self.task.abort();
        let seen = self.seen.borrow();
        let wrong = seen.iter().zip(&expected).find(|(seen, expected)| seen != expected);
        assert_eq!(wrong, None, "an event is missing or repeated");
        assert_eq!(seen.len(), expected.len(), "events are missing at the end, or came too often");
        assert!(reached, "the last event did not come");
    }
}

async fn follow(
    urls: Vec<String>,
    first: usize,
    prefix: String,
    mut next: i64,
    seen: watch::Sender<Vec<(i64, String)>>,
) {
    let options = ConnectOptions::new().with_connect_timeout(Duration::from_secs(1));
    for url in urls.iter().cycle().skip(first) {
        let Ok(mut client) = Client::connect([url], Some(options.clone())).await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let from = WatchOptions::new().with_prefix().with_start_revision(next);
        let Ok(Ok(mut stream)) = tokio::time::timeout(SILENCE, client.watch(&*prefix, Some(from))).await
        else {
            continue;
        };
        while let Ok(Ok(Some(told))) = tokio::time::timeout(SILENCE, stream.message()).await {
            assert!(!told.canceled(), "the watch was cancelled: {}", told.cancel_reason());
            for event in told.events() {
                let kv = event.kv().unwrap();
                next = kv.mod_revision() + 1;
                seen.send_modify(|seen| seen.push((kv.mod_revision(), kv.key_str().unwrap().to_owned())));
            }
        }
    }
}
