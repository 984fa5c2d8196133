//! A socket that listens.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::ahead::listen_ahead;
use super::tls::Tls;
use super::{Address, Place, holder};

/// An address that is listened at while there is a copy of this: nobody else gets it when one who serves there gives way to
/// another, and who calls in between waits.
#[derive(Clone, Debug)]
pub struct Bound {
    address: Address,
    socket: Arc<Listening>,
}

/// A socket that listens, with what TLS needs when it is spoken there.
pub struct Listener {
    bound: Bound,
    tls: Option<Arc<Tls>>,
}

#[derive(Debug)]
enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// Why an address cannot be listened at.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The system refuses.
    #[error("cannot listen at {at}: {cause}{}", held(at, cause))]
    Bind {
        /// Where.
        at: Address,
        /// Why.
        cause: io::Error,
    },
    /// TLS is to be spoken, and there is no certificate.
    #[error("cannot listen at {at}: TLS needs a certificate and a key")]
    NoCertificate {
        /// Where.
        at: Address,
    },
}

/// Who listens there, if that can be told. Looked for only where it is said: all processes are gone through.
fn held(at: &Address, cause: &io::Error) -> String {
    match at.place {
        Place::Tcp(_, port) if cause.kind() == io::ErrorKind::AddrInUse => {
            holder::of_port(port).map(|holder| format!("; {holder} does")).unwrap_or_default()
        }
        _ => String::new(),
    }
}

impl Bound {
    /// Listens at an address; with `ahead`, also at one that this host does not have yet.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn listen(address: &Address, ahead: bool) -> Result<Self, ListenError> {
        let socket = match &address.place {
            Place::Tcp(host, port) if ahead => listen_ahead(host, *port).await.map(Listening::Tcp),
            Place::Tcp(host, port) => TcpListener::bind((&**host, *port)).await.map(Listening::Tcp),
            Place::Unix(path) => {
                // One that a killed process left would be in the way.
                if UnixStream::connect(path)
                    .await
                    .is_err_and(|it| it.kind() == io::ErrorKind::ConnectionRefused)
                {
                    drop(std::fs::remove_file(path));
                }
                UnixListener::bind(path).map(|socket| Listening::Unix(socket, path.clone()))
            }
        };
        let socket = socket.map_err(|cause| ListenError::Bind { at: address.clone(), cause })?;
        let mut bound = Self { address: address.clone(), socket: Arc::new(socket) };
        if let (Some(local), Place::Tcp(_, port)) = (bound.local(), &mut bound.address.place) {
            *port = local.port();
        }
        Ok(bound)
    }

    /// What was asked for; port 0 is one that the system has chosen.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The address, when it is one of the network: the port may have been chosen by the system.
    pub fn local(&self) -> Option<SocketAddr> {
        match &*self.socket {
            Listening::Tcp(socket) => socket.local_addr().ok(),
            Listening::Unix(..) => None,
        }
    }

    /// The next connection.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn accept(&self) -> io::Result<Socket> {
        match &*self.socket {
            Listening::Tcp(socket) => {
                let (stream, _) = socket.accept().await?;
                // A small answer does not wait for more.
                stream.set_nodelay(true)?;
                Ok(Socket::Tcp(stream))
            }
            Listening::Unix(socket, _) => Ok(Socket::Unix(socket.accept().await?.0)),
        }
    }
}

impl Listener {
    /// Listens at an address.
    ///
    /// # Errors
    /// As for [`Listener::at`], or when the system refuses.
    pub async fn bind(address: &Address, tls: Option<&Arc<Tls>>) -> Result<Self, ListenError> {
        Self::at(Bound::listen(address, false).await?, tls)
    }

    /// Serves what is listened at already.
    ///
    /// # Errors
    /// When TLS is to be spoken there, and there is no certificate.
    pub fn at(bound: Bound, tls: Option<&Arc<Tls>>) -> Result<Self, ListenError> {
        match (bound.address.tls, tls) {
            (true, None) => Err(ListenError::NoCertificate { at: bound.address }),
            (true, Some(tls)) => Ok(Self { bound, tls: Some(tls.clone()) }),
            (false, _) => Ok(Self { bound, tls: None }),
        }
    }

    /// Where it listens, as a URL.
    pub fn url(&self) -> String {
        let place = match &*self.bound.socket {
            Listening::Tcp(_) => match self.local() {
                Some(address) => Place::Tcp(address.ip().to_string(), address.port()),
                None => return "a closed socket".to_owned(),
            },
            Listening::Unix(_, path) => Place::Unix(path.clone()),
        };
        Address { place, tls: self.tls.is_some() }.to_string()
    }

    /// The address, when it is one of the network: the port may have been chosen by the system.
    pub fn local(&self) -> Option<SocketAddr> {
        self.bound.local()
    }

    pub(super) fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    pub(super) async fn accept(&self) -> io::Result<Socket> {
        self.bound.accept().await
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            drop(std::fs::remove_file(path));
        }
    }
}

/// A connection.
pub enum Socket {
    /// Of the network.
    Tcp(TcpStream),
    /// Through a file.
    Unix(UnixStream),
}

impl Socket {
    /// Where it comes from; `None`: through a file, or it has gone again.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok().map(|address| address.ip()),
            Self::Unix(_) => None,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
