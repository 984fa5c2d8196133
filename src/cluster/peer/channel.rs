//! One connection to a member.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::HandshakeKind;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tonic::body::Body;
use tonic::codegen::{Service, http};

use super::pb::peering_client::PeeringClient;
use super::{ConnectError, PeerTls, PeerUrl};
use crate::cluster::identity::Certificate;
use crate::cluster::tls::TlsError;

/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(3);
/// How long it may take to hear why a connection is refused.
const REFUSED: Duration = Duration::from_secs(2);
/// A member is asked so often whether it is still there,
pub(super) const PING_EVERY: Duration = Duration::from_secs(2);
/// and taken for gone when it has not answered after this: etcd's time-out of its streams.
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// A batch may be as large as what a user lets a request be, and some.
pub(in crate::cluster) const MESSAGE_LIMIT_BYTES: usize = 256 << 20;

/// One connection to a member. It ends with the last clone, calls or no calls.
#[derive(Clone)]
pub(in crate::cluster) struct Channel {
    sender: SendRequest<Body>,
    origin: http::Uri,
    over: watch::Receiver<bool>,
    with: Option<Arc<Certificate>>,
    resumed: bool,
    _connection: Arc<EndsWithIt>,
}

struct EndsWithIt(AbortHandle);

impl Drop for EndsWithIt {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Channel {
    /// Connects to a URL.
    pub(in crate::cluster) async fn connect(
        url: &PeerUrl,
        tls: Option<&Arc<PeerTls>>,
    ) -> Result<Self, ConnectError> {
        let connected = tokio::time::timeout(CONNECT, connect(url, tls)).await;
        connected.map_err(|_| ConnectError::Deadline { url: url.clone(), after: CONNECT })?
    }

    /// Why nobody at a URL speaks with this host, if it is because of who this host is.
    pub(in crate::cluster) async fn refusal(url: &PeerUrl, tls: Option<&Arc<PeerTls>>) -> Option<TlsError> {
        let tls = tls.filter(|_| url.tls)?;
        let asked = async { tls.refusal(TcpStream::connect((&*url.host, url.port)).await.ok()?).await };
        tokio::time::timeout(REFUSED, asked).await.ok().flatten().filter(TlsError::is_verdict)
    }

    /// Over a stream that is there, to who is called so.
    pub(in crate::cluster) async fn over(
        url: &PeerUrl,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Self, ConnectError> {
        speak(url, stream, None, std::future::pending()).await
    }

    /// Connects to the first of these URLs that answers, of which there is one at least.
    pub(super) async fn connect_any(
        urls: &[PeerUrl],
        tls: Option<&Arc<PeerTls>>,
    ) -> Option<Result<Self, ConnectError>> {
        let mut last = None;
        for url in urls {
            let connected = Self::connect(url, tls).await;
            if connected.is_ok() {
                return Some(connected);
            }
            last = Some(connected);
        }
        last
    }

    /// It still holds, as far as is known.
    pub(in crate::cluster) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Returns once it holds no longer.
    pub(in crate::cluster) async fn closed(&self) {
        let mut over = self.over.clone();
        // Who would say so goes with the connection.
        let _ = over.wait_for(|over| *over).await;
    }

    /// As whom the other side has shown itself, in a mesh with TLS.
    pub(in crate::cluster) fn with(&self) -> Option<&Certificate> {
        self.with.as_deref()
    }

    /// Whether its TLS has gone on with an older session, without certificates being verified anew.
    pub(in crate::cluster) fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// What requests over it are addressed to.
    pub(in crate::cluster) fn origin(&self) -> http::Uri {
        self.origin.clone()
    }

    /// Calls over it.
    pub(super) fn client(&self) -> PeeringClient<Self> {
        PeeringClient::with_origin(self.clone(), self.origin.clone())
            .max_decoding_message_size(MESSAGE_LIMIT_BYTES)
    }
}

async fn connect(url: &PeerUrl, tls: Option<&Arc<PeerTls>>) -> Result<Channel, ConnectError> {
    let tcp = |cause| ConnectError::Tcp { url: url.clone(), cause };
    let socket = TcpStream::connect((&*url.host, url.port)).await.map_err(tcp)?;
    // A heartbeat does not wait for more.
    socket.set_nodelay(true).map_err(tcp)?;
    if !url.tls {
        return speak(url, socket, None, std::future::pending()).await;
    }
    let tls = tls.ok_or_else(|| ConnectError::NoCertificates { url: url.clone() })?;
    let (stream, with) = tls.connect(url, socket).await?;
    let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
    let with = with.map(Arc::new);
    let until = disbelieved(tls.clone(), with.clone());
    Ok(Channel { resumed, ..speak(url, stream, with, until).await? })
}

/// Returns once the other side is not believed any more.
async fn disbelieved(tls: Arc<PeerTls>, with: Option<Arc<Certificate>>) -> TlsError {
    match (&*tls, with) {
        (PeerTls::Mesh(mesh), Some(with)) => mesh.disbelieved(&with).await,
        _ => std::future::pending().await,
    }
}

async fn speak<S>(
    url: &PeerUrl,
    stream: S,
    with: Option<Arc<Certificate>>,
    until: impl Future<Output = TlsError> + Send + 'static,
) -> Result<Channel, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|cause| ConnectError::Http { url: url.clone(), cause })?;
    let (ended, over) = watch::channel(false);
    let connection = tokio::spawn(async move {
        tokio::select! {
            ended = connection => if let Err(error) = ended {
                tracing::debug!(%error, "a connection to a peer has broken");
            },
            why = until => tracing::info!(%why, "a connection to a peer is closed"),
        }
        ended.send_replace(true);
    });
    let origin = url.to_string().parse().map_err(|_| ConnectError::HostName { url: url.clone() })?;
    let connection = Arc::new(EndsWithIt(connection.abort_handle()));
    Ok(Channel { sender, origin, over, with, resumed: false, _connection: connection })
}

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.sender.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}
