//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::body::Body;

use super::Options;
use super::authority::Repaired;
use super::listener::Socket;
use super::subject::common_name;
use super::tls::Tls;
use super::with_calls::{Begun, WithCalls};
use crate::cluster::etcd::front::Front;
use crate::cluster::etcd::surface::CommonName;
use crate::cluster::identity::{Certificate, MeshId};
use crate::cluster::tls::{Accepted, MeshTls};

/// How long a client may take to agree on a key.
const HANDSHAKE: Duration = Duration::from_secs(10);

pub(super) async fn serve(
    front: Front,
    options: Options,
    socket: Socket,
    tls: Option<Arc<Tls>>,
    watcher: Watcher,
) {
    match tls {
        // In a box, so that it takes no room in the task of a connection without.
        Some(tls) => Box::pin(encrypted(front, options, socket, tls, watcher)).await,
        None => run(front, options, socket, None, watcher).await,
    }
}

async fn encrypted(front: Front, options: Options, socket: Socket, tls: Arc<Tls>, watcher: Watcher) {
    match &*tls {
        Tls::Files(files) => {
            let stream = match tokio::time::timeout(HANDSHAKE, files.acceptor().accept(socket)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::debug!(%error, "no TLS with a client"),
                Err(_) => return tracing::debug!("no TLS with a client in time"),
            };
            let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let name = certificate.and_then(|certificate| common_name(certificate));
            run(front, options, stream, name.map(Who::of_name), watcher).await;
        }
        Tls::Mesh(mesh) => of_mesh(front, options, socket, mesh, watcher).await,
    }
}

/// Serves one of the mesh, until it is one no longer.
async fn of_mesh(front: Front, options: Options, socket: Socket, tls: &MeshTls, watcher: Watcher) {
    let (stream, certificate) = match tls.accept(socket, HANDSHAKE).await {
        Ok(Accepted::Member(stream, certificate)) => (stream, certificate),
        Ok(Accepted::Served) => return,
        Err(error) => return tracing::debug!(%error, "no TLS with a caller"),
    };
    let who = Who::of_certificate(certificate.clone(), &tls.mesh());
    tokio::select! {
        () = run(front, options, stream, who, watcher) => {}
        why = tls.disbelieved(&certificate) => {
            tracing::info!(who = %certificate.principal(), %why, "a connection is closed");
        }
    }
}

/// Whom a connection is with, as its certificate says: what calls over it are done as.
#[derive(Clone)]
pub(super) struct Who {
    name: CommonName,
    certificate: Option<Arc<Certificate>>,
}

impl Who {
    fn of_name(name: String) -> Self {
        Self { name: CommonName(name.into()), certificate: None }
    }

    /// By the URI: it is the whole name, and tells hosts from people and meshes from one another.
    fn of_certificate(certificate: Arc<Certificate>, mesh: &MeshId) -> Option<Self> {
        let name = CommonName(certificate.principal().uri(mesh)?.into());
        Some(Self { name, certificate: Some(certificate) })
    }
}

/// Not an async function: what it needs to begin with is not kept for as long as the connection lasts.
pub(super) fn run<S>(
    front: Front,
    options: Options,
    stream: S,
    who: Option<Who>,
    watcher: Watcher,
) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let front = Arc::new(front);
    let service = service_fn(move |request: Request<Incoming>| {
        let (front, who) = (front.clone(), who.clone());
        // In a box, as it is large, and a call holds it no longer than until it streams.
        Box::pin(async move {
            let mut request = request.map(Body::new);
            if let Some(Who { name, certificate }) = who {
                request.extensions_mut().insert(name);
                if let Some(certificate) = certificate {
                    request.extensions_mut().insert(certificate);
                }
            }
            let answered: Result<_, Infallible> = front.answer(request).await;
            answered
        })
    });
    let begun = Begun::default();
    let builder = options.builder(begun.clone());
    let connection = builder.serve_connection(TokioIo::new(Repaired::new(stream)), service);
    let served = WithCalls::new(watcher.watch(connection.into_owned()), begun);
    async move {
        if let Err(error) = served.await {
            tracing::debug!(%error, "a connection has broken");
        }
    }
}
