//! Certificates: who, until when, with which key.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};
use x509_parser::time::ASN1Time;

use super::authority::BACKDATED;
use super::{Fingerprint, IdentityError, MeshId, Principal, UnixSeconds};

/// The largest certificate that is read, in bytes: ours have about 800.
pub const MOST_CERTIFICATE: usize = 16 << 10;

/// A certificate's serial number, at most 20 bytes (RFC 5280, 4.1.2.2); as text, hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial(Vec<u8>);

impl Serial {
    /// The most bytes.
    const MOST: usize = 20;

    /// From the bytes of a certificate, without the zero that only tells that a number is not negative.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(&[0]).unwrap_or(bytes);
        (1..=Self::MOST).contains(&bytes.len()).then(|| Self(bytes.to_vec()))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

impl FromStr for Serial {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let bad = || IdentityError::BadSerial { text: text.chars().take(48).collect() };
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() > 2 * Self::MOST || !text.len().is_multiple_of(2) || !text.bytes().all(is_digit) {
            return Err(bad());
        }
        let bytes = (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16));
        let bytes = bytes.collect::<Result<Vec<u8>, _>>().map_err(|_| bad())?;
        // One text a number.
        Self::from_bytes(&bytes).filter(|serial| serial.0 == bytes).ok_or_else(bad)
    }
}

impl TryFrom<String> for Serial {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> Self {
        serial.to_string()
    }
}

/// What a certificate of this mesh says. Its signature is not checked by reading it: a handshake does that, or
/// [`Roots::verify`](super::Roots::verify).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Bytes,
    principal: Principal,
    serial: Serial,
    not_before: UnixSeconds,
    not_after: UnixSeconds,
    key: Fingerprint,
    may_serve: bool,
    issuer: Box<str>,
}

impl Certificate {
    /// Reads one.
    ///
    /// # Errors
    /// When it is too large, no certificate, an authority's, or has not exactly one name of ours, in this mesh.
    pub fn from_der(der: &[u8], mesh: &MeshId) -> Result<Self, IdentityError> {
        let bad = |why| IdentityError::BadCertificate { why };
        let certificate = parse(der)?;
        if certificate.is_ca() {
            return Err(bad("it is an authority's"));
        }
        let names = certificate.subject_alternative_name();
        let names = names.map_err(|_| bad("its names cannot be read"))?;
        let names = names.map(|names| &names.value.general_names[..]).unwrap_or_default();
        let mut uris = names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        let uri = uris.next().ok_or(IdentityError::NamelessCertificate)?;
        // With two names it would be one to one reader and the other to another.
        if uris.next().is_some() {
            return Err(bad("it has several names"));
        }
        let usage = certificate.extended_key_usage();
        let usage = usage.map_err(|_| bad("its uses cannot be read"))?;
        let may_serve = usage.is_some_and(|usage| usage.value.server_auth);
        Ok(Self {
            principal: Principal::from_uri(uri, mesh)?,
            serial: Serial::from_bytes(certificate.raw_serial())
                .ok_or_else(|| bad("its serial number is none"))?,
            not_before: seconds(certificate.validity().not_before),
            not_after: seconds(certificate.validity().not_after),
            key: Fingerprint::of_spki(certificate.public_key().raw),
            may_serve,
            issuer: certificate.issuer().to_string().into(),
            der: Bytes::copy_from_slice(der),
        })
    }

    /// Reads the first one of a text.
    ///
    /// # Errors
    /// As for [`Certificate::from_der`].
    pub fn from_pem(pem: &str, mesh: &MeshId) -> Result<Self, IdentityError> {
        if pem.len() > 2 * MOST_CERTIFICATE {
            return Err(IdentityError::BadCertificate { why: "it is too large" });
        }
        let der = CertificateDer::from_pem_slice(pem.as_bytes());
        Self::from_der(&der.map_err(|_| IdentityError::BadCertificate { why: "it is no PEM" })?, mesh)
    }

