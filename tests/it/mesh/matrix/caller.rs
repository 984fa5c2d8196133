//! Who calls, what certificate they show, and what becomes of what they ask.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{self, Stream};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes};
use hyper::client::conn::http1;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use mgmt::cluster::etcd::pb::{DESCRIPTORS, etcdserverpb};
use mgmt::cluster::identity::{Certificate, CertificateKey, Roots};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::client::Grpc;
use tonic::codegen::Service;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use super::operation::Call;

static METHODS: LazyLock<DescriptorPool> = LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).unwrap());

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of what somebody asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was done; or it would have been, were what it names there.
    Allowed,
    /// `permission denied`, or what etcd says in its place to who may not.
    Denied,
    /// There was no connection over which to ask.
    Unheard,
}

/// By which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Grpc,
    Gateway,
}

/// Somebody, with the certificate that they show.
#[derive(Clone)]
pub struct Caller {
    pub name: &'static str,
    at: SocketAddr,
    server: ServerName<'static>,
    h2: TlsConnector,
    http1: TlsConnector,
    /// A connection to the gateway over which nothing is under way.
    kept: Arc<Mutex<Option<Kept>>>,
    /// How often what became of what they asked.
    counts: Arc<Mutex<BTreeMap<Outcome, usize>>>,
}

/// By what requests go, and the connection, which ends by itself.
type Kept = (http1::SendRequest<Full<Bytes>>, JoinHandle<hyper::Result<()>>);

/// What somebody shows.
pub type Shown<'s> = Option<(&'s Certificate, &'s CertificateKey)>;

impl Caller {
    /// Calls the host of this name; believes these roots.
    pub fn new(name: &'static str, (at, host): (SocketAddr, &str), roots: &Roots, shown: Shown<'_>) -> Self {
        let connector = |protocol: &[u8]| {
            let mut store = RootCertStore::empty();
            for root in roots.iter() {
                store.add(CertificateDer::from(root.der().to_vec())).unwrap();
            }
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let builder = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(store);
            let mut config = match shown {
                None => builder.with_no_client_auth(),
                Some((certificate, key)) => {
                    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
                    let key = PrivatePkcs8KeyDer::from(key.to_der().to_vec()).into();
                    builder.with_client_auth_cert(chain, key).unwrap()
                }
            };
            config.alpn_protocols = vec![protocol.to_vec()];
            TlsConnector::from(Arc::new(config))
        };
        let server = ServerName::try_from(host.to_owned()).unwrap();
        let (h2, http1) = (connector(b"h2"), connector(b"http/1.1"));
        Self { name, at, server, h2, http1, kept: Arc::default(), counts: Arc::default() }
    }

    /// How often what became of what they asked.
    pub fn counts(&self) -> BTreeMap<Outcome, usize> {
        self.counts.lock().unwrap().clone()
    }

    async fn dial(self, way: Way) -> io::Result<TlsStream<TcpStream>> {
        let connector = if way == Way::Grpc { &self.h2 } else { &self.http1 };
        let socket = TcpStream::connect(self.at).await?;
        socket.set_nodelay(true)?;
        connector.connect(self.server.clone(), socket).await
    }

    /// A connection for HTTP/2, or none.
    pub async fn h2(&self) -> io::Result<TlsStream<TcpStream>> {
        self.clone().dial(Way::Grpc).await
    }

    /// A connection for HTTP/1.1, or none.
    pub async fn http1(&self) -> io::Result<TlsStream<TcpStream>> {
        self.clone().dial(Way::Gateway).await
    }

    /// A channel, connected when it is used; and again, as long as it is refused.
    pub fn channel(&self) -> Channel {
        Endpoint::from_static("http://mesh").timeout(PATIENCE).connect_with_connector_lazy(Dial(self.clone()))
    }

    /// A page.
    pub async fn page(&self, path: &str) -> Option<StatusCode> {
        let request = Request::get(path).header("host", "mesh").body(Full::default()).unwrap();
        let (status, _) = self.send(request, path).await?;
        Some(status)
    }

    /// Asks the gateway. `None`: there is no connection. Of the answer the first piece.
    async fn post(&self, call: &Call) -> Option<(StatusCode, String)> {
        let request = Request::builder().method(Method::POST).uri(format!("/v3/{}", call.path));
        let body = Full::new(Bytes::from(call.body.to_string()));
        self.send(request.header("host", "mesh").body(body).unwrap(), call).await
    }

    async fn send(&self, request: Request<Full<Bytes>>, what: impl Debug) -> Option<(StatusCode, String)> {
        let answered = tokio::time::timeout(PATIENCE, self.sent(request)).await;
        answered.unwrap_or_else(|_| panic!("{} waits too long for {what:?}", self.name))
    }

