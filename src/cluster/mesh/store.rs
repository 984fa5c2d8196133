//! The store that this host carries.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use super::MeshError;
use super::door::Door;
use crate::cluster::disk::durable;
use crate::cluster::etcd::guard::Grants;
use crate::cluster::etcd::node::Node as _;
use crate::cluster::etcd::serve::Inside;
use crate::cluster::etcd::surface::Limits;
use crate::cluster::node::auto_compaction::Retention;
use crate::cluster::node::{Config, Ended, Founding, Handle};
use crate::cluster::peer::PeerUrl;
use crate::cluster::raft::SnapshotRule;
use crate::cluster::server::{
    GuardSettings, Listen, Server, ServerError, ServerTls, Settings, connections, open_files,
};
use crate::cluster::store::id::{ClusterId, LeaseId};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::member::{InitialCluster, MAX_LEARNERS};
use crate::cluster::store::request::{Change, Compare, Op, Operand, Put, Test, Txn};
use crate::cluster::store::watch as store_watch;
use crate::cluster::tls::MeshTls;
use crate::engine::world::HostName;

/// The heartbeat's interval, and after how many of them an election begins: etcd's.
const TICK: Duration = Duration::from_millis(100);
const ELECTION_TICKS: u32 = 10;
/// What was overwritten is forgotten after this: a client that was away for longer reads anew.
const RETENTION: Duration = Duration::from_secs(60 * 60);
/// The largest quota, in bytes: mesh.md.
const QUOTA_BYTES: u64 = 8 << 30;
/// How long calls may take to end when the store does: watches do not end by themselves, and go on elsewhere.
const FAREWELL: Duration = Duration::from_millis(100);
/// The log's growth after which a snapshot is made, in bytes.
const SNAPSHOT_BYTES: u64 = 256 << 20;

/// How a store begins on this host.
#[derive(Debug)]
pub(super) enum Beginning {
    /// A mesh of its own.
    Founded,
    /// It was added to the members at these addresses.
    Added(Vec<PeerUrl>),
    /// Its files are there.
    Again,
}

/// A store that runs.
#[derive(Debug)]
pub(super) struct Store {
    stop: Option<oneshot::Sender<()>>,
    /// Why it has ended.
    ended: watch::Receiver<Option<Ended>>,
    node: Handle,
    inside: Inside,
    grants: Grants,
}

/// Where a host's store is.
pub(super) fn folder(folder: &Path) -> PathBuf {
    folder.join("store")
}

/// Whether a host has carried a store.
pub(super) fn has_files(folder: &Path) -> bool {
    self::folder(folder).join("member").join("wal").is_dir()
}

/// Gives the files of a store that is used no longer another name; returns it.
///
/// # Errors
/// When the system refuses.
pub(super) fn put_aside(folder: &Path, name: &str) -> Result<PathBuf, MeshError> {
    let (from, kept) = (self::folder(folder), folder.join(format!("store.{name}")));
    let failed = |source| MeshError::Memory { operation: "rename", path: from.clone(), source };
    if kept.exists() {
        std::fs::remove_dir_all(&kept).map_err(failed)?;
    }
    std::fs::rename(&from, &kept).map_err(failed)?;
    durable::sync_dir(folder).map_err(failed)?;
    Ok(kept)
}

impl Store {
    /// Starts to carry the store.
    pub async fn start(
        host: &HostName,
        folder: &Path,
        door: &Door,
        beginning: Beginning,
        tls: Option<Arc<MeshTls>>,
    ) -> Result<Self, MeshError> {
        open_files::allow_for_agent();
        let grants = Grants::default();
        let settings = settings(host, folder, door, beginning, (tls, grants.clone()))?;
        let server = Server::start(settings).await.map_err(Box::new)?;
        let (node, inside) = (server.handle().clone(), server.inside());
        let (stop, stopped) = oneshot::channel();
        let (tell, ended) = watch::channel(None);
        tokio::spawn(async move {
            let why = server.run(async { drop(stopped.await) }).await;
            tell.send_replace(Some(why));
        });
        Ok(Self { stop: Some(stop), ended, node, inside, grants })
    }

