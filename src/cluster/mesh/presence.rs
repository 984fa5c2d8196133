//! That this host is there, and that no other has its name.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::MeshError;
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::etcd::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::cluster::etcd::pb::etcdserverpb::request_op::Request;
use crate::cluster::etcd::pb::etcdserverpb::response_op::Response;
use crate::cluster::link::Line;
use crate::cluster::world::keys::{Fact, fact};
use crate::cluster::world::{Client, StoredCard};
use crate::engine::world::{Deadline, World as _};

/// That a host is there, as it is stored, bound to its lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Live {
    /// Which agent it is, of those that may have the name.
    pub instance: String,
    /// Where it is reached.
    pub addresses: Vec<String>,
    /// Its process, for people.
    pub process: u32,
}

/// Says that this host is there, and what it is: returns whether it was known before.
///
/// # Errors
/// When another agent has the name, or the store does not answer in time.
pub(super) async fn announce(
    client: &Client,
    live: &Live,
    card: &StoredCard,
    by: Deadline,
) -> Result<bool, MeshError> {
    loop {
        // An answer may be lost, and the next attempt then finds what the first has written.
        if let Some(known) = try_to(client, live, card, by).await? {
            return Ok(known);
        }
    }
}

/// `None`: something has changed in between.
async fn try_to(
    client: &Client,
    live: &Live,
    card: &StoredCard,
    by: Deadline,
) -> Result<Option<bool>, MeshError> {
    let operation = "say that this host is there";
    let lease = client.session().lease(operation, by).await?;
    let key = Bytes::from(fact(client.host(), Fact::Live));
    let look =
        |key: &Bytes| op(Request::RequestRange(pb::RangeRequest { key: key.clone(), ..Default::default() }));
    let found = client.link().ask(operation, by, |line: Line, by| {
        let txn = pb::TxnRequest { success: vec![look(&key)], ..Default::default() };
        async move { line.txn(txn, by).await }
    });
    let other = first(found.await?);
    if let Some((_, value)) = &other
        && let Ok(other) = serde_json::from_slice::<Live>(value)
        && other.instance != live.instance
    {
        let at =
            if other.addresses.is_empty() { "at no address".to_owned() } else { other.addresses.join(", ") };
        let other = format!("process {} at {at}", other.process);
        return Err(MeshError::NameTaken { host: client.host().clone(), other });
    }
    // Nobody else came in between.
    let unchanged = pb::Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Mod.into(),
        key: key.clone(),
        target_union: Some(TargetUnion::ModRevision(other.map_or(0, |(revision, _)| revision))),
        ..Default::default()
    };
    let text = |value: Result<Vec<u8>, _>| Bytes::from(value.expect("texts can be written"));
    let put_live = put(key, text(serde_json::to_vec(live)), lease.id);
    let card_key = Bytes::from(fact(client.host(), Fact::Card));
    let put_card = put(card_key.clone(), text(serde_json::to_vec(card)), 0);
    let txn = pb::TxnRequest {
        compare: vec![unchanged],
        success: vec![look(&card_key), put_live, put_card],
        failure: Vec::new(),
    };
    let answer = client.link().ask(operation, by, |line: Line, by| {
        let txn = txn.clone();
        async move { line.txn(txn, by).await }
    });
    let answer = answer.await?;
    Ok(answer.succeeded.then(|| first(answer).is_some()))
}

/// Says that this host ends, and is expected back: its card is written, and its lease ends.
///
/// # Errors
/// When the store does not answer in time.
pub(super) async fn farewell(client: &Client, card: &StoredCard, by: Deadline) -> Result<(), MeshError> {
    let key = Bytes::from(fact(client.host(), Fact::Card));
    let value = Bytes::from(serde_json::to_vec(card).expect("texts can be written"));
    let lease = client.session().now();
    client
        .link()
        .ask("say that this host ends", by, |line: Line, by| {
            let txn =
                pb::TxnRequest { success: vec![put(key.clone(), value.clone(), 0)], ..Default::default() };
            async move {
                line.txn(txn, by).await?;
                match lease {
                    Some(lease) => line.revoke(lease.id, by).await.map(drop),
                    None => Ok(()),
                }
            }
        })
        .await?;
    Ok(())
}

fn op(request: Request) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}

fn put(key: Bytes, value: Bytes, lease: i64) -> pb::RequestOp {
    op(Request::RequestPut(pb::PutRequest { key, value, lease, ..Default::default() }))
}

/// The first key that a transaction has read: when it was written, and what it holds.
fn first(answer: pb::TxnResponse) -> Option<(i64, Bytes)> {
    let read = answer.responses.into_iter().find_map(|response| match response.response? {
        Response::ResponseRange(range) => Some(range),
        _ => None,
    })?;
    read.kvs.into_iter().next().map(|kv| (kv.mod_revision, kv.value))
}
