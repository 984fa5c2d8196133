//! The node and its peers, joined: what one wants sent, the other sends; what arrives is put into the inbox.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use async_trait::async_trait;

use super::ServerError;
use crate::cluster::etcd::node::{Identity, Node as _, NodeError};
use crate::cluster::node::transport::{NoDigest, Transport, Unreached};
use crate::cluster::node::{Handle, Inbox, Letter};
use crate::cluster::peer::{
    CallError, LeaseLeft, Membership, PeerDoor, PeerHandler, PeerIdentity, PeerServer, PeerServerSettings,
    PeerTls, PeerUrl, Peers, Refusal,
};
use crate::cluster::raft::wire::Message;
use crate::cluster::store::error::StoreError;
use crate::cluster::store::hash::HashKv;
use crate::cluster::store::id::{LeaseId, MemberId, Revision};
use crate::cluster::store::member::Member;

/// What arrives before the node is there is answered `NotReady`, or dropped.
#[derive(Clone, Debug, Default)]
pub struct Peering {
    ends: Arc<Ends>,
}

#[derive(Debug, Default)]
struct Ends {
    identity: OnceLock<Identity>,
    inbox: OnceLock<Arc<Inbox>>,
    node: OnceLock<Handle>,
    /// It holds this one, too.
    way_out: OnceLock<Weak<WayOut>>,
}

impl Peering {
    /// The way out, once it is known who this is.
    pub fn transport(
        &self,
        identity: Identity,
        inbox: Arc<Inbox>,
        own_urls: Vec<PeerUrl>,
        tls: Option<Arc<PeerTls>>,
    ) -> Arc<dyn Transport> {
        let handler = Arc::new(self.clone());
        // All are set here only, once.
        let _ = self.ends.identity.set(identity);
        let _ = self.ends.inbox.set(inbox);
        let way_out = Arc::new(WayOut(Peers::new(identity_of(identity), own_urls, tls, handler)));
        let _ = self.ends.way_out.set(Arc::downgrade(&way_out));
        way_out
    }

    /// The node is there.
    pub fn attach(&self, node: &Handle) {
        let _ = self.ends.node.set(node.clone());
    }

    /// The way in, at addresses of its own.
    pub async fn listen(
        &self,
        at: &[PeerUrl],
        snapshots: &Path,
        tls: Option<Arc<PeerTls>>,
    ) -> Result<Option<PeerServer>, ServerError> {
        if at.is_empty() {
            return Ok(None);
        }
        let Some(settings) = self.settings(snapshots, tls)? else { return Ok(None) };
        Ok(Some(PeerServer::start(at, settings, Arc::new(self.clone())).await?))
    }

    /// The way in, at somebody else's door.
    pub fn door(&self, snapshots: &Path) -> Result<Option<PeerDoor>, ServerError> {
        let Some(settings) = self.settings(snapshots, None)? else { return Ok(None) };
        Ok(Some(PeerDoor::new(settings, Arc::new(self.clone()))?))
    }

    fn settings(
        &self,
        snapshots: &Path,
        tls: Option<Arc<PeerTls>>,
    ) -> Result<Option<PeerServerSettings>, ServerError> {
        let Some(identity) = self.ends.identity.get() else { return Ok(None) };
        let folder = snapshots.join("incoming");
        std::fs::create_dir_all(&folder)
            .map_err(|source| ServerError::Folder { path: folder.clone(), source })?;
        Ok(Some(PeerServerSettings { identity: identity_of(*identity), tls, snapshots: folder }))
    }

    fn tell(&self, letter: Letter) {
        if let Some(inbox) = self.ends.inbox.get() {
            inbox.tell(letter);
        }
    }

    fn node(&self) -> Result<&Handle, Refusal> {
        self.ends.node.get().ok_or(Refusal::NotReady)
    }
}

fn identity_of(identity: Identity) -> PeerIdentity {
    PeerIdentity { cluster: identity.cluster, member: identity.member }
}

#[async_trait]
impl PeerHandler for Peering {
    fn message(&self, message: Message) {
        self.tell(Letter::Message { message, file: None });
    }

    fn snapshot(&self, message: Message, file: PathBuf) {
        self.tell(Letter::Message { message, file: Some(file) });
    }

