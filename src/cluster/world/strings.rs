//! Texts by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::Client;
use super::keys;
use super::mirror::Entry;
use super::outbox::Write;
use super::txn;
use super::view::{follow_map, follow_one};
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::link::Link;
use crate::engine::world::{Deadline, Follow, HostName, Seen, Slot, Strings, Texts, WorldError, Written};

#[async_trait]
impl Strings for Client {
    async fn get(&self, slot: &Slot, by: Deadline) -> Result<Seen<Option<Arc<str>>>, WorldError> {
        let operation = "read a string";
        let key = keys::string(slot);
        // What waits to be written is what this host has said last.
        if let Some(waits) = self.writer.pending(key.as_bytes()) {
            let value = waits.as_deref().map(text).transpose();
            return Ok(Seen {
                value: value.map_err(|why| unreadable(operation, &key, why))?,
                stale: self.away_since(),
            });
        }
        let request = pb::RangeRequest { key: key.clone().into(), ..Default::default() };
        let found = self
            .link
            .ask(operation, by, |line, by| {
                let request = request.clone();
                async move { line.range(request, by).await }
            })
            .await?;
        let value = found.kvs.first().map(|kv| text(&kv.value)).transpose();
        Ok(Seen::fresh(value.map_err(|why| unreadable(operation, &key, why))?))
    }

    async fn set(&self, slot: &Slot, text: Option<&str>, by: Deadline) -> Result<Written, WorldError> {
        let operation = "write a string";
        if let Some(bytes) = text.map(str::len).filter(|bytes| *bytes > self.value_limit) {
            return Err(WorldError::TooLarge { operation, bytes, limit: self.value_limit });
        }
        let write = Write {
            key: keys::string(slot).into(),
            value: text.map(|text| Bytes::copy_from_slice(text.as_bytes())),
            leased: false,
        };
        self.writer.write(operation, write, by).await
    }

    async fn replace(
        &self,
        slot: &Slot,
        from: Option<&str>,
        to: Option<&str>,
        by: Deadline,
    ) -> Result<bool, WorldError> {
        let key = Bytes::from(keys::string(slot));
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        replace_key(&self.link, "write a string", key, from.map(bytes), to.map(bytes), by).await
    }

    fn follow(&self, slot: &Slot) -> Follow<Option<Arc<str>>> {
        follow_one(&self.watcher, keys::string(slot), entry_text)
    }

    fn follow_hosts(&self, key: &str) -> Follow<Texts> {
        let prefix = keys::strings_of_hosts(key);
        let range = keys::under(&prefix);
        follow_map(&self.watcher, &[range], move |key, entry| {
            let host: HostName = keys::last_part(&prefix, key)?.parse().ok()?;
            Some((host, entry.and_then(entry_text)))
        })
    }

    async fn list(&self, prefix: &str, by: Deadline) -> Result<Vec<(Arc<str>, Arc<str>)>, WorldError> {
        let range = keys::under(&format!("{}{prefix}", keys::SHARED_STRINGS));
        let entries = self.read_all("read strings", &range, by).await?;
        let named = entries.iter().filter_map(|(key, entry)| {
            Some((keys::last_part(keys::SHARED_STRINGS, key)?.into(), entry_text(entry)?))
        });
        Ok(named.collect())
    }

    fn follow_all(&self, prefix: &str) -> Follow<Arc<BTreeMap<Arc<str>, Arc<str>>>> {
        let range = keys::under(&format!("{}{prefix}", keys::SHARED_STRINGS));
        follow_map(&self.watcher, &[range], |key, entry| {
            Some((keys::last_part(keys::SHARED_STRINGS, key)?.into(), entry.and_then(entry_text)))
        })
    }
}

/// Changes a key from one value to another; `false`: it was not what it was taken for.
pub(super) async fn replace_key(
    link: &Link,
    operation: &'static str,
    key: Bytes,
    from: Option<Bytes>,
    to: Option<Bytes>,
    by: Deadline,
) -> Result<bool, WorldError> {
    let was = match from {
        Some(from) => txn::holds(&key, from),
        None => txn::is_absent(&key),
    };
    let change = match to.clone() {
        Some(value) => txn::put(&key, value),
        None => txn::delete(&key),
    };
    let request =
        pb::TxnRequest { compare: vec![was], success: vec![change], failure: vec![txn::look(&key)] };
    let answer = link.transact(operation, by, request).await?;
    if answer.succeeded {
        return Ok(true);
    }
    // An earlier attempt may have done it, its answer lost.
    let now = txn::read(answer).next().and_then(|range| range.kvs.into_iter().next()).map(|kv| kv.value);
    Ok(now == to)
}

/// Texts of another writer may be none.
fn entry_text(entry: &Entry) -> Option<Arc<str>> {
    text(&entry.value).ok()
}

fn text(value: &[u8]) -> Result<Arc<str>, std::str::Utf8Error> {
    std::str::from_utf8(value).map(Arc::from)
}

fn unreadable(operation: &'static str, key: &str, why: std::str::Utf8Error) -> WorldError {
    WorldError::Unreadable { operation, key: key.to_owned(), why: why.to_string() }
}
