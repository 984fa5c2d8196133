//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::body::Body;

use super::listener::Socket;
use super::subject::common_name;
use super::tls::Tls;
use crate::cluster::etcd::front::Front;
use crate::cluster::etcd::surface::CommonName;

/// How long a client may take to agree on a key.
const HANDSHAKE: Duration = Duration::from_secs(10);

pub(super) async fn serve(
    front: Front,
    builder: Builder<TokioExecutor>,
    socket: Socket,
    tls: Option<Arc<Tls>>,
    watcher: Watcher,
) {
    let Some(tls) = tls else {
        return run(front, builder, socket, None, watcher).await;
    };
    let stream = match tokio::time::timeout(HANDSHAKE, tls.acceptor().accept(socket)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "no TLS with a client"),
        Err(_) => return tracing::debug!("no TLS with a client in time"),
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let name = certificate.and_then(|certificate| common_name(certificate));
    run(front, builder, stream, name.map(|name| CommonName(name.into())), watcher).await;
}

async fn run<S>(
    front: Front,
    builder: Builder<TokioExecutor>,
    stream: S,
    name: Option<CommonName>,
    watcher: Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (front, name) = (front.clone(), name.clone());
        async move {
            let mut request = request.map(Body::new);
            if let Some(name) = name {
                request.extensions_mut().insert(name);
            }
            let answered: Result<_, Infallible> = front.answer(request).await;
            answered
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(%error, "a connection has broken");
    }
}