    async fn sent(&self, request: Request<Full<Bytes>>) -> Option<(StatusCode, String)> {
        let kept = self.kept.lock().unwrap().take();
        let (mut sender, mut connection) = match kept.filter(|(sender, _)| sender.is_ready()) {
            Some(kept) => kept,
            None => {
                let stream = self.clone().dial(Way::Gateway).await.ok()?;
                let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
                (sender, tokio::spawn(connection))
            }
        };
        let answered = async {
            let mut answer = sender.send_request(request).await.ok()?;
            let piece = answer.frame().await?.ok()?.into_data().unwrap_or_default();
            Some((answer.status(), answer.is_end_stream(), String::from_utf8_lossy(&piece).into_owned()))
        };
        let (status, is_whole, text) = unless_over(&mut connection, answered).await?;
        // Of what goes on, only the beginning is wanted: then the connection ends with it.
        if is_whole {
            *self.kept.lock().unwrap() = Some((sender, connection));
        }
        Some((status, text))
    }

    /// Asks, and returns what became of it.
    pub async fn ask(&self, way: Way, channel: &Channel, call: &Call) -> Outcome {
        let outcome = self.asked(way, channel, call).await;
        *self.counts.lock().unwrap().entry(outcome).or_default() += 1;
        outcome
    }

    async fn asked(&self, way: Way, channel: &Channel, call: &Call) -> Outcome {
        match way {
            Way::Gateway => match self.post(call).await {
                None => Outcome::Unheard,
                Some((status, text)) => judged(status != StatusCode::OK, &text, call),
            },
            Way::Grpc => match asked(channel, call).await {
                Ok(refused) => judged(refused.is_some(), &refused.unwrap_or_default(), call),
                // Only what was made here has a source: nobody has answered.
                Err(status) if status.source().is_some() => Outcome::Unheard,
                Err(status) => judged(true, &format!("{:?}: {}", status.code(), status.message()), call),
            },
        }
    }
}

/// What is answered over a connection, unless it ends before: what is asked just then may stay in hyper's queue for as long as
/// somebody could ask more.
async fn unless_over<A>(
    connection: &mut JoinHandle<hyper::Result<()>>,
    answered: impl Future<Output = Option<A>>,
) -> Option<A> {
    let mut answered = pin!(answered);
    tokio::select! {
        biased;
        answered = &mut answered => answered,
        _ = connection => answered.now_or_never().flatten(),
    }
}

/// What an answer means.
fn judged(is_error: bool, text: &str, call: &Call) -> Outcome {
    let denied = [
        "permission denied",
        "user name is empty",
        "authentication failed",
        // etcd's gateway to who comes with a certificate.
        "will be ignored and not used as expected",
    ];
    if denied.iter().any(|denied| text.contains(denied)) {
        return Outcome::Denied;
    }
    // What it names is not there, or it makes no sense here; that is told to who may.
    let reached = [
        "not found",
        "already exists",
        "bad leader transferee",
        "has been compacted",
        "not leader",
        "no leader",
        "is a future revision",
        "downgrade",
        "session is expired",
    ];
    let text = text.to_lowercase();
    assert!(!is_error || reached.iter().any(|it| text.contains(it)), "{call:?}: {text}");
    Outcome::Allowed
}

/// Asks by gRPC; `Some`: a watch was refused.
async fn asked(channel: &Channel, call: &Call) -> Result<Option<String>, Status> {
    let (service, method) = call.method.split_once('/').unwrap();
    let service = METHODS.get_service_by_name(service).expect("there is such a service");
    let method = service.methods().find(|it| it.name() == method).expect("there is such a method");
    let message = DynamicMessage::deserialize(method.input(), &call.body).expect("it is such a message");
    if call.method == "etcdserverpb.Watch/Watch" {
        let told: etcdserverpb::WatchResponse = first(channel, &call.method, message).await?;
        return Ok(told.canceled.then_some(told.cancel_reason));
    }
    let () = first(channel, &call.method, message).await?;
    Ok(None)
}

/// The first message that answers one. (On the wire a call is a stream of one message.)
pub async fn first<Q, A>(channel: &Channel, method: &str, message: Q) -> Result<A, Status>
where
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    first_of(channel, method, tonic::Request::new(stream::iter([message]))).await
}

/// The same for a stream of messages, with what comes beside it.
pub async fn first_of<Q, A>(
    channel: &Channel,
    method: &str,
    request: tonic::Request<impl Stream<Item = Q> + Send + 'static>,
) -> Result<A, Status>
where
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
    let path = PathAndQuery::try_from(format!("/{method}")).unwrap();
    let codec: ProstCodec<Q, A> = ProstCodec::default();
    let mut answers = grpc.streaming(request, path, codec).await?.into_inner();
    answers.message().await?.ok_or_else(|| Status::new(Code::Internal, "it ends without an answer"))
}

/// Makes connections.
#[derive(Clone)]
struct Dial(Caller);

impl Service<Uri> for Dial {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dialed = self.0.clone().dial(Way::Grpc);
        Box::pin(async move { Ok(TokioIo::new(dialed.await?)) })
    }
}
