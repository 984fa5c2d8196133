//! A member of the store, served: the node, its peers, its clients' listeners, started and ended together.

mod peering;
mod settings;

use std::future::Future;
use std::sync::Arc;

pub use settings::{ServerError, Settings};

use self::peering::Peering;
use super::etcd::front::Front;
use super::etcd::node::Node;
use super::etcd::serve::{self, Listener, Options, Tls};
use super::etcd::surface::Surface;
use super::node::{Running, start};
use super::peer::{PeerServer, PeerTls};

/// A member that serves.
pub struct Server {
    node: Running,
    peers: Option<PeerServer>,
    listeners: Vec<Listener>,
    front: Front,
}

impl Server {
    /// Starts a member; its listeners are bound, and what comes is served by [`Server::run`].
    pub async fn start(settings: Settings) -> Result<Self, ServerError> {
        let tls = settings.client_tls.clone().map(Tls::new).transpose()?.map(Arc::new);
        let mut listeners = Vec::new();
        for address in &settings.listen_clients {
            listeners.push(Listener::bind(address, tls.as_ref()).await?);
        }
        let peer_tls = settings.peer_tls.clone().map(PeerTls::new).transpose()?.map(Arc::new);
        let limits = settings.limits;
        let peering = Peering::default();
        let (node, peers) = Self::join(settings, peering, peer_tls).await?;
        let front = Front::new(Surface { node: Arc::new(node.handle().clone()), limits });
        Ok(Self { node, peers, listeners, front })
    }

    async fn join(
        settings: Settings,
        peering: Peering,
        tls: Option<Arc<PeerTls>>,
    ) -> Result<(Running, Option<PeerServer>), ServerError> {
        let snapshots = settings.node.data_dir.join("member").join("snap");
        let config = settings.founded(tls.as_ref()).await?;
        let listen = settings.listen_peers;
        // Reading a large store back takes seconds.
        let runtime = tokio::runtime::Handle::current();
        let started = tokio::task::spawn_blocking({
            let (peering, tls) = (peering.clone(), tls.clone());
            move || {
                let _context = runtime.enter();
                start(config, |identity, inbox| peering.transport(identity, inbox, tls))
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
        Ok((node, peers))
    }

    /// Where clients are served: the ports may have been chosen by the system.
    pub fn client_addresses(&self) -> Vec<std::net::SocketAddr> {
        self.listeners.iter().filter_map(Listener::local).collect()
    }

    /// What the services ask.
    pub fn node(&self) -> Arc<dyn Node> {
        self.front.surface.node.clone()
    }

    /// Serves until `stop`, or until the member ends by itself; then ends in order. Whether it was `stop`.
    pub async fn run(self, stop: impl Future<Output = ()>) -> bool {
        let handle = self.node.handle().clone();
        let published = tokio::spawn({
            let handle = handle.clone();
            async move {
                handle.publish().await;
                tracing::info!("ready to serve client requests");
            }
        });
        let asked = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let until = {
            let asked = asked.clone();
            async move {
                tokio::select! {
                    () = stop => asked.store(true, std::sync::atomic::Ordering::Relaxed),
                    () = handle.ended() => {}
                }
            }
        };
        serve::serve(self.front, self.listeners, Options::default(), until).await;
        published.abort();
        if let Some(peers) = self.peers {
            peers.close().await;
        }
        let node = self.node;
        // Writing the end of the log may take a moment.
        if tokio::task::spawn_blocking(move || node.stop()).await.is_err() {
            tracing::error!("the store panicked while it ended");
        }
        asked.load(std::sync::atomic::Ordering::Relaxed)
    }
}
