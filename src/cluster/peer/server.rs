//! The called side.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tonic::body::Body;

use super::channel::{PING_EVERY, PING_TIMEOUT};
use super::door::PeerDoor;
use super::{ListenError, PeerHandler, PeerIdentity, PeerTls, PeerUrl};

/// Connections at a time on one address; more wait. Each other member has up to four.
const CONNECTIONS: usize = 1024;
/// What may be on its way to us in one call: a few batches.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
/// What may be on its way to us in one connection.
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;

/// What a [`PeerServer`] serves with.
#[derive(Clone)]
pub struct PeerServerSettings {
    /// Who this member is.
    pub identity: PeerIdentity,
    /// Wanted by `https` URLs.
    pub tls: Option<Arc<PeerTls>>,
    /// Where snapshots arrive; must exist.
    pub snapshots: PathBuf,
}

/// Listens at this member's peer URLs. Dropping it ends all connections at once.
pub struct PeerServer {
    addresses: Vec<SocketAddr>,
    tasks: JoinSet<()>,
}

impl PeerServer {
    /// Listens, and serves what comes until it is closed.
    pub async fn start(
        urls: &[PeerUrl],
        settings: PeerServerSettings,
        handler: Arc<dyn PeerHandler>,
    ) -> Result<Self, ListenError> {
        let door = PeerDoor::new(settings.clone(), handler)?;
        let mut server = Self { addresses: Vec::new(), tasks: JoinSet::new() };
        for url in urls {
            let tls = match (url.tls, &settings.tls) {
                (true, None) => return Err(ListenError::NoCertificate { url: url.clone() }),
                (true, Some(tls)) => Some(tls.clone()),
                (false, _) => None,
            };
            let bind = |cause| ListenError::Bind { url: url.clone(), cause };
            let listener = TcpListener::bind((&*url.host, url.port)).await.map_err(bind)?;
            server.addresses.push(listener.local_addr().map_err(bind)?);
            server.tasks.spawn(accept(listener, tls, door.clone()));
        }
        Ok(server)
    }

    /// Where it listens, in the order of the URLs; ports that the system chose are filled in.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Takes no more connections, and ends those that are.
    pub async fn close(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn accept(listener: TcpListener, tls: Option<Arc<PeerTls>>, door: PeerDoor) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    // They end with this task.
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                // Too many open files, mostly: soon there may be room again.
                tracing::warn!(%error, "cannot accept a connection of a peer");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let (tls, door) = (tls.clone(), door.clone());
        connections.spawn(async move {
            greet(socket, tls, door).await;
            drop(place);
        });
    }
}

async fn greet(socket: TcpStream, tls: Option<Arc<PeerTls>>, door: PeerDoor) {
    // An answer does not wait for more.
    if let Err(error) = socket.set_nodelay(true) {
        return tracing::debug!(%error, "a peer is gone already");
    }
    let Some(tls) = tls else { return serve(socket, door).await };
    match tls.accept(socket).await {
        Ok(stream) => serve(stream, door).await,
        Err(error) => tracing::warn!(%error, "no TLS with a peer"),
    }
}

async fn serve<S>(stream: S, door: PeerDoor)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request: Request<Incoming>| {
                let door = door.clone();
                async move { door.call(request.map(Body::new)).await }
            }),
        );
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a peer's connection has broken");
    }
}
