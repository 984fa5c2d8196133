//! Content by its hash.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;

use super::Client;
use super::deploys::{is_absent, remove};
use super::keys;
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::etcd::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::cluster::etcd::pb::etcdserverpb::request_op::Request;
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
        let put = pb::PutRequest { key: key.clone().into(), lease, ..Default::default() };
        let put = pb::RequestOp { request: Some(Request::RequestPut(put)) };
        let txn = pb::TxnRequest { success: vec![put], ..Default::default() };
        let stored = self.link.ask(operation, by, |line: Line, by| {
            let txn = txn.clone();
            async move { line.txn(txn, by).await }
        });
        stored.await.map(|_| Upload(key))
    }

    async fn missing(&self, hashes: &[ContentHash], by: Deadline) -> Result<Vec<ContentHash>, WorldError> {
        let mut missing = Vec::new();
        for some in hashes.chunks(AT_ONCE) {
            let ask = |hash: &ContentHash| {
                let request =
                    pb::RangeRequest { key: keys::blob(hash).into(), count_only: true, ..Default::default() };
                pb::RequestOp { request: Some(Request::RequestRange(request)) }
            };
            let txn = pb::TxnRequest { success: some.iter().map(ask).collect(), ..Default::default() };
            let answer = self.link.ask("read blobs", by, |line: Line, by| {
                let txn = txn.clone();
                async move { line.txn(txn, by).await }
            });
            let counts = answer.await?.responses.into_iter().map(|response| match response.response {
                Some(pb::response_op::Response::ResponseRange(range)) => range.count,
                _ => 0,
            });
            missing.extend(some.iter().zip(counts).filter(|(_, count)| *count == 0).map(|(hash, _)| *hash));
        }
        Ok(missing)
    }

    async fn put(&self, content: Bytes, by: Deadline) -> Result<ContentHash, WorldError> {
        let operation = "store a blob";
        if content.len() > CHUNK_BYTES {
            return Err(WorldError::TooLarge { operation, bytes: content.len(), limit: CHUNK_BYTES });
        }
        let hash = ContentHash::of(&content);
        let key = Bytes::from(keys::blob(&hash));
        let absent = pb::Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Version.into(),
            key: key.clone(),
            target_union: Some(TargetUnion::Version(0)),
            ..Default::default()
        };
        let put = Request::RequestPut(pb::PutRequest { key, value: content, ..Default::default() });
        let txn = pb::TxnRequest {
            compare: vec![absent],
            success: vec![pb::RequestOp { request: Some(put) }],
            failure: Vec::new(),
        };
        let stored = self.link.ask(operation, by, |line: Line, by| {
            let txn = txn.clone();
            async move { line.txn(txn, by).await }
        });
        stored.await.map(|_| hash)
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
        let nobody_uploads = pb::Compare { range_end: keys::past(keys::UPLOADS), ..is_absent(keys::UPLOADS) };
        let still_newest = is_absent(&keys::deploy(DeployId(newest.0 + 1)));
        let mut removed = 0;
        for some in unnamed.chunks(AT_ONCE) {
            let txn = pb::TxnRequest {
                compare: vec![nobody_uploads.clone(), still_newest.clone()],
                success: some.iter().cloned().map(remove).collect(),
                failure: Vec::new(),
            };
            let answer = self.link.ask("remove blobs", by, |line: Line, by| {
                let txn = txn.clone();
                async move { line.txn(txn, by).await }
            });
            if !answer.await?.succeeded {
                break;
            }
            removed += some.len();
        }
        Ok(removed)
    }
}
