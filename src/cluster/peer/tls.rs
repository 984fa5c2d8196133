//! TLS between members: each shows the same certificate when it calls and when it is called.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The files that TLS between members is made of, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTlsFiles {
    /// This member's certificate, and those between it and the root.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who may sign the members' certificates.
    pub trusted: PathBuf,
    /// Whether a member that calls must show one.
    pub client_must: bool,
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

/// TLS between members. Before each connection, files that were replaced are read again; while what they hold is no
/// good, what was there before stays in use.
pub struct PeerTls {
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
        Ok(Self { files, current })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.current().acceptor
    }

    pub(super) fn connector(&self) -> TlsConnector {
        self.current().connector
    }

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
        [stamp(&self.certificate), stamp(&self.key), stamp(&self.trusted)]
    }

    fn load(&self) -> Result<Current, PeerTlsError> {
        // Before the files: what is written meanwhile is seen the next time.
        let stamps = self.stamps();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(&self.trusted)?);
        let roots = Arc::new(roots);
        Ok(Current { stamps, acceptor: self.acceptor(roots.clone())?, connector: self.connector(roots)? })
    }

    fn acceptor(&self, roots: Arc<RootCertStore>) -> Result<TlsAcceptor, PeerTlsError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
        let verifier = if self.client_must { verifier } else { verifier.allow_unauthenticated() };
        let verifier =
            verifier.build().map_err(|cause| PeerTlsError::Signers { path: self.trusted.clone(), cause })?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|cause| self.unusable(cause))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(&self.certificate)?, self.key()?)
            .map_err(|cause| self.unusable(cause))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn connector(&self, roots: Arc<RootCertStore>) -> Result<TlsConnector, PeerTlsError> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|cause| self.unusable(cause))?
            .with_root_certificates(roots)
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

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PeerTlsError> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    all.map_err(|cause| PeerTlsError::File { path: path.to_owned(), cause })
}
