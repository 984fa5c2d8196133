//! Graphs for all hosts.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Client;
use super::keys::{self, Fact};
use super::outbox::Write;
use super::view::{follow_map, follow_one};
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::etcd::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::cluster::etcd::pb::etcdserverpb::request_op::Request;
use crate::cluster::link::Line;
use crate::engine::world::{
    ContentHash, Deadline, Deploy, DeployId, Deploys, Follow, HostName, HostReport, Rollout, WorldError,
};

/// The hash of a deploy: of its text as it is stored.
pub fn hash_of(deploy: &Deploy) -> ContentHash {
    ContentHash::of(&text(deploy))
}

fn text<T: Serialize>(value: &T) -> Bytes {
    serde_json::to_vec(value).expect("structs of texts and numbers can be written").into()
}

fn read<T: DeserializeOwned>(operation: &'static str, key: &str, value: &[u8]) -> Result<T, WorldError> {
    serde_json::from_slice(value).map_err(|error| WorldError::Unreadable {
        operation,
        key: key.to_owned(),
        why: error.to_string(),
    })
}

fn compare(key: &str, target: CompareTarget, union: TargetUnion) -> pb::Compare {
    pb::Compare {
        result: CompareResult::Equal.into(),
        target: target.into(),
        key: key.to_owned().into(),
        target_union: Some(union),
        ..Default::default()
    }
}

fn put(key: &str, value: Bytes) -> pb::RequestOp {
    let put = pb::PutRequest { key: key.to_owned().into(), value, ..Default::default() };
    pb::RequestOp { request: Some(Request::RequestPut(put)) }
}

#[async_trait]
impl Deploys for Client {
    async fn add(
        &self,
        deploy: &Deploy,
        rollout: &Rollout,
        force: bool,
        by: Deadline,
    ) -> Result<(), WorldError> {
        let operation = "deploy";
        let before = match deploy.id.0.checked_sub(1) {
            Some(0) | None => None,
            Some(id) => Some(DeployId(id)),
        };
        if !force {
            let parent = match before {
                Some(id) => Some(hash_of(&*self.get(id, by).await?)),
                None => None,
            };
            if parent != deploy.parent {
                let why = format!("it was made from another deploy than {}", before.unwrap_or_default());
                return Err(WorldError::BrokenChain { why });
            }
        }
        let key = keys::deploy(deploy.id);
        let mut is_next = vec![compare(&key, CompareTarget::Version, TargetUnion::Version(0))];
        if let Some(before) = before {
            let mut is_there =
                compare(&keys::deploy(before), CompareTarget::Version, TargetUnion::Version(0));
            is_there.result = CompareResult::Greater.into();
            is_next.push(is_there);
        }
        let success = vec![put(&key, text(deploy)), put(keys::ROLLOUT, text(rollout))];
        let txn = pb::TxnRequest { compare: is_next, success, failure: Vec::new() };
        let answer = self.link.ask(operation, by, |line: Line, by| {
            let txn = txn.clone();
            async move { line.txn(txn, by).await }
        });
        if answer.await?.succeeded || *self.get(deploy.id, by).await? == *deploy {
            return Ok(());
        }
        Err(WorldError::BrokenChain {
            why: format!("deploy {} was made by someone else meanwhile", deploy.id),
        })
    }

    async fn list(&self, by: Deadline) -> Result<Vec<Arc<Deploy>>, WorldError> {
        let operation = "list deploys";
        let stored = self.read_all(operation, &keys::under(keys::DEPLOYS), by).await?;
        stored
            .iter()
            .map(|(key, entry)| read(operation, &String::from_utf8_lossy(key), &entry.value).map(Arc::new))
            .collect()
    }

    async fn get(&self, id: DeployId, by: Deadline) -> Result<Arc<Deploy>, WorldError> {
        let operation = "read a deploy";
        let key = keys::deploy(id);
        let request = pb::RangeRequest { key: key.clone().into(), ..Default::default() };
        let found = self.link.ask(operation, by, |line: Line, by| {
            let request = request.clone();
            async move { line.range(request, by).await }
        });
        let found = found.await?.kvs.into_iter().next();
        let found = found.ok_or_else(|| WorldError::Missing { what: format!("deploy {id}") })?;
        read(operation, &key, &found.value).map(Arc::new)
    }

    fn rollout(&self) -> Follow<Option<Arc<Rollout>>> {
        follow_one(&self.watcher, keys::ROLLOUT.to_owned(), |entry| {
            match serde_json::from_slice::<Rollout>(&entry.value) {
                Ok(rollout) => Some(Arc::new(rollout)),
                Err(error) => {
                    tracing::error!(%error, key = keys::ROLLOUT, "cannot be read: the deploy before it runs on");
                    None
                }
            }
        })
    }

    async fn roll(&self, from: &Rollout, to: &Rollout, by: Deadline) -> Result<bool, WorldError> {
        let is_it = compare(keys::ROLLOUT, CompareTarget::Value, TargetUnion::Value(text(from)));
        let txn = pb::TxnRequest {
            compare: vec![is_it],
            success: vec![put(keys::ROLLOUT, text(to))],
            failure: Vec::new(),
        };
        let answer = self.link.ask("deploy", by, |line: Line, by| {
            let txn = txn.clone();
            async move { line.txn(txn, by).await }
        });
        Ok(answer.await?.succeeded)
    }

    fn report(&self, report: HostReport) {
        let key = keys::fact(&self.host, Fact::Deploy);
        let write = Write { key: key.into(), value: Some(text(&report)), leased: false };
        if self.writer.push(write).is_err() {
            tracing::debug!("what this host makes of its deploy is not told: too much waits for the store");
        }
    }

    fn reports(&self) -> Follow<Arc<BTreeMap<HostName, HostReport>>> {
        follow_map(&self.watcher, &[keys::under(keys::HOSTS)], |key, entry| {
            let (host, fact) = keys::fact_of(key)?;
            let report = entry.and_then(|entry| serde_json::from_slice(&entry.value).ok());
            (fact == Fact::Deploy).then_some((host, report))
        })
    }
}
