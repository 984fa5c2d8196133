//! Content by its hash.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;

use super::Client;
use super::keys;
use super::txn;
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::link::Line;
use crate::engine::world::{Blobs, ContentHash, Deadline, DeployId, Deploys as _, Upload, WorldError};

/// The longest chunk, in bytes: etcd takes requests of 1.5 MiB, and a smaller one lets others in between.
const CHUNK_BYTES: usize = 512 << 10;
/// Keys that are asked for at once.
const AT_ONCE: usize = 100;

#[async_trait]
impl Blobs for Client {
    fn chunk_bytes(&self) -> usize {
        CHUNK_BYTES
    }

    async fn begin_upload(&self, by: Deadline) -> Result<Upload, WorldError> {
        let operation = "store blobs";
        let lease = self.session.lease(operation, by).await?.id;
        let number = getrandom::u64()
            .map_err(|error| WorldError::Refused { operation, why: format!("no random number: {error}") })?;
        let key = keys::upload(&self.host, number);
        let put = txn::put_leased(&key, Bytes::new(), lease);
        self.link.transact(operation, by, txn::always(vec![put])).await.map(|_| Upload(key))
    }

    async fn missing(&self, hashes: &[ContentHash], by: Deadline) -> Result<Vec<ContentHash>, WorldError> {
        let mut missing = Vec::new();
        for some in hashes.chunks(AT_ONCE) {
            let ask = some.iter().map(|hash| txn::count(keys::blob(hash))).collect();
            let answer = self.link.transact("read blobs", by, txn::always(ask)).await?;
            let found = some.iter().zip(txn::read(answer));
            missing.extend(found.filter(|(_, range)| range.count == 0).map(|(hash, _)| *hash));
        }
        Ok(missing)
    }

    async fn put(&self, content: Bytes, by: Deadline) -> Result<ContentHash, WorldError> {
        let operation = "store a blob";
        if content.len() > CHUNK_BYTES {
            return Err(WorldError::TooLarge { operation, bytes: content.len(), limit: CHUNK_BYTES });
        }
        let hash = ContentHash::of(&content);
        let key = keys::blob(&hash);
        let added = txn::when(vec![txn::is_absent(&key)], vec![txn::put(&key, content)]);
        self.link.transact(operation, by, added).await.map(|_| hash)
    }

    async fn get(&self, hash: &ContentHash, by: Deadline) -> Result<Bytes, WorldError> {
        let operation = "read a blob";
        let key = keys::blob(hash);
        let request = pb::RangeRequest { key: key.clone().into(), ..Default::default() };
        let found = self.link.ask(operation, by, |line: Line, by| {
            let request = request.clone();
            async move { line.range(request, by).await }
        });
        let found = found.await?.kvs.into_iter().next();
        let content = found.ok_or_else(|| WorldError::Missing { what: format!("blob {hash}") })?.value;
        if ContentHash::of(&content) != *hash {
            let why = "its content has another hash".to_owned();
            return Err(WorldError::Unreadable { operation, key, why });
        }
        Ok(content)
    }

    async fn collect_garbage(&self, by: Deadline) -> Result<usize, WorldError> {
        let deploys = self.list(by).await?;
        let newest = deploys.last().map(|deploy| deploy.id).unwrap_or_default();
        let named: BTreeSet<String> = deploys
            .iter()
            .flat_map(|deploy| deploy.files.iter().flat_map(|file| &file.chunks))
            .map(keys::blob)
            .collect();
        let stored = self.read_keys("read blobs", &keys::under(keys::BLOBS), by).await?;
        let unnamed: Vec<Bytes> = stored
            .into_iter()
            .map(|(key, _)| key)
            .filter(|key| std::str::from_utf8(key).is_ok_and(|key| !named.contains(key)))
            .collect();
        // Chunks of an upload are named by nobody yet, and one that has just ended is not among the deploys that were read.
        let nobody_uploads = txn::is_empty(keys::UPLOADS);
        let still_newest = txn::is_absent(keys::deploy(DeployId(newest.0 + 1)));
        let mut removed = 0;
        for some in unnamed.chunks(AT_ONCE) {
            let if_so = vec![nobody_uploads.clone(), still_newest.clone()];
            let removal = txn::when(if_so, some.iter().map(txn::delete).collect());
            if !self.link.transact("remove blobs", by, removal).await?.succeeded {
                break;
            }
            removed += some.len();
        }
        Ok(removed)
    }
}
