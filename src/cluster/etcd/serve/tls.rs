//! TLS of the listeners, from files that may be replaced while it serves.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::cluster::tls::MeshTls;

/// The files that TLS is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and the root.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who may sign the certificates of clients.
    pub clients: Option<PathBuf>,
    /// Whether a client must have one.
    pub client_must: bool,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: pem::Error,
    },
    /// Clients must have a certificate, and nobody may sign it.
    #[error("client certificates are asked for, and no file says who may sign them")]
    NobodySigns,
    /// Who may sign the certificates of clients is not usable.
    #[error("cannot take the signers of client certificates from {}: {cause}", path.display())]
    Signers {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: rustls::server::VerifierBuilderError,
    },
    /// Certificate and key do not work together, or not at all.
    #[error("cannot use the certificate {}: {cause}", path.display())]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: rustls::Error,
    },
}

/// When each of the files was last written.
type Stamps = [Option<SystemTime>; 3];

/// TLS of a listener.
pub enum Tls {
    /// From files.
    Files(FileTls),
    /// Of a mesh: who is not of it is not served.
    Mesh(Arc<MeshTls>),
}

/// TLS from files. Before each connection, files that were replaced are read again; while what they hold is no good, what
/// was there before stays in use.
pub struct FileTls {
    files: TlsFiles,
    current: Mutex<(Stamps, TlsAcceptor)>,
}

impl Tls {
    /// From files.
    pub fn new(files: TlsFiles) -> Result<Self, TlsError> {
        let current = (files.stamps(), files.acceptor()?);
        Ok(Self::Files(FileTls { files, current: Mutex::new(current) }))
    }
}

impl FileTls {
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let stamps = self.files.stamps();
        // What it holds is replaced in one go.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != stamps {
            current.0 = stamps;
            match self.files.acceptor() {
                Ok(acceptor) => current.1 = acceptor,
                Err(error) => tracing::warn!(%error, "the new TLS files are not used"),
            }
        }
        current.1.clone()
    }
}

impl TlsFiles {
    fn stamps(&self) -> Stamps {
        let stamp = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        [stamp(&self.certificate), stamp(&self.key), self.clients.as_deref().and_then(stamp)]
    }

    fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|cause| TlsError::Certificate { path: self.certificate.clone(), cause })?;
        let builder = match &self.clients {
            None if self.client_must => return Err(TlsError::NobodySigns),
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if self.client_must { verifier } else { verifier.allow_unauthenticated() };
                let verifier =
                    verifier.build().map_err(|cause| TlsError::Signers { path: path.clone(), cause })?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|cause| TlsError::File { path: self.key.clone(), cause })?;
        let mut config = builder
            .with_single_cert(certificates(&self.certificate)?, key)
            .map_err(|cause| TlsError::Certificate { path: self.certificate.clone(), cause })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    all.map_err(|cause| TlsError::File { path: path.to_owned(), cause })
}
