//! Members on the loopback, with real connections.

mod calls;
mod messages;
mod refusals;
mod snapshots;
mod tls;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::cluster::etcd::node::Member;
use crate::cluster::raft::wire::{Entry, Message, MessageType};
use crate::cluster::store::hash::HashKv;
use crate::cluster::store::id::{ClusterId, LeaseId, MemberId, Revision};

/// Nothing here takes so long, unless it is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a node was told.
#[derive(Debug, PartialEq)]
enum Told {
    Message(Message),
    Snapshot(Message, PathBuf),
    Unreachable(MemberId),
    Sent(MemberId, bool),
    Refused(MemberId, Refusal),
}

/// A node that writes down what it is told.
struct Node {
    told: UnboundedSender<Told>,
    removed: Mutex<BTreeSet<MemberId>>,
    met: Mutex<Vec<(MemberId, Vec<PeerUrl>)>>,
}

#[async_trait]
impl PeerHandler for Node {
    fn message(&self, message: Message) {
        drop(self.told.send(Told::Message(message)));
    }

    fn snapshot(&self, message: Message, file: PathBuf) {
        drop(self.told.send(Told::Snapshot(message, file)));
    }

    fn unreachable(&self, member: MemberId) {
        drop(self.told.send(Told::Unreachable(member)));
    }

    fn snapshot_sent(&self, to: MemberId, arrived: bool) {
        drop(self.told.send(Told::Sent(to, arrived)));
    }

    fn refused(&self, by: MemberId, why: Refusal) {
        drop(self.told.send(Told::Refused(by, why)));
    }

    fn met(&self, member: MemberId, urls: Vec<PeerUrl>) {
        self.met.lock().unwrap().push((member, urls));
    }

    fn is_removed(&self, member: MemberId) -> bool {
        self.removed.lock().unwrap().contains(&member)
    }

    async fn renew_leases(&self, leases: &[LeaseId]) -> Result<Vec<Option<i64>>, Refusal> {
        if leases.contains(&LeaseId(0)) {
            return Err(Refusal::NotLeader);
        }
        Ok(leases.iter().map(|lease| (*lease == LeaseId(7)).then_some(60)).collect())
    }

    async fn lease_left(&self, lease: LeaseId) -> Result<Option<LeaseLeft>, Refusal> {
        Ok((lease == LeaseId(7)).then_some(LeaseLeft { left_s: 59, granted_s: 60 }))
    }

    async fn members(&self) -> Result<Membership, Refusal> {
        let member = Member { id: MemberId(2), name: "two".to_owned(), ..Default::default() };
        Ok(Membership { cluster: CLUSTER, members: vec![member] })
    }

    async fn hash_kv(&self, revision: Option<Revision>) -> Result<HashKv, Refusal> {
        let revision = revision.unwrap_or(Revision(5));
        if revision > Revision(5) {
            return Err(Refusal::FutureRevision);
        }
        Ok(HashKv { hash: u32::MAX, revision, compacted: Revision(-1) })
    }
}

const CLUSTER: ClusterId = ClusterId(0xc1);

/// A member of the loopback.
struct End {
    id: MemberId,
    node: Arc<Node>,
    told: UnboundedReceiver<Told>,
    peers: Peers,
    server: Option<PeerServer>,
    settings: PeerServerSettings,
    address: SocketAddr,
    _folder: TempDir,
}

impl End {
    async fn new(id: u64) -> Self {
        Self::of(CLUSTER, id, None).await
    }

    async fn of(cluster: ClusterId, id: u64, tls: Option<Arc<PeerTls>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identity = PeerIdentity { cluster, member: MemberId(id) };
        let (sender, told) = unbounded_channel();
        let node = Arc::new(Node { told: sender, removed: Mutex::default(), met: Mutex::default() });
        let snapshots = folder.path().to_owned();
        let settings = PeerServerSettings { identity, tls: tls.clone(), snapshots };
        let url = PeerUrl { host: "127.0.0.1".to_owned(), port: 0, tls: tls.is_some() };
        let server = PeerServer::start(&[url], settings.clone(), node.clone()).await.unwrap();
        let address = server.addresses()[0];
        let own = PeerUrl { host: address.ip().to_string(), port: address.port(), tls: tls.is_some() };
        let peers = Peers::new(identity, vec![own], tls, node.clone());
        let server = Some(server);
        Self { id: identity.member, node, told, peers, server, settings, address, _folder: folder }
    }

    fn url(&self) -> PeerUrl {
        let tls = self.settings.tls.is_some();
        PeerUrl { host: self.address.ip().to_string(), port: self.address.port(), tls }
    }

    fn knows(&self, others: &[&End]) {
        let members: Vec<_> = others.iter().map(|end| (end.id, vec![end.url()])).collect();
        self.peers.set_members(&members);
    }

    async fn stop(&mut self) {
        self.server.take().unwrap().close().await;
    }

    async fn start_again(&mut self) {
        let urls = [self.url()];
        let server = PeerServer::start(&urls, self.settings.clone(), self.node.clone()).await;
        self.server = Some(server.unwrap());
    }

    /// The next thing that the node is told.
    async fn hears(&mut self) -> Told {
        let told = tokio::time::timeout(PATIENCE, self.told.recv()).await;
        told.expect("something is told in time").unwrap()
    }

    /// The next message, whatever else is told before.
    async fn message(&mut self) -> Message {
        loop {
            if let Told::Message(message) = self.hears().await {
                return message;
            }
        }
    }

    /// Waits until this is told, whatever else is told before.
    async fn hears_that(&mut self, wanted: Told) {
        while self.hears().await != wanted {}
    }

    /// The files of snapshots that are here.
    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.settings.snapshots).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn message(kind: MessageType, from: &End, to: &End, index: u64) -> Message {
    Message { r#type: kind.into(), from: from.id.0, to: to.id.0, index, ..Default::default() }
}

fn append(from: &End, to: &End, index: u64, bytes: usize) -> Message {
    let entry = Entry { index, data: Bytes::from(vec![b'x'; bytes]), ..Default::default() };
    Message { entries: vec![entry], ..message(MessageType::App, from, to, index) }
}

/// A URL where nobody listens.
fn nobody() -> PeerUrl {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    PeerUrl { host: "127.0.0.1".to_owned(), port, tls: false }
}
