//! Whose signatures under certificates of servers count.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::ProbeError;

/// Where distributions keep the bundle of all authorities (those that Go and OpenSSL look for): Debian, Fedora, openSUSE,
/// Alpine.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where the authorities of this system may be: the first place that has some counts.
pub fn bundles() -> Vec<PathBuf> {
    let given = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    given.into_iter().chain(BUNDLES.map(PathBuf::from)).collect()
}

/// The TLS of a client that trusts the authorities in a file, or else those of the system, in `bundles`. A system
/// without any still talks to servers without TLS.
///
/// # Errors
/// When a file that was named cannot be read.
pub fn client_config(ca: Option<&Path>, bundles: &[PathBuf]) -> Result<ClientConfig, ProbeError> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let failed =
                |reason: String| ProbeError::Authorities { path: path.into(), reason: reason.into() };
            let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
            let (good, _) = roots.add_parsable_certificates(all.map_err(|error| failed(error.to_string()))?);
            if good == 0 {
                return Err(failed("there is no certificate in it".to_owned()));
            }
        }
        None => {
            let found = bundles.iter().find_map(|path| {
                let all: Vec<_> = CertificateDer::pem_file_iter(path).ok()?.filter_map(Result::ok).collect();
                (!all.is_empty()).then_some(all)
            });
            roots.add_parsable_certificates(found.unwrap_or_default());
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ProbeError::Tls { reason: error.to_string().into() })?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
