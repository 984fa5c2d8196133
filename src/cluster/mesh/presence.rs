//! That this host is there, and that no other has its name.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::MeshError;
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::link::Line;
use crate::cluster::world::keys::{Fact, fact};
use crate::cluster::world::{Client, StoredCard, txn};
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
    let key = fact(client.host(), Fact::Live);
    let other = first(client.link().transact(operation, by, txn::always(vec![txn::look(&key)])).await?);
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
    let unchanged = txn::is_unchanged(&key, other.map_or(0, |(revision, _)| revision));
    let text = |value: Result<Vec<u8>, _>| value.expect("texts can be written");
    let put_live = txn::put_leased(key, text(serde_json::to_vec(live)), lease.id);
    let card_key = fact(client.host(), Fact::Card);
    let put_card = txn::put(&card_key, text(serde_json::to_vec(card)));
    let announced = txn::when(vec![unchanged], vec![txn::look(&card_key), put_live, put_card]);
    let answer = client.link().transact(operation, by, announced).await?;
    Ok(answer.succeeded.then(|| first(answer).is_some()))
}

/// Says that this host ends, and is expected back: its card is written, and its lease ends.
///
/// # Errors
/// When the store does not answer in time.
pub(super) async fn farewell(client: &Client, card: &StoredCard, by: Deadline) -> Result<(), MeshError> {
    let value = serde_json::to_vec(card).expect("texts can be written");
    let write = txn::always(vec![txn::put(fact(client.host(), Fact::Card), value)]);
    let lease = client.session().now();
    client
        .link()
        .ask("say that this host ends", by, |line: Line, by| {
            let write = write.clone();
            async move {
                line.txn(write, by).await?;
                match lease {
                    Some(lease) => line.revoke(lease.id, by).await.map(drop),
                    None => Ok(()),
                }
            }
        })
        .await?;
    Ok(())
}

/// The first key that a transaction has read: when it was written, and what it holds.
fn first(answer: pb::TxnResponse) -> Option<(i64, Bytes)> {
    let read = txn::read(answer).next()?;
    read.kvs.into_iter().next().map(|kv| (kv.mod_revision, kv.value))
}
