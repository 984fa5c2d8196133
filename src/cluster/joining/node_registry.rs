//! The registry in the store, through the member on this host.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;

use super::registry::{Enrolled, Known, Registry, Stamp, Use, View};
use super::{JoinError, registry};
use crate::cluster::etcd::node::{Node, NodeError};
use crate::cluster::identity::{
    AdministratorChain, DenyList, Eviction, MOST_SEEDS, MeshId, Pin, RootList, Signed,
};
use crate::cluster::store::id::LeaseId;
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::reply::{KeyValue, Reply};
use crate::cluster::store::request::{Change, Compare, Op, Operand, Put, Range, Test, Txn};
use crate::cluster::world::keys::{self, Fact};
use crate::engine::world::HostName;

/// What everybody needs to know, and when it was last written: it is verified once, not for each who asks.
type Remembered = (Stamp, Arc<Known>);

/// The registry in the store.
///
/// How often an invite was used is a number under a key of its own; who used it has a key for each. One list would be written
/// again whole by each of a hundred thousand, and would be larger than a request may be after some ten thousand.
pub struct NodeRegistry {
    node: Arc<dyn Node>,
    mesh: MeshId,
    state: Mutex<(Pin, Option<Remembered>)>,
}

impl fmt::Debug for NodeRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeRegistry").field("mesh", &self.mesh).finish_non_exhaustive()
    }
}

impl NodeRegistry {
    /// Of this mesh, whose administrators are known that far: whatever the store says, they begin with the same one and go on
    /// from there.
    pub fn new(node: Arc<dyn Node>, mesh: MeshId, pin: Pin) -> Self {
        Self { node, mesh, state: Mutex::new((pin, None)) }
    }

    fn read(&self, key: &str) -> Result<Option<KeyValue>, JoinError> {
        let range = Range::of(KeyRange::One(Bytes::copy_from_slice(key.as_bytes())));
        let failed = |source| JoinError::Store { operation: "read who is who", source };
        Ok(self.node.range(&range, None).map_err(failed)?.1.kvs.pop())
    }

    /// What everybody needs to know; verified anew when it has changed.
    fn known(&self, stamp: &mut Stamp) -> Result<Arc<Known>, JoinError> {
        let [chain, denied, roots] = [keys::ADMINISTRATORS, keys::DENIED, keys::ROOTS];
        let found = [self.read(chain)?, self.read(denied)?, self.read(roots)?];
        for (key, kv) in [chain, denied, roots].into_iter().zip(&found) {
            stamp.note(key, kv.as_ref());
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, known)) = state.1.as_ref().filter(|(at, _)| at == stamp) {
            debug_assert!(at.0.len() == found.len(), "nothing else was noted before");
            return Ok(known.clone());
        }
        let before = state.1.as_ref().map(|(_, known)| known.clone());
        let known = Arc::new(self.verified(&found, &state.0, before.as_deref())?);
        let (first, head) = (*known.administrators.first(), *known.administrators.head());
        *state = (Pin { first: Some(first), known: Some(head) }, Some((stamp.clone(), known.clone())));
        Ok(known)
    }

    fn verified(
        &self,
        found: &[Option<KeyValue>; 3],
        pin: &Pin,
        before: Option<&Known>,
    ) -> Result<Known, JoinError> {
        let bad = |key: &str| {
            let key = key.to_owned();
            |source| JoinError::BadRecord { key, source: Box::new(source) }
        };
        let [chain, denied, roots] = found;
        let chain = chain.as_ref().ok_or(JoinError::NoRecord { key: keys::ADMINISTRATORS })?;
        let chain = AdministratorChain::from_json(&chain.value).map_err(bad(keys::ADMINISTRATORS))?;
        let administrators = chain.replay(&self.mesh, pin).map_err(bad(keys::ADMINISTRATORS))?;
        let listed: Vec<Signed<Eviction>> = match denied {
            None => Vec::new(),
            Some(kv) => read_json(keys::DENIED, &kv.value)?,
        };
        // Who was seen to be out stays out, and is verified again only when the administrators have changed.
        let mut denied = match before {
            Some(before) if before.administrators == administrators => before.denied.clone(),
            Some(before) => {
                let mut denied = DenyList::default();
                denied.merge(before.evictions.to_vec(), &administrators, &self.mesh);
                denied
            }
            None => DenyList::default(),
        };
        denied.merge(listed, &administrators, &self.mesh).warn("the store");
        let roots = roots.as_ref().ok_or(JoinError::NoRecord { key: keys::ROOTS })?;
        let roots = Signed::from_json(&roots.value)
            .and_then(|signed| RootList::verify(signed, &administrators, &self.mesh))
            .map_err(bad(keys::ROOTS))?;
        let evictions = Arc::new(denied.iter().cloned().collect());
        Ok(Known { chain: Arc::new(chain), administrators, denied, evictions, roots })
    }

    /// All as it is here.
    fn view(&self, host: &HostName, by: Option<&Use>) -> Result<View, JoinError> {
        let mut stamp = Stamp::default();
        let known = self.known(&mut stamp)?;
        let mut read = |key: String| {
            let kv = self.read(&key)?;
            stamp.note(&key, kv.as_ref());
            Ok::<_, JoinError>((key, kv))
        };
        let (key, kv) = read(keys::enrolled(host))?;
        let enrolled: Option<Enrolled> = kv.map(|kv| read_json(&key, &kv.value)).transpose()?;
        let (mut invite, mut uses, mut has_used) = (None, 0, false);
        if let Some(by) = by {
            let (key, kv) = read(keys::invite(&by.invite))?;
            let bad = |source| JoinError::BadRecord { key, source: Box::new(source) };
            invite = kv.map(|kv| Signed::from_json(&kv.value)).transpose().map_err(bad)?;
            let (key, kv) = read(keys::used(&by.invite))?;
            uses = kv.map(|kv| read_json(&key, &kv.value)).transpose()?.unwrap_or_default();
            has_used = read(keys::used_by(&by.invite, host, &by.key))?.1.is_some();
        }
        Ok(View { known, invite, uses, has_used, enrolled, stamp })
    }
}