    /// Writes what the store of a new mesh must hold, unless it does.
    pub fn write_first(
        &self,
        writes: Vec<(String, String)>,
    ) -> impl Future<Output = Result<(), MeshError>> + Send + 'static {
        let node = self.node.clone();
        async move {
            let Some(txn) = first_writes(&writes) else { return Ok(()) };
            let written = node.propose(txn, None).await;
            written.map(drop).map_err(|source| MeshError::FirstWrites { source })
        }
    }

    /// The member.
    pub fn node(&self) -> &Handle {
        &self.node
    }

    /// The way to it for what this member does for itself.
    pub fn inside(&self) -> Inside {
        self.inside.clone()
    }

    /// What hosts may write there of what is everybody's, to be kept as administrators say.
    pub fn grants(&self) -> Grants {
        self.grants.clone()
    }

    /// The store's id.
    pub fn cluster(&self) -> ClusterId {
        self.node.identity().cluster
    }

    /// Ends it in order: leadership is handed over first.
    pub async fn end(mut self) {
        drop(self.stop.take());
        // It ends by itself, too.
        let _ = self.ended.wait_for(Option::is_some).await;
    }

    /// Returns once it has ended by itself, and why.
    pub async fn ended(&self) -> Ended {
        let mut ended = self.ended.clone();
        let why = ended.wait_for(Option::is_some).await.ok().and_then(|ended| *ended);
        // Its task says so, unless it panics.
        why.unwrap_or(Ended::Panicked)
    }
}

/// The change that makes all of these, unless the first is there.
fn first_writes(writes: &[(String, String)]) -> Option<Change> {
    let key = |key: &String| Bytes::copy_from_slice(key.as_bytes());
    let range = KeyRange::One(key(&writes.first()?.0));
    let absent = Compare { range, test: Test::Equal, with: Operand::Version(0) };
    let put = |(name, value): &(String, String)| {
        let value = Some(Bytes::copy_from_slice(value.as_bytes()));
        Op::Put(Put { key: key(name), value, lease: Some(LeaseId(0)), previous: false })
    };
    let then = writes.iter().map(put).collect();
    Some(Change::Txn(Txn { compares: vec![absent], then, otherwise: Vec::new() }))
}

fn settings(
    host: &HostName,
    at: &Path,
    door: &Door,
    beginning: Beginning,
    (tls, grants): (Option<Arc<MeshTls>>, Grants),
) -> Result<Settings, MeshError> {
    let advertise = &door.advertised;
    let cluster: Vec<String> = advertise.iter().map(|url| format!("{host}={url}")).collect();
    let members: InitialCluster = cluster.join(",").parse().map_err(|_| MeshError::NoAddress)?;
    // Two meshes that were founded at one address are two.
    let token = format!("{:016x}", getrandom::u64().unwrap_or_default());
    let ask = match beginning {
        Beginning::Founded | Beginning::Again => Vec::new(),
        Beginning::Added(ask) => ask,
    };
    let node = Config {
        name: host.to_string(),
        data_dir: folder(at),
        founding: Founding::New { members, token },
        client_urls: advertise.clone(),
        tick: TICK,
        election_ticks: ELECTION_TICKS,
        quota_bytes: quota(),
        max_request_bytes: Limits::default().request_bytes,
        snapshot: SnapshotRule::Bytes(SNAPSHOT_BYTES),
        force_new_cluster: false,
        // The steward knows better: it adds a learner also while a voter is dead.
        strict_reconfig: false,
        max_learners: MAX_LEARNERS.max(1024),
        learners_serve: true,
        watch: store_watch::Limits::default(),
        jwt: None,
        token_ttl: Duration::from_secs(300),
        bcrypt_cost: 10,
        compare_every: Some(Duration::from_secs(60 * 60)),
        compare_at_start: false,
    };
    Ok(Settings {
        node,
        ask,
        peer_urls: advertise.clone(),
        listen_clients: door.bound().iter().cloned().map(Listen::Bound).collect(),
        listen_metrics: Vec::new(),
        listen_peers: Vec::new(),
        peers_at_clients: true,
        guard: tls.as_ref().map(|tls| GuardSettings { mesh: tls.mesh(), grants }),
        tls: tls.map_or(ServerTls::Files { clients: None, peers: None }, ServerTls::Mesh),
        self_signed: Vec::new(),
        auto_compaction: Some(Retention::Period(RETENTION)),
        concurrent_streams: u32::MAX,
        connections: connections(),
        farewell: FAREWELL,
        limits: Limits::default(),
    })
}

/// The smaller of 8 GiB and a quarter of the memory.
fn quota() -> u64 {
    match super::card::memory() {
        0 => QUOTA_BYTES,
        bytes => (bytes / 4).min(QUOTA_BYTES),
    }
}

impl From<ServerError> for MeshError {
    fn from(error: ServerError) -> Self {
        Self::Server(Box::new(error))
    }
}
