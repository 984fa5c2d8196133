//! A connection to join by.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client};

use super::belief::Belief;
use super::mesh_tls::{binding, nowhere};
use super::passport::provider;
use super::{EXPORTER, JOIN, TlsError};
use crate::cluster::identity::{Certificate, Fingerprint, MeshId};

/// Connections of a host that has no certificate, or one whose time is over: it shows nothing, and believes who has a certificate
/// of one of the authorities that it knows. Before that is certain it sends nothing of its own.
pub struct JoinTls {
    mesh: MeshId,
    connector: TlsConnector,
}

impl JoinTls {
    /// Believing these authorities: those of a token, or the roots that are known.
    ///
    /// # Errors
    /// None that can happen: TLS 1.3 is there.
    pub fn new(mesh: MeshId, authorities: Vec<Fingerprint>) -> Result<Self, TlsError> {
        let belief = Belief::of_token(mesh, authorities);
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TlsError::Keys)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(belief))
            .with_no_client_auth();
        config.alpn_protocols = vec![JOIN.to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        Ok(Self { mesh, connector: TlsConnector::from(Arc::new(config)) })
    }

    /// Calls a host of the mesh; returns what is this connection's alone, and who answers.
    ///
    /// # Errors
    /// When it is not believed.
    pub async fn connect<S>(
        &self,
        socket: S,
    ) -> Result<(client::TlsStream<S>, [u8; 32], Certificate), TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = self.connector.connect(nowhere(), socket).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).ok_or(TlsError::Nobody)?;
        let certificate = Certificate::from_der(shown, &self.mesh).map_err(TlsError::Stranger)?;
        let binding = binding(|out| stream.get_ref().1.export_keying_material(out, EXPORTER, None))?;
        Ok((stream, binding, certificate))
    }
}