impl registry::Stamp {
    /// That a key was found so.
    fn note(&mut self, key: &str, kv: Option<&KeyValue>) {
        self.0.push((key.to_owned(), kv.map_or(0, |kv| kv.modified.0)));
    }
}

fn read_json<T: serde::de::DeserializeOwned>(key: &str, value: &[u8]) -> Result<T, JoinError> {
    let bad = |source| JoinError::UnreadRecord { key: key.to_owned(), source };
    serde_json::from_slice(value).map_err(bad)
}

fn put(key: String, value: String) -> Op {
    Op::Put(Put { key: key.into(), value: Some(value.into()), lease: Some(LeaseId(0)), previous: false })
}

#[async_trait]
impl Registry for NodeRegistry {
    async fn look(&self, host: &HostName, by: Option<&Use>) -> Result<View, JoinError> {
        // Who was evicted a moment ago is out on every server.
        let failed = |source| JoinError::Store { operation: "ask who is who", source };
        self.node.barrier().await.map_err(failed)?;
        self.view(host, by)
    }

    async fn know(&self) -> Result<Arc<Known>, JoinError> {
        let failed = |source| JoinError::Store { operation: "ask who is who", source };
        self.node.barrier().await.map_err(failed)?;
        self.known(&mut Stamp::default())
    }

    async fn enrol(
        &self,
        host: &HostName,
        enrolled: &Enrolled,
        by: Option<&Use>,
        view: &View,
    ) -> Result<bool, JoinError> {
        let unchanged = |(key, revision): &(String, i64)| Compare {
            range: KeyRange::One(Bytes::copy_from_slice(key.as_bytes())),
            test: Test::Equal,
            with: Operand::Modified(*revision),
        };
        let mut then = vec![put(keys::enrolled(host), enrolled.to_json())];
        if let Some(by) = by.filter(|_| !view.has_used) {
            then.push(put(keys::used(&by.invite), (view.uses.saturating_add(1)).to_string()));
            let who = serde_json::json!({ "host": host, "key": by.key });
            then.push(put(keys::used_by(&by.invite, host, &by.key), who.to_string()));
        }
        let compares = view.stamp.0.iter().map(unchanged).collect();
        let txn = Txn { compares, then, otherwise: Vec::new() };
        match self.node.propose(Change::Txn(txn), None).await {
            Ok(applied) => Ok(matches!(applied.reply, Reply::Txn(reply) if reply.succeeded)),
            Err(source) => Err(JoinError::Store { operation: "write down a host", source }),
        }
    }

    fn carries(&self, host: &HostName) -> bool {
        let members = self.node.members();
        // One that was just added has no name yet: whom it is for stands in what that host was asked to do.
        let nominated = || {
            let key = keys::fact(host, Fact::Duty);
            let duty: Nominated = serde_json::from_slice(&self.read(&key).ok()??.value).ok()?;
            u64::from_str_radix(&duty.member?, 16).ok()
        };
        members.iter().any(|member| member.name == host.as_str())
            || nominated().is_some_and(|id| members.iter().any(|it| it.id.0 == id && it.name.is_empty()))
    }