    fn unreachable(&self, member: MemberId) {
        self.tell(Letter::Unreachable(member.into()));
    }

    fn snapshot_sent(&self, to: MemberId, arrived: bool) {
        self.tell(Letter::SnapshotSent { to: to.into(), arrived });
    }

    fn refused(&self, by: MemberId, why: Refusal) {
        tracing::warn!(%by, %why, "a member does not take this one's messages");
        if why == Refusal::Removed {
            self.tell(Letter::Removed);
        }
    }

    fn met(&self, member: MemberId, urls: Vec<PeerUrl>) {
        if let Some(way_out) = self.ends.way_out.get().and_then(Weak::upgrade) {
            way_out.0.meet(member, &urls);
        }
    }

    fn is_removed(&self, member: MemberId) -> bool {
        self.ends.node.get().is_some_and(|node| node.is_removed(member))
    }

    fn is_called(&self, member: MemberId, host: &str) -> bool {
        self.ends.node.get().is_none_or(|node| node.is_called(member, host))
    }

    async fn renew_leases(&self, leases: &[LeaseId]) -> Result<Vec<Option<i64>>, Refusal> {
        self.node()?.renew_as_leader(leases).await.map_err(|_| Refusal::NotLeader)
    }

    async fn lease_left(&self, lease: LeaseId) -> Result<Option<LeaseLeft>, Refusal> {
        let left = self.node()?.left_as_leader(lease).ok_or(Refusal::NotLeader)?;
        Ok(left.map(|(left_s, granted_s)| LeaseLeft { left_s, granted_s }))
    }

    async fn members(&self) -> Result<Membership, Refusal> {
        let node = self.node()?;
        Ok(Membership { cluster: node.identity().cluster, members: node.members() })
    }

    async fn hash_kv(&self, revision: Option<Revision>) -> Result<HashKv, Refusal> {
        let node = self.node()?;
        let mut hashed = node.hash_kv(revision).await;
        if let Err(NodeError::Store(StoreError::FutureRevision)) = hashed {
            // It may only be late.
            node.barrier().await.map_err(|_| Refusal::NotReady)?;
            hashed = node.hash_kv(revision).await;
        }
        hashed.map(|(hash, _)| hash).map_err(|error| match error {
            NodeError::Store(StoreError::FutureRevision) => Refusal::FutureRevision,
            NodeError::Store(StoreError::Compacted) => Refusal::Compacted,
            _ => Refusal::NotReady,
        })
    }
}

/// The way out.
struct WayOut(Peers);

#[async_trait]
impl Transport for WayOut {
    fn set_members(&self, members: &[Member]) {
        let reached = |member: &Member| {
            // One that cannot be reached is as one that is down.
            let urls = member.peer_urls.iter().filter_map(|url| url.parse().ok()).collect();
            (member.id, urls)
        };
        self.0.set_members(&members.iter().map(reached).collect::<Vec<_>>());
    }

    fn send(&self, message: Message) {
        self.0.send(message);
    }

    fn send_snapshot(&self, message: Message, file: &Path) {
        self.0.send_snapshot(message, file.to_owned());
    }

    fn reached_for(&self, member: MemberId) -> Option<Duration> {
        self.0.active_since(member).map(|since| since.elapsed())
    }

    async fn renew_leases(
        &self,
        leader: MemberId,
        leases: Vec<LeaseId>,
    ) -> Result<Vec<Option<i64>>, Unreached> {
        self.0.renew_leases(leader, &leases).await.map_err(|_| Unreached(leader))
    }

    async fn lease_left(&self, leader: MemberId, lease: LeaseId) -> Result<Option<Duration>, Unreached> {
        let left = self.0.lease_left(leader, lease).await.map_err(|_| Unreached(leader))?;
        Ok(left.map(|left| Duration::from_secs(u64::try_from(left.left_s).unwrap_or(0))))
    }

    async fn hash_kv(&self, member: MemberId, revision: Revision) -> Result<HashKv, NoDigest> {
        self.0.hash_kv(member, Some(revision)).await.map_err(|error| match error {
            CallError::Refused { why: Refusal::FutureRevision, .. } => NoDigest::Future,
            CallError::Refused { why: Refusal::Compacted, .. } => NoDigest::Compacted,
            _ => NoDigest::Unreached(member),
        })
    }
}
