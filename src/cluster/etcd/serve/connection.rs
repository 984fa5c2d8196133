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
use crate::cluster::etcd::admission::{Entering, Opened};
use crate::cluster::etcd::front::Front;
use crate::cluster::etcd::surface::CommonName;

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
    let stream = match entering.hold(tls.acceptor().accept(socket)).await {
        Some(Ok(stream)) => stream,
        Some(Err(error)) => return tracing::debug!(%error, "no TLS with a client"),
        None => return tracing::debug!("no TLS with a client in time"),
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let name = certificate.and_then(|certificate| common_name(certificate));
    let name = name.map(|name| CommonName(name.into()));
    if let Some((stream, entering)) = opened(stream, entering).await {
        run(front, options, stream, name, watcher, entering).await;
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

/// Not an async function: what it needs to begin with is not kept for as long as the connection lasts.
fn run<S>(
    front: Front,
    options: Options,
    stream: S,
    name: Option<CommonName>,
    watcher: Watcher,
    entering: Entering,
) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stay = entering.through(name.as_ref().map(|name| name.0.clone())).map(Arc::new);
    let told_only = stay.is_none();
    let front = Arc::new(if told_only { front.full() } else { front });
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (front, name, stay) = (front.clone(), name.clone(), stay.clone());
        // In a box, as it is large, and a call holds it no longer than until it streams.
        Box::pin(async move {
            if let Some(name) = name {
                request.extensions_mut().insert(name);
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
        if told_only {
            // One too many of its identity: who has heard it by then goes by itself.
            let _ = Box::pin(tokio::time::timeout(REFUSED_FOR, served)).await;
        } else if let Err(error) = served.await {
            tracing::debug!(%error, "a connection has broken");
        }
    }
}
