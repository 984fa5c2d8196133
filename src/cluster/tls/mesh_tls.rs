//! Connections of a mesh, both ways.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rustls::client::Resumption;
use rustls::crypto::ring::Ticketer;
use rustls::pki_types::ServerName;
use rustls::server::{Acceptor, NoServerSessionStorage};
use rustls::{ClientConfig, CommonState, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::watch;
use tokio_rustls::{LazyConfigAcceptor, TlsConnector, client, server};

use super::belief::Belief;
use super::passport::provider;
use super::{EXPORTER, JOIN, Passport, TlsError, now};
use crate::cluster::identity::{Certificate, MeshId};
use crate::engine::world::HostName;

/// What is spoken with who is of the mesh.
const SPOKEN: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// Servers whose sessions are remembered: a mesh has seven that carry the store, and a host moves between them.
const SESSIONS: usize = 64;
/// How long one sleeps at most before a certificate is looked at again: a clock may be set meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// TLS of a mesh. What is shown and believed may be replaced: new connections go by it, and open ones with those who are
/// not believed any more end ([`MeshTls::disbelieved`]).
pub struct MeshTls {
    current: watch::Sender<Arc<Current>>,
    desk: Mutex<Option<Arc<dyn Desk>>>,
}

struct Current {
    passport: Passport,
    /// For those who are of the mesh.
    within: Arc<ServerConfig>,
    /// For those who want to be.
    joining: Arc<ServerConfig>,
    calling: TlsConnector,
    asking: TlsConnector,
}

/// Answers those who want a certificate.
pub trait Desk: Send + Sync {
    /// Talks to one, until it is done. `binding` is this connection's alone; `shown` the certificate that was shown, if any.
    fn answer(
        &self,
        stream: Box<dyn JoinStream>,
        binding: [u8; 32],
        shown: Option<Certificate>,
    ) -> BoxFuture<'_, ()>;
}

/// A connection by which somebody joins.
pub trait JoinStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> JoinStream for S {}

/// Who has come.
pub enum Accepted<S> {
    /// One of the mesh.
    Member(Box<server::TlsStream<S>>, Arc<Certificate>),
    /// One who wants a certificate: [`MeshTls::answer`].
    Joins(Joins),
}

/// One who wants a certificate.
pub struct Joins {
    stream: Box<dyn JoinStream>,
    binding: [u8; 32],
    shown: Option<Certificate>,
}

impl MeshTls {
    /// With this.
    ///
    /// # Errors
    /// When the keys cannot be used.
    pub fn new(passport: Passport) -> Result<Arc<Self>, TlsError> {
        let (current, _) = watch::channel(Arc::new(Current::new(passport)?));
        Ok(Arc::new(Self { current, desk: Mutex::default() }))
    }

    /// Shows and believes something else from now on.
    ///
    /// # Errors
    /// When the keys cannot be used; then nothing has changed.
    pub fn replace(&self, passport: Passport) -> Result<(), TlsError> {
        let before = self.current.borrow().clone();
        self.current.send_replace(Arc::new(Current::new(passport.after(&before.passport))?));
        Ok(())
    }

    /// Changes whenever something else is shown or believed.
    pub fn changes(&self) -> watch::Receiver<impl Sized + use<>> {
        self.current.subscribe()
    }

    /// Who answers those who want a certificate; while nobody does, they are hung up on.
    pub fn set_desk(&self, desk: Option<Arc<dyn Desk>>) {
        *self.desk.lock().unwrap_or_else(PoisonError::into_inner) = desk;
    }

    /// What is shown and believed.
    pub fn passport(&self) -> Passport {
        self.current.borrow().passport.clone()
    }

    /// Whether a host of this name was evicted. Another one may have the name by now.
    pub fn has_evicted(&self, host: &HostName) -> bool {
        self.current.borrow().passport.denied.of_name(host).is_some()
    }

    /// The mesh.
    pub fn mesh(&self) -> MeshId {
        self.current.borrow().passport.mesh
    }

    /// Agrees on keys with one who has called.
    ///
    /// # Errors
    /// When it is not believed.
    pub async fn accept<S>(&self, socket: S) -> Result<Accepted<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let current = self.current.borrow().clone();
        let called = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
        let joins = called.client_hello().alpn().is_some_and(|mut spoken| spoken.any(|it| it == JOIN));
        let config = if joins { &current.joining } else { &current.within };
        let stream = Box::new(called.into_stream(config.clone()).await?);
        let shown = current.known(stream.get_ref().1)?;
        if !joins {
            return Ok(Accepted::Member(stream, Arc::new(shown.ok_or(TlsError::Nobody)?)));
        }
        let binding = binding(|out| stream.get_ref().1.export_keying_material(out, EXPORTER, None))?;
        Ok(Accepted::Joins(Joins { stream, binding, shown }))
    }

    /// Gives one what it wants, or hangs up on it while nobody does.
    pub async fn answer(&self, joins: Joins) {
        let desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(desk) = desk {
            desk.answer(joins.stream, joins.binding, joins.shown).await;
        }
    }

    /// Calls one of the mesh; returns who answers.
    ///
    /// # Errors
    /// When it is not believed, or does not believe this host.
    pub async fn connect<S>(&self, socket: S) -> Result<(client::TlsStream<S>, Certificate), TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let current = self.current.borrow().clone();
        let stream = current.calling.connect(nowhere(), socket).await?;
        let shown = current.known(stream.get_ref().1)?.ok_or(TlsError::Nobody)?;
        Ok((stream, shown))
    }

    /// Calls one of the mesh and says nothing: who is believed is greeted, and who is not is told why. A side that has sent something
    /// may lose that answer, since a connection that is closed with unread data is reset.
    ///
    /// # Errors
    /// Why this host is not believed, or the other one.
    pub async fn is_greeted<S>(&self, socket: S) -> Result<(), TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut stream, _) = self.connect(socket).await?;
        // How much of it there is says nothing more.
        let _bytes = stream.read(&mut [0; 1]).await?;
        Ok(())
    }

    /// Calls one of the mesh for another certificate; returns what is this connection's alone, too.
    ///
    /// # Errors
    /// As for [`MeshTls::connect`].
    pub async fn connect_to_join<S>(
        &self,
        socket: S,
    ) -> Result<(client::TlsStream<S>, [u8; 32], Certificate), TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let current = self.current.borrow().clone();
        let stream = current.asking.connect(nowhere(), socket).await?;
        let shown = current.known(stream.get_ref().1)?.ok_or(TlsError::Nobody)?;
        let binding = binding(|out| stream.get_ref().1.export_keying_material(out, EXPORTER, None))?;
        Ok((stream, binding, shown))
    }

    /// Returns once somebody with whom there is a connection is not believed any more, and why: it was evicted, or its
    /// certificate is over.
    pub async fn disbelieved(&self, certificate: &Certificate) -> TlsError {
        let mut changes = self.current.subscribe();
        loop {
            let at = now();
            if let Err(error) = changes.borrow_and_update().passport.believes(certificate, at) {
                return error;
            }
            let left = Duration::from_secs(certificate.not_after().0.saturating_sub(at.0));
            tokio::select! {
                // Its sender is this.
                _ = changes.changed() => {}
                () = tokio::time::sleep(left.min(LOOK_EVERY)) => {}
            }
        }
    }
}

