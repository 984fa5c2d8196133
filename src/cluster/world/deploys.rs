//! Graphs for all hosts.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys::{self, Fact};
use super::outbox::Write;
use super::view::{follow_map, follow_one};
use super::{Client, VALUE_BYTES};
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::etcd::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::cluster::etcd::pb::etcdserverpb::request_op::Request;
use crate::cluster::link::Line;
use crate::engine::world::{
    ContentHash, Deadline, Deploy, DeployId, Deploys, Follow, HostName, HostReport, Rollout, Upload,
    WorldError,
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

/// No such key is there.
pub(super) fn is_absent(key: &str) -> pb::Compare {
    compare(key, CompareTarget::Version, TargetUnion::Version(0))
}

fn is_present(key: &str) -> pb::Compare {
    pb::Compare { result: CompareResult::Greater.into(), ..is_absent(key) }
}

pub(super) fn remove(key: Bytes) -> pb::RequestOp {
    let remove = pb::DeleteRangeRequest { key, ..Default::default() };
    pb::RequestOp { request: Some(Request::RequestDeleteRange(remove)) }
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
        upload: Option<&Upload>,
        force: bool,
        by: Deadline,
    ) -> Result<(), WorldError> {
        let operation = "deploy";
        let value = text(deploy);
        if value.len() > VALUE_BYTES {
            return Err(WorldError::TooLarge { operation, bytes: value.len(), limit: VALUE_BYTES });
        }
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
        let mut is_next = vec![is_absent(&key)];
        is_next.extend(before.map(|before| is_present(&keys::deploy(before))));
        // Whoever has lost the mark of its upload may have lost chunks, too.
        is_next.extend(upload.map(|upload| is_present(&upload.0)));
        let mut success = vec![put(&key, value), put(keys::ROLLOUT, text(rollout))];
        success.extend(upload.map(|upload| remove(upload.0.clone().into())));
        let txn = pb::TxnRequest { compare: is_next, success, failure: Vec::new() };
        let answer = self.link.ask(operation, by, |line: Line, by| {
            let txn = txn.clone();
            async move { line.txn(txn, by).await }
        });
        if answer.await?.succeeded {
            return Ok(());
        }
        let why = match self.get(deploy.id, by).await {
            // An earlier attempt has done it, its answer lost.
            Ok(stored) if *stored == *deploy => return Ok(()),
            Ok(_) => format!("deploy {} was made by someone else meanwhile", deploy.id),
            Err(WorldError::Missing { .. }) => match upload {
                Some(_) => "the store has not heard of its upload for too long".to_owned(),
                None => format!("there is no deploy {}", before.unwrap_or_default()),
            },
            Err(error) => return Err(error),
        };
        Err(WorldError::BrokenChain { why })
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

    fn report(&self, report: Option<&HostReport>) {
        let key = keys::fact(&self.host, Fact::Deploy);
        let write = Write { key: key.into(), value: report.map(text), leased: false };
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
