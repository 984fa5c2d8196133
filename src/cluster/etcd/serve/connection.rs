//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::body::Body;

use super::authority::Repaired;
use super::listener::Socket;
use super::subject::common_name;
use super::tls::Tls;
use super::with_calls::{Begun, WithCalls};
use super::{Options, REFUSED_FOR};
use crate::cluster::etcd::admission::{Entering, Opened, Stay};
use crate::cluster::etcd::front::Front;
use crate::cluster::etcd::surface::CommonName;
use crate::cluster::identity::{Certificate, MeshId};
use crate::cluster::tls::{Accepted, MeshTls};

pub(super) async fn serve(
    front: Front,
    options: Options,
    socket: Socket,
    tls: Option<Arc<Tls>>,
    watcher: Watcher,
    entering: Entering,
) {
    // In boxes, so that neither takes room in the task of a connection that is of the other kind, or open.
    match tls {
        Some(tls) => Box::pin(encrypted(front, options, socket, tls, watcher, entering)).await,
        None => {
            if let Some((stream, entering)) = Box::pin(opened(socket, entering)).await {
                run(front, options, stream, None, watcher, entering).await;
            }
        }
    }
}

async fn encrypted(
    front: Front,
    options: Options,
    socket: Socket,
    tls: Arc<Tls>,
    watcher: Watcher,
    mut entering: Entering,
) {
    match &*tls {
        Tls::Files(files) => {
            let stream = match entering.hold(files.acceptor().accept(socket)).await {
                Some(Ok(stream)) => stream,
                Some(Err(error)) => return tracing::debug!(%error, "no TLS with a client"),
                None => return tracing::debug!("no TLS with a client in time"),
            };
            let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let name = certificate.and_then(|certificate| common_name(certificate));
            if let Some((stream, entering)) = opened(stream, entering).await {
                run(front, options, stream, name.map(Who::of_name), watcher, entering).await;
            }
        }
        Tls::Mesh(mesh) => of_mesh(front, options, socket, mesh, watcher, entering).await,
    }
}

/// Serves one of the mesh, until it is one no longer.
async fn of_mesh(
    front: Front,
    options: Options,
    socket: Socket,
    tls: &MeshTls,
    watcher: Watcher,
    mut entering: Entering,
) {
    let (stream, certificate) = match entering.hold(tls.accept(socket)).await {
        Some(Ok(Accepted::Member(stream, certificate))) => (stream, certificate),
        // It stays in the door, of which there is only so much.
        Some(Ok(Accepted::Joins(joins))) => return tls.answer(joins).await,
        Some(Err(error)) => return tracing::debug!(%error, "no TLS with a caller"),
        None => return tracing::debug!("no TLS with a caller in time"),
    };
    let Some((stream, entering)) = opened(stream, entering).await else { return };
    let who = Who::of_certificate(certificate.clone(), &tls.mesh());
    tokio::select! {
        () = run(front, options, stream, who, watcher, entering) => {}
        why = tls.disbelieved(&certificate) => {
            tracing::info!(who = %certificate.principal(), %why, "a connection is closed");
        }
    }
}

/// The connection once it speaks HTTP.
async fn opened<S>(stream: S, mut entering: Entering) -> Option<(Opened<S>, Entering)>
where
    S: AsyncRead + Unpin,
{
    let opened = entering.open(stream).await;
    if opened.is_none() {
        tracing::debug!("a client did not begin to speak HTTP in time");
    }
    Some((opened?, entering))
}

/// Whom a connection is with, as its certificate says: what calls over it are done as.
#[derive(Clone)]
struct Who {
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
fn run<S>(
    front: Front,
    options: Options,
    stream: S,
    who: Option<Who>,
    watcher: Watcher,
    entering: Entering,
) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stay = entering.through(who.as_ref().map(|who| who.name.0.clone())).map(Arc::new);
    let told_only = stay.is_none();
    let front = if told_only { front.full() } else { front };
    let served = converse(front, options, stream, who, stay, watcher);
    async move {
        match told_only {
            // One too many of its identity: who has heard it by then goes by itself.
            true => drop(Box::pin(tokio::time::timeout(REFUSED_FOR, served)).await),
            false => served.await,
        }
    }
}

/// From within this process: nobody else's share is at stake.
pub(super) fn within<S>(
    front: Front,
    options: Options,
    stream: S,
    watcher: Watcher,
) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    converse(front, options, stream, None, None, watcher)
}

fn converse<S>(
    front: Front,
    options: Options,
    stream: S,
    who: Option<Who>,
    stay: Option<Arc<Stay>>,
    watcher: Watcher,
) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let front = Arc::new(front);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (front, who, stay) = (front.clone(), who.clone(), stay.clone());
        // In a box, as it is large, and a call holds it no longer than until it streams.
        Box::pin(async move {
            if let Some(Who { name, certificate }) = who {
                request.extensions_mut().insert(name);
                if let Some(certificate) = certificate {
                    request.extensions_mut().insert(certificate);
                }
            }
            let answered: Result<_, Infallible> = match stay {
                Some(stay) => stay.answer(&front, request).await,
                None => front.answer(request.map(Body::new)).await,
            };
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
