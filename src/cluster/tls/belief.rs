//! Whose certificates are believed.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerIncompatible,
    SignatureScheme,
};

use super::Passport;
use super::passport::provider;
use crate::cluster::identity::{
    Administrators, Certificate, DenyList, Fingerprint, Link, MOST_LINKS, MOST_ROOTS, MeshId, Principal,
    Root, Roots, UnixSeconds,
};

/// The most certificates that are looked at beside the one that is shown: roots, those that were, and links.
const MOST_SHOWN: usize = MOST_ROOTS + 2 * MOST_LINKS;

/// Whose roots count.
#[derive(Debug)]
enum Trust {
    /// Those of the mesh that one is of.
    Mesh(Roots),
    /// Of what is shown, those that a token names.
    Token(Vec<Fingerprint>),
}

/// Believes certificates of one mesh: whoever has one is who it says, a host or an administrator. Where somebody is reached says
/// nothing about who it is, so names and addresses are not compared.
#[derive(Debug)]
pub(super) struct Belief {
    mesh: MeshId,
    trust: Trust,
    denied: DenyList,
    /// Who administers the mesh; `None`: that is not known.
    administrators: Option<Arc<Administrators>>,
    /// Whether who calls must show a certificate.
    must: bool,
    provider: Arc<CryptoProvider>,
}

impl Belief {
    /// What a passport believes.
    pub fn of(passport: &Passport, must: bool) -> Self {
        let trust = Trust::Mesh(passport.roots.clone());
        let (denied, administrators) = (passport.denied.clone(), passport.administrators.clone());
        Self { mesh: passport.mesh, trust, denied, administrators, must, provider: provider() }
    }

    /// What a token believes.
    pub fn of_token(mesh: MeshId, authorities: Vec<Fingerprint>) -> Self {
        let trust = Trust::Token(authorities);
        let denied = DenyList::default();
        Self { mesh, trust, denied, administrators: None, must: true, provider: provider() }
    }

    fn verify(
        &self,
        shown: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let other = |error| Error::from(CertificateError::Other(OtherError(Arc::new(error))));
        let certificate = Certificate::from_der(shown, &self.mesh).map_err(other)?;
        let above = &above[..above.len().min(MOST_SHOWN)];
        let links: Vec<Link> = above.iter().filter_map(|it| Link::from_der(it, &self.mesh).ok()).collect();
        match &self.trust {
            Trust::Mesh(roots) => roots.verify_through(&certificate, &links),
            Trust::Token(authorities) => {
                let roots = above.iter().filter_map(|root| Root::from_der(root, &self.mesh).ok()).collect();
                let named = Roots::named(roots, authorities);
                named.and_then(|roots| roots.verify_through(&certificate, &links))
            }
        }
        .map_err(other)?;
        let now = UnixSeconds(now.as_secs());
        if now < certificate.not_before() {
            return Err(CertificateError::NotValidYet.into());
        }
        if now >= certificate.not_after() {
            return Err(CertificateError::Expired.into());
        }
        // Who is refused is told why by the alert that rustls makes of this: revoked, or access denied.
        if self.denied.denies(&certificate).is_some() {
            return Err(CertificateError::Revoked.into());
        }
        if let (Some(known), Principal::Administrator(name)) = (&self.administrators, certificate.principal())
            && known.key_of(name).is_none()
        {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(())
    }

    fn signed(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// TLS 1.2 is spoken by nobody here.
fn too_old() -> Error {
    PeerIncompatible::Tls12NotOffered.into()
}

impl ServerCertVerifier for Belief {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(shown, above, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ClientCertVerifier for Belief {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.must
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(shown, above, now).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}
