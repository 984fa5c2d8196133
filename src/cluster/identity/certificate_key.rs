//! Keys of certificates: of a host's TLS, and of the mesh's authority.

use std::fmt;

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use x509_parser::prelude::{FromDer as _, X509CertificationRequest};
use zeroize::{Zeroize as _, Zeroizing};

use super::{Fingerprint, IdentityError};

/// The largest request for a certificate that is read, in bytes.
const MOST_REQUEST: usize = 8 << 10;

/// An ECDSA key on P-256. What was read or made here is wiped when it is dropped; ring keeps a copy of its own, which it does
/// not wipe.
pub struct CertificateKey(KeyPair);

impl CertificateKey {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> Result<Self, IdentityError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
        pair.map(Self).map_err(|source| IdentityError::Issue { operation: "make a key", source })
    }

    /// From a file of OpenSSL's: PKCS#8 in PEM.
    ///
    /// # Errors
    /// When it is no ECDSA key on P-256.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_ECDSA_P256_SHA256);
        // The library's error could name what it read.
        pair.map(Self).map_err(|_| IdentityError::BadKey { what: "an ECDSA key on P-256 in PKCS#8 and PEM" })
    }

    /// As a file: PKCS#8 in PEM.
    pub fn to_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }

    /// PKCS#8 in DER, as a library for TLS takes it.
    pub fn to_der(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.serialize_der())
    }

    /// Which key it is.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_spki(&self.0.subject_public_key_info())
    }

    /// A request for a certificate, in DER: that whoever sends it has this key, and nothing else. Who it is for, and what it
    /// may, is what the authority grants.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn request(&self) -> Result<Vec<u8>, IdentityError> {
        let failed = |source| IdentityError::Issue { operation: "ask for a certificate", source };
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(&self.0).map_err(failed)?.der().to_vec())
    }

    /// The pair, for signing.
    pub(super) fn pair(&self) -> &KeyPair {
        &self.0
    }
}

impl Drop for CertificateKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateKey({})", self.fingerprint())
    }
}

/// The key that a certificate is for: known to be in the hands of who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectKey {
    key: rcgen::SubjectPublicKeyInfo,
    fingerprint: Fingerprint,
}

impl SubjectKey {
    /// From a request in DER, if its signature holds. Names, uses and whatever else is in it are not even looked at.
    ///
    /// # Errors
    /// When it is no request, its signature does not hold, or its key is neither ECDSA on P-256 nor Ed25519.
    pub fn from_request(der: &[u8]) -> Result<Self, IdentityError> {
        let bad = |why| IdentityError::BadRequest { why };
        if der.len() > MOST_REQUEST {
            return Err(bad("it has more than 8 KiB"));
        }
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|_| bad("it cannot be read"))?;
        if !rest.is_empty() {
            return Err(bad("something follows it"));
        }
        request.verify_signature().map_err(|_| bad("its signature does not hold"))?;
        let spki = request.certification_request_info.subject_pki.raw;
        let key = rcgen::SubjectPublicKeyInfo::from_der(spki)
            .map_err(|_| bad("its key is of no kind that is used here"))?;
        if *rcgen::PublicKeyData::algorithm(&key) != PKCS_ECDSA_P256_SHA256
            && *rcgen::PublicKeyData::algorithm(&key) != rcgen::PKCS_ED25519
        {
            return Err(bad("its key is neither ECDSA on P-256 nor Ed25519"));
        }
        Ok(Self { key, fingerprint: Fingerprint::of_spki(spki) })
    }

    /// Of a key that is here.
    pub fn of(key: &CertificateKey) -> Self {
        let spki = key.0.subject_public_key_info();
        let fingerprint = Fingerprint::of_spki(&spki);
        let key =
            rcgen::SubjectPublicKeyInfo::from_der(&spki).expect("it was just written by the same library");
        Self { key, fingerprint }
    }

    /// Which key it is.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The key, to be put into a certificate.
    pub(super) fn key(&self) -> &rcgen::SubjectPublicKeyInfo {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_never_shown() {
        let key = CertificateKey::generate().unwrap();
        let again = CertificateKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.fingerprint(), key.fingerprint());
        assert_eq!(again.to_der(), key.to_der());
        assert!(format!("{key:?}").starts_with("CertificateKey(SHA256:"));
        let other = super::super::SigningKey::generate().unwrap().to_pem();
        for bad in ["", "nonsense", &other] {
            assert!(matches!(CertificateKey::from_pem(bad), Err(IdentityError::BadKey { .. })));
        }
    }

    #[test]
    fn a_request_shows_that_its_sender_has_the_key() {
        let key = CertificateKey::generate().unwrap();
        let request = key.request().unwrap();
        let subject = SubjectKey::from_request(&request).unwrap();
        assert_eq!(*subject.fingerprint(), key.fingerprint());
        assert_eq!(subject, SubjectKey::of(&key));
        for at in 0..request.len() {
            let mut forged = request.clone();
            forged[at] ^= 1;
            // What is around the signature can be written otherwise, and says nothing.
            match SubjectKey::from_request(&forged) {
                Ok(read) => assert_eq!(read, subject, "byte {at}"),
                Err(error) => assert!(matches!(error, IdentityError::BadRequest { .. }), "byte {at}"),
            }
        }
        for length in 0..request.len() {
            assert!(SubjectKey::from_request(&request[..length]).is_err());
        }
        let longer = [&request[..], b"x"].concat();
        assert!(SubjectKey::from_request(&longer).is_err());
        assert!(SubjectKey::from_request(&vec![0x30; MOST_REQUEST + 1]).is_err());
    }

    #[test]
    fn a_key_of_another_kind_gets_no_certificate() {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let request = CertificateParams::default().serialize_request(&pair).unwrap();
        let refused = SubjectKey::from_request(request.der());
        assert!(matches!(refused, Err(IdentityError::BadRequest { .. })));
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let request = CertificateParams::default().serialize_request(&pair).unwrap();
        SubjectKey::from_request(request.der()).unwrap();
    }
}
