//! TLS between members: each shows the same certificate when it calls and when it is called.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::believing::Believing;
use super::{ConnectError, PeerUrl};
use crate::cluster::identity::Certificate;
use crate::cluster::tls::{Accepted, MeshTls, TlsError};

/// How long a member may take to agree on a key.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The files that TLS between members is made of, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTlsFiles {
    /// This member's certificate, and those between it and the root.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Whose certificates are believed.
    pub trust: PeerTrust,
}

/// Whose certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerTrust {
    /// Those that are signed by who is in a file.
    Signed {
        /// The file.
        by: PathBuf,
        /// Whether a member that calls must show one.
        client_must: bool,
    },
    /// Everybody's: what is sent is only hidden from who does not interfere. etcd's `--peer-auto-tls`.
    Anybody,
}

/// Why there is no TLS between members.
#[derive(Debug, thiserror::Error)]
pub enum PeerTlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: pem::Error,
    },
    /// Who may sign is not usable.
    #[error("cannot take the signers of peer certificates from {}: {cause}", path.display())]
    Signers {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: rustls::server::VerifierBuilderError,
    },
    /// Certificate and key do not work together, or not at all.
    #[error("cannot use the peer certificate {}: {cause}", path.display())]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: rustls::Error,
    },
}

/// When each of the files was last written.
type Stamps = [Option<SystemTime>; 3];

/// TLS between members.
pub enum PeerTls {
    /// From files.
    Files(FilePeerTls),
    /// Of a mesh: each believes only who is of it.
    Mesh(Arc<MeshTls>),
}

impl fmt::Debug for PeerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files(_) => "PeerTls::Files",
            Self::Mesh(_) => "PeerTls::Mesh",
        })
    }
}

/// TLS from files. Before each connection, files that were replaced are read again; while what they hold is no good, what
/// was there before stays in use.
pub struct FilePeerTls {
    files: PeerTlsFiles,
    current: Mutex<Current>,
}

#[derive(Clone)]
struct Current {
    stamps: Stamps,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl PeerTls {
    /// From files.
    pub fn new(files: PeerTlsFiles) -> Result<Self, PeerTlsError> {
        let current = Mutex::new(files.load()?);
        Ok(Self::Files(FilePeerTls { files, current }))
    }

    /// Agrees with a member that has called.
    pub(super) async fn accept(&self, socket: TcpStream) -> Result<server::TlsStream<TcpStream>, TlsError> {
        match self {
            Self::Files(files) => {
                let agreed = tokio::time::timeout(HANDSHAKE, files.current().acceptor.accept(socket)).await;
                Ok(agreed.map_err(|_| TlsError::Late { after: HANDSHAKE })??)
            }
            Self::Mesh(mesh) => {
                let agreed = tokio::time::timeout(HANDSHAKE, mesh.accept(socket)).await;
                match agreed.map_err(|_| TlsError::Late { after: HANDSHAKE })?? {
                    Accepted::Member(stream, _) => Ok(*stream),
                    Accepted::Joins(_) => Err(TlsError::Nobody),
                }
            }
        }
    }

    /// Agrees with who was called; returns as whom it has shown itself, if it is of a mesh.
    pub(super) async fn connect(
        &self,
        url: &PeerUrl,
        socket: TcpStream,
    ) -> Result<(client::TlsStream<TcpStream>, Option<Certificate>), ConnectError> {
        let failed = |cause| ConnectError::Tls { url: url.clone(), cause };
        match self {
            Self::Files(files) => {
                let name = ServerName::try_from(url.host.clone())
                    .map_err(|_| ConnectError::HostName { url: url.clone() })?;
                let agreed = files.current().connector.connect(name, socket).await;
                Ok((agreed.map_err(|cause| failed(cause.into()))?, None))
            }
            Self::Mesh(mesh) => {
                let (stream, shown) = mesh.connect(socket).await.map_err(failed)?;
                Ok((stream, Some(shown)))
            }
        }
    }
}

impl PeerTls {
    /// Why who was called does not believe this host, if it says so: it is told only once TLS is agreed upon.
    pub(super) async fn refusal(&self, socket: TcpStream) -> Option<TlsError> {
        match self {
            Self::Files(_) => None,
            Self::Mesh(mesh) => mesh.is_greeted(socket).await.err(),
        }
    }
}

impl FilePeerTls {
    fn current(&self) -> Current {
        // What it holds is replaced in one go.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = self.files.stamps();
        if current.stamps != stamps {
            current.stamps = stamps;
            match self.files.load() {
                Ok(loaded) => *current = loaded,
                Err(error) => tracing::warn!(%error, "the new peer TLS files are not used"),
            }
        }
        current.clone()
    }
}

impl PeerTlsFiles {
    fn stamps(&self) -> Stamps {
        let stamp = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        let signers = match &self.trust {
            PeerTrust::Signed { by, .. } => stamp(by),
            PeerTrust::Anybody => None,
        };
        [stamp(&self.certificate), stamp(&self.key), signers]
    }

    fn load(&self) -> Result<Current, PeerTlsError> {
        // Before the files: what is written meanwhile is seen the next time.
        let stamps = self.stamps();
        Ok(Current { stamps, acceptor: self.acceptor()?, connector: self.connector()? })
    }

    fn acceptor(&self) -> Result<TlsAcceptor, PeerTlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|cause| self.unusable(cause))?;
        let builder = match &self.trust {
            PeerTrust::Anybody => builder.with_no_client_auth(),
            PeerTrust::Signed { by, client_must } => {
                let verifier = WebPkiClientVerifier::builder_with_provider(roots(by)?, provider);
                let verifier = if *client_must { verifier } else { verifier.allow_unauthenticated() };
                let verifier =
                    verifier.build().map_err(|cause| PeerTlsError::Signers { path: by.clone(), cause })?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(certificates(&self.certificate)?, self.key()?)
            .map_err(|cause| self.unusable(cause))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn connector(&self) -> Result<TlsConnector, PeerTlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|cause| self.unusable(cause))?;
        let builder = match &self.trust {
            PeerTrust::Anybody => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Believing(provider)))
            }
            PeerTrust::Signed { by, .. } => builder.with_root_certificates(roots(by)?),
        };
        let mut config = builder
            .with_client_auth_cert(certificates(&self.certificate)?, self.key()?)
            .map_err(|cause| self.unusable(cause))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, PeerTlsError> {
        let key = PrivateKeyDer::from_pem_file(&self.key);
        key.map_err(|cause| PeerTlsError::File { path: self.key.clone(), cause })
    }

    fn unusable(&self, cause: rustls::Error) -> PeerTlsError {
        PeerTlsError::Certificate { path: self.certificate.clone(), cause }
    }
}

fn roots(path: &Path) -> Result<Arc<RootCertStore>, PeerTlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(path)?);
    Ok(Arc::new(roots))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PeerTlsError> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    all.map_err(|cause| PeerTlsError::File { path: path.to_owned(), cause })
}
