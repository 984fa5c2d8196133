//! How a member is served.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::self_signed::{SelfSigned, SelfSignedError};
use crate::cluster::etcd::guard::Grants;
use crate::cluster::etcd::serve::{Address, Bound, ListenError, Tls, TlsError, TlsFiles};
use crate::cluster::etcd::surface::Limits;
use crate::cluster::identity::MeshId;
use crate::cluster::node::auto_compaction::Retention;
use crate::cluster::node::{Config, Founding, NodeStartError};
use crate::cluster::peer::{
    CallError, ListenError as PeerListenError, PeerTls, PeerTlsError, PeerTlsFiles, PeerUrl, members_at,
};
use crate::cluster::store::member::Members;
use crate::cluster::tls::MeshTls;

/// How a member is served.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The member.
    pub node: Config,
    /// When it joins a cluster which runs, and has no files yet: where the others are, to ask who they are.
    pub ask: Vec<PeerUrl>,
    /// Where it is, as the others know it: how it finds itself among them when it joins.
    pub peer_urls: Vec<String>,
    /// Where clients are listened to.
    pub listen_clients: Vec<Listen>,
    /// Where metrics and health are served too.
    pub listen_metrics: Vec<Address>,
    /// Where peers are listened to.
    pub listen_peers: Vec<PeerUrl>,
    /// Peers are answered at the clients' listeners too.
    pub peers_at_clients: bool,
    /// What addresses with TLS speak.
    pub tls: ServerTls,
    /// Who is asked before clients are answered: the rules of a mesh.
    pub guard: Option<GuardSettings>,
    /// Certificates to be made first, unless they are there already.
    pub self_signed: Vec<SelfSigned>,
    /// What old data is compacted without being asked.
    pub auto_compaction: Option<Retention>,
    /// Calls at a time on one connection.
    pub concurrent_streams: u32,
    /// Connections at a time on one listener; more are told to come again later.
    pub connections: usize,
    /// How long calls may take to end when the member does.
    pub farewell: Duration,
    /// What is not served.
    pub limits: Limits,
}

/// Where to listen.
#[derive(Clone, Debug)]
pub enum Listen {
    /// From when the member starts.
    At(Address),
    /// It is listened there already.
    Bound(Bound),
}

/// The rules of a mesh.
#[derive(Clone, Debug)]
pub struct GuardSettings {
    /// Which mesh.
    pub mesh: MeshId,
    /// What hosts may write of what is everybody's.
    pub grants: Grants,
}

/// What addresses with TLS speak.
#[derive(Clone, Debug)]
pub enum ServerTls {
    /// From files; of what there is none, there is no TLS.
    Files {
        /// For clients.
        clients: Option<TlsFiles>,
        /// Between members.
        peers: Option<PeerTlsFiles>,
    },
    /// Of a mesh: clients and members alike.
    Mesh(Arc<MeshTls>),
}

impl ServerTls {
    pub(super) fn for_clients(&self) -> Result<Option<Arc<Tls>>, TlsError> {
        match self {
            Self::Files { clients, .. } => Ok(clients.clone().map(Tls::new).transpose()?.map(Arc::new)),
            Self::Mesh(mesh) => Ok(Some(Arc::new(Tls::Mesh(mesh.clone())))),
        }
    }

    pub(super) fn for_peers(&self) -> Result<Option<Arc<PeerTls>>, PeerTlsError> {
        match self {
            Self::Files { peers, .. } => Ok(peers.clone().map(PeerTls::new).transpose()?.map(Arc::new)),
            Self::Mesh(mesh) => Ok(Some(Arc::new(PeerTls::Mesh(mesh.clone())))),
        }
    }
}

/// Why a member cannot be served.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ServerError {
    #[error(transparent)]
    Node(#[from] NodeStartError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    PeerTls(#[from] PeerTlsError),
    #[error(transparent)]
    PeerListen(#[from] PeerListenError),
    #[error("cannot learn from {at} who the members are: {source}")]
    Ask { at: String, source: Box<CallError> },
    #[error("the cluster does not know a member at {urls}")]
    NotAMember { urls: String },
    #[error("cannot make {path:?}: {source}")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    SelfSigned(#[from] SelfSignedError),
    #[error(transparent)]
    Corrupt(#[from] crate::cluster::node::Corrupt),
    #[error("the store panicked while it started: {0}")]
    Panicked(tokio::task::JoinError),
}

impl ServerError {
    /// What to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Node(NodeStartError::Open(error)) => error.hint(),
            Self::NotAMember { .. } => Some("add it first, with `etcdctl member add NAME --peer-urls=URL`"),
            Self::Corrupt(_) => Some(
                "find out which of the two is right, as with `etcdctl endpoint hashkv`; then remove the other from the \
                 cluster, empty its data directory and add it again",
            ),
            Self::Listen(ListenError::Bind { cause, .. })
            | Self::PeerListen(PeerListenError::Bind { cause, .. })
                if cause.kind() == ErrorKind::AddrInUse =>
            {
                Some(
                    "another program listens there, and `ss -ltnp` tells which; end it, or choose other addresses with \
                     --listen-client-urls and --listen-peer-urls, and advertise those",
                )
            }
            Self::Listen(ListenError::NoCertificate { .. }) => {
                Some("name the files with --cert-file and --key-file, or let one be made with --auto-tls")
            }
            Self::PeerListen(PeerListenError::NoCertificate { .. }) => Some(
                "name the files with --peer-cert-file and --peer-key-file, or let one be made with --peer-auto-tls",
            ),
            Self::Ask { .. } => Some("name members that run in --initial-cluster"),
            _ => None,
        }
    }
}

impl Settings {
    /// The member's configuration; who the others are is asked of them if it joins them.
    pub(super) async fn founded(&self, tls: Option<&Arc<PeerTls>>) -> Result<Config, ServerError> {
        let has_files = self.node.data_dir.join("member").join("wal").is_dir();
        if self.ask.is_empty() || has_files {
            return Ok(self.node.clone());
        }
        let told = members_at(&self.ask, tls).await.map_err(|source| {
            let at: Vec<String> = self.ask.iter().map(ToString::to_string).collect();
            ServerError::Ask { at: at.join(", "), source: Box::new(source) }
        })?;
        let mut members = told.members;
        let mut urls = self.peer_urls.clone();
        urls.sort_unstable();
        let not_a_member = || ServerError::NotAMember { urls: urls.join(", ") };
        let own = members.iter_mut().find(|member| member.peer_urls == urls).ok_or_else(not_a_member)?;
        own.name.clone_from(&self.node.name);
        let founding = Founding::Joining { members: Members::restore(members, []), cluster: told.cluster };
        Ok(Config { founding, ..self.node.clone() })
    }
}