impl Current {
    fn new(passport: Passport) -> Result<Self, TlsError> {
        let tls13 = [&rustls::version::TLS13];
        let server = |must, spoken: &[&[u8]]| {
            let belief = Arc::new(Belief::of(&passport, must));
            let mut config = ServerConfig::builder_with_provider(provider())
                .with_protocol_versions(&tls13)
                .map_err(TlsError::Keys)?
                .with_client_cert_verifier(belief)
                .with_cert_resolver(passport.resolver());
            config.alpn_protocols = spoken.iter().map(|it| it.to_vec()).collect();
            // Tickets, so that a thousand hosts that come back cost no memory and less time; each is good until what is
            // believed changes.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.ticketer = Ticketer::new().map_err(TlsError::Keys)?;
            Ok::<_, TlsError>(Arc::new(config))
        };
        let client = |spoken: &[&[u8]]| {
            let mut config = ClientConfig::builder_with_provider(provider())
                .with_protocol_versions(&tls13)
                .map_err(TlsError::Keys)?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Belief::of(&passport, true)))
                .with_client_cert_resolver(passport.resolver());
            config.alpn_protocols = spoken.iter().map(|it| it.to_vec()).collect();
            config.resumption = Resumption::in_memory_sessions(SESSIONS);
            config.enable_sni = false;
            Ok::<_, TlsError>(TlsConnector::from(Arc::new(config)))
        };
        let (within, joining) = (server(true, &SPOKEN)?, server(false, &[JOIN])?);
        let (calling, asking) = (client(&SPOKEN[..1])?, client(&[JOIN])?);
        Ok(Self { within, joining, calling, asking, passport })
    }

    /// Who is at the other end. Not asked of the handshake alone: a session that goes on is believed by what it was.
    fn known(&self, state: &CommonState) -> Result<Option<Certificate>, TlsError> {
        let Some(shown) = state.peer_certificates().and_then(<[_]>::first) else { return Ok(None) };
        let certificate = Certificate::from_der(shown, &self.passport.mesh).map_err(TlsError::Stranger)?;
        self.passport.believes(&certificate, now())?;
        Ok(Some(certificate))
    }
}

impl fmt::Debug for MeshTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MeshTls({})", self.mesh())
    }
}

/// What is a connection's alone.
pub(super) fn binding(
    export: impl FnOnce([u8; 32]) -> Result<[u8; 32], rustls::Error>,
) -> Result<[u8; 32], TlsError> {
    export([0; 32]).map_err(TlsError::Keys)
}

/// Certificates of a mesh say who somebody is, and not where: rustls wants a name all the same.
pub(super) fn nowhere() -> ServerName<'static> {
    ServerName::try_from("mesh.invalid").expect("it is a name of DNS")
}