    fn seeds(&self) -> Vec<String> {
        let urls = self.node.members().into_iter().flat_map(|member| member.client_urls);
        let places = urls.filter_map(|url| Some(url.split_once("://")?.1.trim_end_matches('/').to_owned()));
        places.take(MOST_SEEDS).collect()
    }
}

/// What a host was asked to do for the store, as far as it matters here.
#[derive(Deserialize)]
struct Nominated {
    member: Option<String>,
}

/// Whether the store could not be asked because nobody leads it, or too few of its members are there.
pub(super) fn is_leaderless(error: &NodeError) -> bool {
    matches!(
        error,
        NodeError::NoLeader
            | NodeError::NotLeader
            | NodeError::LeaderChanged
            | NodeError::Timeout
            | NodeError::TimeoutLeaderFailed
            | NodeError::TimeoutConnectionLost
    )
}

#[cfg(test)]
mod tests {
    use super::super::scene::{Scene, host};
    use super::*;

    #[tokio::test]
    async fn of_two_who_saw_the_same_only_one_writes() {
        let scene = Scene::start().await;
        let registry = scene.registry();
        let (by, entry) = scene.entry("web-1");
        let (one, other) = (registry.view(&host("web-1"), Some(&by)).unwrap(), scene.registry());
        let two = other.view(&host("web-2"), Some(&by)).unwrap();
        assert!(registry.enrol(&host("web-1"), &entry, Some(&by), &one).await.unwrap());
        assert!(!other.enrol(&host("web-2"), &entry, Some(&by), &two).await.unwrap());
        let now = other.look(&host("web-2"), Some(&by)).await.unwrap();
        assert_eq!((now.uses, now.has_used, now.enrolled.is_some()), (1, false, false));
        assert!(other.enrol(&host("web-2"), &entry, Some(&by), &now).await.unwrap());
        assert_eq!(registry.view(&host("web-2"), Some(&by)).unwrap().uses, 2);
    }

    #[tokio::test]
    async fn who_comes_again_uses_nothing_more() {
        let scene = Scene::start().await;
        let (by, entry) = scene.entry("web-1");
        let registry = scene.registry();
        for _ in 0..2 {
            let view = registry.look(&host("web-1"), Some(&by)).await.unwrap();
            assert!(registry.enrol(&host("web-1"), &entry, Some(&by), &view).await.unwrap());
        }
        let view = registry.look(&host("web-1"), Some(&by)).await.unwrap();
        assert_eq!((view.uses, view.has_used), (1, true));
        assert_eq!(view.enrolled, Some(entry));
    }

    #[tokio::test]
    async fn an_eviction_between_looking_and_writing_is_not_missed() {
        let scene = Scene::start().await;
        let (by, entry) = scene.entry("web-1");
        let registry = scene.registry();
        let view = registry.look(&host("web-1"), Some(&by)).await.unwrap();
        scene.evict("web-9", Vec::new()).await;
        assert!(!registry.enrol(&host("web-1"), &entry, Some(&by), &view).await.unwrap());
        assert_eq!(registry.look(&host("web-1"), Some(&by)).await.unwrap().known.denied.len(), 1);
    }

    #[tokio::test]
    async fn who_was_seen_to_be_out_stays_out_though_the_store_forgets_it() {
        let scene = Scene::start().await;
        let registry = scene.registry();
        scene.evict("web-9", Vec::new()).await;
        let denied = |view: View| (view.known.denied.len(), view.known.evictions.len());
        assert_eq!(denied(registry.look(&host("web-1"), None).await.unwrap()), (1, 1));
        scene.put(keys::DENIED, "[]").await;
        assert_eq!(denied(registry.look(&host("web-1"), None).await.unwrap()), (1, 1));
        assert_eq!(denied(scene.registry().look(&host("web-1"), None).await.unwrap()), (0, 0));
    }

    #[tokio::test]
    async fn administrators_that_are_not_those_of_before_are_not_believed() {
        let scene = Scene::start().await;
        let registry = scene.registry();
        registry.look(&host("web-1"), None).await.unwrap();
        let other = Scene::start().await;
        scene.put(keys::ADMINISTRATORS, &other.chain().to_json()).await;
        let refused = registry.look(&host("web-1"), None).await;
        assert!(matches!(refused, Err(JoinError::BadRecord { key, .. }) if key == keys::ADMINISTRATORS));
        scene.put(keys::ADMINISTRATORS, "nonsense").await;
        assert!(registry.look(&host("web-1"), None).await.is_err());
    }
}
