//! A member of the store, served: the node, its peers, its clients' listeners, started and ended together.

mod compacting;
pub mod open_files;
mod peering;
mod self_signed;
mod settings;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

pub use open_files::connections;
pub use self_signed::{SelfSigned, SelfSignedError};
pub use settings::{GuardSettings, Listen, ServerError, ServerTls, Settings};

use self::peering::Peering;
use super::etcd::front::Front;
use super::etcd::guard::Guard;
use super::etcd::node::Node;
use super::etcd::serve::{self, Inside, Listener, Options};
use super::etcd::surface::Surface;
use super::node::auto_compaction::Retention;
use super::node::{Ended, Handle, Running, start};
use super::peer::{PeerServer, PeerTls};

/// A member that serves.
pub struct Server {
    node: Running,
    peers: Option<PeerServer>,
    listeners: Vec<Listener>,
    metrics: Vec<Listener>,
    auto_compaction: Option<Retention>,
    options: Options,
    front: Front,
    inside: Inside,
    compare_every: Option<Duration>,
}

impl Server {
    /// Starts a member; its listeners are bound, and what comes is served by [`Server::run`].
    pub async fn start(settings: Settings) -> Result<Self, ServerError> {
        for certificate in &settings.self_signed {
            certificate.make()?;
        }
        let tls = settings.tls.for_clients()?;
        let mut listeners = Vec::new();
        for listen in &settings.listen_clients {
            listeners.push(match listen {
                Listen::At(address) => Listener::bind(address, tls.as_ref()).await?,
                Listen::Bound(bound) => Listener::at(bound.clone(), tls.as_ref())?,
            });
        }
        let mut metrics = Vec::new();
        for address in &settings.listen_metrics {
            metrics.push(Listener::bind(address, tls.as_ref()).await?);
        }
        let peer_tls = settings.tls.for_peers()?;
        let limits = settings.limits;
        let auto_compaction = settings.auto_compaction;
        let Settings { concurrent_streams, connections, farewell, .. } = settings;
        let options = Options { concurrent_streams, connections, farewell, ..Options::default() };
        let peering = Peering::default();
        let compare_every = settings.node.compare_every;
        let at_clients = settings.peers_at_clients;
        let snapshots = snapshots(&settings);
        let guard = settings.guard.clone();
        let (node, peers) = Self::join(settings, peering.clone(), peer_tls).await?;
        let member: Arc<dyn Node> = Arc::new(node.handle().clone());
        let inside = Inside::new(Front::new(Surface { node: member.clone(), limits }), options);
        let mut front = match guard {
            None => Front::new(Surface { node: member, limits }),
            Some(GuardSettings { mesh, grants }) => {
                let node = Arc::new(Guard::new(member, mesh, grants));
                let mut front = Front::new(Surface { node, limits });
                front.gateway_knows_certificates = true;
                front
            }
        };
        if at_clients {
            front.peers = peering.door(&snapshots)?;
        }
        Ok(Self { node, peers, listeners, metrics, auto_compaction, options, front, inside, compare_every })
    }

    async fn join(
        settings: Settings,
        peering: Peering,
        tls: Option<Arc<PeerTls>>,
    ) -> Result<(Running, Option<PeerServer>), ServerError> {
        let snapshots = snapshots(&settings);
        let config = settings.founded(tls.as_ref()).await?;
        let compare = config.compare_at_start;
        let listen = settings.listen_peers;
        // A URL that no peer could call need not be announced.
        let own_urls = settings.peer_urls.iter().filter_map(|url| url.parse().ok()).collect();
        // Reading a large store back takes seconds.
        let runtime = tokio::runtime::Handle::current();
        let started = tokio::task::spawn_blocking({
            let (peering, tls) = (peering.clone(), tls.clone());
            move || {
                let _context = runtime.enter();
                start(config, |identity, inbox| peering.transport(identity, inbox, own_urls, tls))
            }
        });
        let node = started.await.map_err(ServerError::Panicked)??;
        peering.attach(node.handle());
        let peers = match peering.listen(&listen, &snapshots, tls).await {
            Ok(peers) => peers,
            Err(error) => {
                node.stop();
                return Err(error);
            }
        };
        if compare && let Err(corrupt) = node.handle().compare_at_start().await {
            node.stop();
            return Err(corrupt.into());
        }
        Ok((node, peers))
    }

    /// Where clients are served: the ports may have been chosen by the system.
    pub fn client_addresses(&self) -> Vec<std::net::SocketAddr> {
        self.listeners.iter().filter_map(Listener::local).collect()
    }

    /// The member itself, for whoever runs it.
    pub fn handle(&self) -> &Handle {
        self.node.handle()
    }

    /// A way to the store for what this member does for itself.
    pub fn inside(&self) -> Inside {
        self.inside.clone()
    }

    /// What the services ask.
    pub fn node(&self) -> Arc<dyn Node> {
        self.front.surface.node.clone()
    }

    /// Serves until `stop`, or until the member ends by itself, for it left or was removed, or must not go on; then ends
    /// in order. Says why.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Ended {
        let handle = self.node.handle().clone();
        let mut beside = JoinSet::new();
        let urls: Vec<String> = self.listeners.iter().map(Listener::url).collect();
        beside.spawn({
            let handle = handle.clone();
            async move {
                handle.publish().await;
                tracing::info!(at = urls.join(","), "ready to serve client requests");
            }
        });
        if let Some(retention) = self.auto_compaction {
            beside.spawn(compacting::run(handle.clone(), retention));
        }
        if let Some(every) = self.compare_every {
            let handle = handle.clone();
            beside.spawn(async move { handle.compare_regularly(every).await });
        }
        beside.spawn(serve::serve(self.front.probes(), self.metrics, self.options, {
            let handle = handle.clone();
            async move { _ = handle.ended().await }
        }));
        let leaving = handle.clone();
        let until = async move {
            tokio::select! {
                () = stop => {}
                _ = handle.ended() => {}
            }
        };
        serve::serve(self.front, self.listeners, self.options, until).await;
        leaving.step_aside().await;
        beside.shutdown().await;
        if let Some(peers) = self.peers {
            peers.close().await;
        }
        let node = self.node;
        // Writing the end of the log may take a moment.
        if tokio::task::spawn_blocking(move || node.stop()).await.is_err() {
            tracing::error!("the store panicked while it ended");
        }
        leaving.ended().await
    }
}

/// Where a member's snapshots are.
fn snapshots(settings: &Settings) -> PathBuf {
    settings.node.data_dir.join("member").join("snap")
}
