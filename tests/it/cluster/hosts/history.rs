//! What clients were told, and whether the store kept to it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use etcd_client::{Client, GetOptions};

/// A write that was acknowledged.
#[derive(Clone, Debug)]
pub struct Ack {
    pub key: String,
    pub revision: i64,
    /// When it was asked for.
    pub asked: Instant,
    pub told: Instant,
}

/// All keys of a store with the revisions that wrote them, as one member has them.
pub async fn keys_of(client: &mut Client, prefix: &str, serializable: bool) -> BTreeMap<String, i64> {
    let mut options = GetOptions::new().with_prefix();
    if serializable {
        options = options.with_serializable();
    }
    let reply = client.get(prefix, Some(options)).await.unwrap();
    reply.kvs().iter().map(|kv| (kv.key_str().unwrap().to_owned(), kv.mod_revision())).collect()
}

/// Each acknowledged write is there, under the revision that was told.
pub fn assert_kept(acks: &[Ack], keys: &BTreeMap<String, i64>) {
    for ack in acks {
        let kept = keys.get(&ack.key);
        assert_eq!(kept, Some(&ack.revision), "{} was acknowledged with revision {}", ack.key, ack.revision);
    }
}

/// How long after each of these moments a write that was asked for later was acknowledged.
pub fn pauses(acks: &[Ack], moments: &[Instant]) -> Vec<Duration> {
    let after = |moment: &Instant| {
        let later = acks.iter().filter(|ack| ack.asked > *moment);
        later.map(|ack| ack.told.duration_since(*moment)).min().expect("no write was acknowledged any more")
    };
    moments.iter().map(after).collect()
}
