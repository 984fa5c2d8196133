//! A socket that listens.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::tls::Tls;
use super::{Address, Place, holder, listen_ahead};

/// A socket that listens, with what TLS needs when it is spoken there.
pub struct Listener {
    socket: Listening,
    tls: Option<Arc<Tls>>,
}

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

impl Listener {
    /// Listens at an address.
    pub async fn bind(address: &Address, tls: Option<&Arc<Tls>>) -> Result<Self, ListenError> {
        Self::listen(address, tls, false).await
    }

    /// The same; also at one that this host does not have yet.
    pub async fn bind_ahead(address: &Address, tls: Option<&Arc<Tls>>) -> Result<Self, ListenError> {
        Self::listen(address, tls, true).await
    }

    async fn listen(address: &Address, tls: Option<&Arc<Tls>>, ahead: bool) -> Result<Self, ListenError> {
        if address.tls && tls.is_none() {
            return Err(ListenError::NoCertificate { at: address.clone() });
        }
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
        Ok(Self { socket, tls: tls.filter(|_| address.tls).cloned() })
    }

    /// Where it listens, as a URL.
    pub fn url(&self) -> String {
        let place = match &self.socket {
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
        match &self.socket {
            Listening::Tcp(socket) => socket.local_addr().ok(),
            Listening::Unix(..) => None,
        }
    }

    pub(super) fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    pub(super) async fn accept(&self) -> io::Result<Socket> {
        match &self.socket {
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

impl Drop for Listening {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            drop(std::fs::remove_file(path));
        }
    }
}

/// A connection.
pub(super) enum Socket {
    Tcp(TcpStream),
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