    /// As a file.
    pub fn to_pem(&self) -> String {
        pem(&self.der)
    }

    /// As it is sent.
    pub fn der(&self) -> &Bytes {
        &self.der
    }

    /// What the root is called that it says has signed it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Its number.
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// Since when it is good: an hour before it was issued.
    pub fn not_before(&self) -> UnixSeconds {
        self.not_before
    }

    /// Until when it is good.
    pub fn not_after(&self) -> UnixSeconds {
        self.not_after
    }

    /// Whose key it is for.
    pub fn key(&self) -> &Fingerprint {
        &self.key
    }

    /// Whether its holder may carry the store: then it is a server's certificate too.
    pub fn may_serve(&self) -> bool {
        self.may_serve
    }

    /// Whether it is good now.
    ///
    /// # Errors
    /// When it is not yet, or not any more.
    pub fn check_time(&self, now: UnixSeconds) -> Result<(), IdentityError> {
        if now < self.not_before {
            return Err(IdentityError::NotYetValid { who: self.principal.clone(), from: self.not_before });
        }
        if now > self.not_after {
            return Err(IdentityError::Expired { who: self.principal.clone(), since: self.not_after });
        }
        Ok(())
    }

    /// When a new one is to be asked for: in the middle of its life.
    pub fn renew_at(&self) -> UnixSeconds {
        renew_at(self.not_before, self.not_after)
    }
}

/// When a certificate is to be renewed: in the middle of its life, so that half of it is left to try again. It begins when it
/// was issued, which is [`BACKDATED`] after the moment that is written there.
pub fn renew_at(not_before: UnixSeconds, not_after: UnixSeconds) -> UnixSeconds {
    let issued = not_before.later(BACKDATED).min(not_after);
    issued.later(Duration::from_secs(not_after.0.saturating_sub(issued.0) / 2))
}

/// A certificate of whatever kind.
pub(super) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, IdentityError> {
    let bad = |why| IdentityError::BadCertificate { why };
    if der.len() > MOST_CERTIFICATE {
        return Err(bad("it is too large"));
    }
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| bad("it cannot be read"))?;
    if !rest.is_empty() {
        return Err(bad("something follows it"));
    }
    // Only one of the two is signed (RFC 5280, 4.1.1.2).
    if certificate.signature_algorithm != certificate.tbs_certificate.signature {
        return Err(bad("it names two ways in which it is signed"));
    }
    Ok(certificate)
}

/// A moment of a certificate; what was before 1970 counts as 1970.
pub(super) fn seconds(time: ASN1Time) -> UnixSeconds {
    UnixSeconds(u64::try_from(time.timestamp()).unwrap_or_default())
}

