//! What is spoken over a connection before HTTP/2: nothing, or TLS with certificates of either kind.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mgmt::cluster::tls::MeshTls;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Failure;

/// Where certificates are, as etcd's clients have them.
#[derive(clap::Args)]
pub struct Files {
    /// Who has signed the server's certificate; TLS is spoken if it is given
    #[arg(long, global = true, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// What is shown
    #[arg(long, global = true, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Its key
    #[arg(long, global = true, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// What is spoken before HTTP/2.
pub enum Tls {
    /// Nothing.
    None,
    /// TLS with certificates that lie in files.
    Files(FileTls),
    /// TLS of a mesh.
    Mesh(Arc<MeshTls>),
}

/// Certificates from files, read once.
pub struct FileTls(TlsConnector);

impl Files {
    /// What they say is to be spoken.
    pub fn load(&self) -> Result<Tls, Failure> {
        let Some(cacert) = &self.cacert else { return Ok(Tls::None) };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(cacert)?);
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                builder.with_client_auth_cert(certificates(cert)?, PrivateKeyDer::from_pem_file(key)?)?
            }
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Tls::Files(FileTls(TlsConnector::from(Arc::new(config)))))
    }
}

impl FileTls {
    /// Agrees with the server at this address, `HOST:PORT`.
    pub async fn agree(&self, endpoint: &str, tcp: TcpStream) -> Result<TlsStream<TcpStream>, Failure> {
        let host = endpoint.rsplit_once(':').ok_or("an endpoint is HOST:PORT")?.0;
        Ok(self.0.connect(ServerName::try_from(host.to_owned())?, tcp).await?)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    Ok(CertificateDer::pem_file_iter(path).and_then(Iterator::collect)?)
}
