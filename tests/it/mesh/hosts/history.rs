//! What the store was told, in its order.

use etcd_client::{Client, EventType, GetOptions, WatchOptions};

use super::fleet::Fleet;
use crate::cluster::hosts::member::{PATIENCE, client};
use crate::cluster::hosts::net::Place;

/// The writes below a prefix, up to those that are there now, as a host's store remembers them: each key's last part, and
/// its value.
pub fn writes(fleet: &Fleet, host: usize, prefix: &str) -> Vec<(String, String)> {
    let url = format!("http://{}", Fleet::address(host));
    fleet.net.at(Place::Outside, || async {
        let mut client = client(&url).await;
        let last = newest(&mut client, prefix).await;
        let options = WatchOptions::new().with_prefix().with_start_revision(1);
        let mut told = client.watch(prefix, Some(options)).await.unwrap();
        let mut writes = Vec::new();
        loop {
            let events = told.message().await.unwrap().expect("the watch goes on");
            for event in events.events() {
                assert_eq!(event.event_type(), EventType::Put);
                let kv = event.kv().unwrap();
                let key = kv.key_str().unwrap().rsplit('/').next().unwrap().to_owned();
                writes.push((key, kv.value_str().unwrap().to_owned()));
            }
            // Those of one revision are told together.
            if events.events().last().is_some_and(|event| event.kv().unwrap().mod_revision() == last) {
                return writes;
            }
        }
    })
}

/// The revision of the newest key below a prefix. Leaders may still change.
async fn newest(client: &mut Client, prefix: &str) -> i64 {
    let found = async {
        loop {
            if let Ok(found) = client.get(prefix, Some(GetOptions::new().with_prefix())).await {
                return found.kvs().iter().map(etcd_client::KeyValue::mod_revision).max().unwrap();
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the store can be read")
}