/// A certificate as a file: lines of 64 digits (RFC 7468).
pub(super) fn pem(der: &[u8]) -> String {
    let digits = STANDARD.encode(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in digits.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, SanType};

    use super::super::scene::{NOW, authority, grant, host, mesh};
    use super::super::{CertificateKey, SubjectKey};
    use super::*;

    fn issued() -> Certificate {
        let key = CertificateKey::generate().unwrap();
        authority().issue(&SubjectKey::of(&key), &grant("web-1"), NOW).unwrap()
    }

    fn with(
        uris: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Result<Certificate, IdentityError> {
        let mut params = CertificateParams::default();
        params.subject_alt_names =
            uris.iter().map(|uri| SanType::URI((*uri).to_owned().try_into().unwrap())).collect();
        change(&mut params);
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Certificate::from_der(made.der(), &mesh())
    }

    #[test]
    fn a_certificate_says_who_until_when_and_with_which_key() {
        let key = CertificateKey::generate().unwrap();
        let it = authority().issue(&SubjectKey::of(&key), &grant("web-1"), NOW).unwrap();
        assert_eq!(*it.principal(), host("web-1"));
        assert_eq!(*it.key(), key.fingerprint());
        assert!(!it.may_serve());
        assert_eq!(Certificate::from_pem(&it.to_pem(), &mesh()).unwrap(), it);
        assert_eq!(it.serial().to_string().parse::<Serial>().unwrap(), *it.serial());
    }

    #[test]
    fn a_certificate_is_good_from_its_first_second_to_its_last() {
        let it = issued();
        it.check_time(it.not_before()).unwrap();
        it.check_time(it.not_after()).unwrap();
        let early = it.check_time(UnixSeconds(it.not_before().0 - 1));
        assert!(matches!(early, Err(IdentityError::NotYetValid { from, .. }) if from == it.not_before()));
        let late = it.check_time(UnixSeconds(it.not_after().0 + 1));
        assert!(matches!(late, Err(IdentityError::Expired { since, .. }) if since == it.not_after()));
        let issued = it.not_before().later(BACKDATED);
        assert_eq!(it.renew_at(), UnixSeconds((issued.0 + it.not_after().0) / 2));
        let brief = (NOW.earlier(BACKDATED), NOW.later(Duration::from_secs(20)));
        assert_eq!(renew_at(brief.0, brief.1), NOW.later(Duration::from_secs(10)), "it was issued now");
        assert_eq!(renew_at(UnixSeconds(9), UnixSeconds(5)), UnixSeconds(5));
    }

    #[test]
    fn a_certificate_of_another_mesh_is_refused_as_such() {
        let refused = Certificate::from_der(issued().der(), &MeshId::from_bytes([9; 16]));
        assert!(matches!(refused, Err(IdentityError::OtherMesh { .. })));
    }

    #[test]
    fn who_has_not_exactly_one_name_of_ours_is_nobody() {
        let mine = host("web-1").uri(&mesh()).unwrap();
        let other = host("web-2").uri(&mesh()).unwrap();
        assert_eq!(*with(&[&mine], |_| ()).unwrap().principal(), host("web-1"));
        assert!(matches!(with(&[], |_| ()), Err(IdentityError::NamelessCertificate)));
        let bad = |result| matches!(result, Err(IdentityError::BadCertificate { .. }));
        assert!(bad(with(&[&mine, &other], |_| ())));
        assert!(bad(with(&[&mine, "https://example.org"], |_| ())));
        let foreign = with(&["spiffe://example.org/host/web-1"], |_| ());
        assert!(matches!(foreign, Err(IdentityError::BadUri { .. })));
        assert!(bad(with(&[&mine], |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))));
        let common = with(&[], |params| {
            params.distinguished_name.push(rcgen::DnType::CommonName, "host:web-1");
        });
        assert!(
            matches!(common, Err(IdentityError::NamelessCertificate)),
            "a common name is no name of ours"
        );
    }

    #[test]
    fn what_is_cut_longer_or_large_is_no_certificate() {
        let der = issued().der().to_vec();
        for length in 0..der.len() {
            assert!(Certificate::from_der(&der[..length], &mesh()).is_err());
        }
        let bad = |bytes: &[u8]| {
            matches!(Certificate::from_der(bytes, &mesh()), Err(IdentityError::BadCertificate { .. }))
        };
        assert!(bad(&[&der[..], b"x"].concat()));
        assert!(bad(&vec![0x30; MOST_CERTIFICATE + 1]));
        let pem = |text: &str| Certificate::from_pem(text, &mesh());
        assert!(matches!(pem("nonsense"), Err(IdentityError::BadCertificate { .. })));
        assert!(matches!(pem(&"a".repeat(40_000)), Err(IdentityError::BadCertificate { .. })));
    }

    #[test]
    fn a_serial_number_has_one_text() {
        for bad in ["", "0", "AB", "00ab", "zz", &"ab".repeat(21)] {
            assert!(matches!(bad.parse::<Serial>(), Err(IdentityError::BadSerial { .. })), "{bad}");
        }
        assert_eq!("01ff".parse::<Serial>().unwrap().to_string(), "01ff");
    }
}
