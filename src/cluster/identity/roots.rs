//! What certificates of the mesh are signed with: two while they change.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::certificate::{MOST_CERTIFICATE, parse, pem, seconds};
use super::principal::SCHEME;
use super::{Certificate, Fingerprint, IdentityError, MeshId, UnixSeconds};
use bytes::Bytes;
use x509_parser::prelude::GeneralName;

/// The most roots: the new one and the one before it.
pub const MOST_ROOTS: usize = 2;

/// One root: its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    der: Bytes,
    fingerprint: Fingerprint,
    not_after: UnixSeconds,
}

impl Root {
    /// The name by which a root tells its mesh.
    pub(super) fn uri(mesh: &MeshId) -> String {
        format!("{SCHEME}{mesh}/")
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it is no authority's certificate, not signed by itself, or of another mesh.
    pub fn from_der(der: &[u8], mesh: &MeshId) -> Result<Self, IdentityError> {
        let bad = |why| IdentityError::BadRoot { why };
        let certificate = parse(der)?;
        if !certificate.is_ca() {
            return Err(bad("it is no authority's"));
        }
        certificate.verify_signature(None).map_err(|_| bad("it is not signed by itself"))?;
        let names = certificate.subject_alternative_name().map_err(|_| bad("its names cannot be read"))?;
        let names = names.map(|names| &names.value.general_names[..]).unwrap_or_default();
        let [GeneralName::URI(uri)] = names else {
            return Err(bad("it does not name its mesh"));
        };
        if *uri != Self::uri(mesh) {
            let found = uri.strip_prefix(SCHEME).and_then(|rest| rest.strip_suffix('/'));
            let found =
                found.and_then(|id| id.parse().ok()).ok_or_else(|| bad("it does not name its mesh"))?;
            return Err(IdentityError::OtherMesh { found, own: *mesh });
        }
        Ok(Self {
            fingerprint: Fingerprint::of_spki(certificate.public_key().raw),
            not_after: seconds(certificate.validity().not_after),
            der: Bytes::copy_from_slice(der),
        })
    }

    /// As it is sent.
    pub fn der(&self) -> &Bytes {
        &self.der
    }

    /// Its key: what tokens name.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Until when it signs.
    pub fn not_after(&self) -> UnixSeconds {
        self.not_after
    }
}

/// The roots of a mesh, the newest first: one, or two that overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots(Vec<Root>);

impl Roots {
    /// Of these, the newest first.
    ///
    /// # Errors
    /// When there is none, or there are more than two, or one twice.
    pub fn new(roots: Vec<Root>) -> Result<Self, IdentityError> {
        let bad = |why| Err(IdentityError::BadRoot { why });
        match &roots[..] {
            [] => bad("there is none"),
            [one, other] if one.fingerprint == other.fingerprint => bad("it is there twice"),
            [_] | [_, _] => Ok(Self(roots)),
            _ => bad("there are more than two"),
        }
    }

    /// From a file of certificates, the newest first.
    ///
    /// # Errors
    /// When it has another content than one or two roots of this mesh.
    pub fn from_pem(text: &str, mesh: &MeshId) -> Result<Self, IdentityError> {
        if text.len() > 2 * MOST_ROOTS * MOST_CERTIFICATE {
            return Err(IdentityError::BadRoot { why: "the file is too large" });
        }
        let mut roots = Vec::new();
        for der in CertificateDer::pem_slice_iter(text.as_bytes()).take(MOST_ROOTS + 1) {
            let der = der.map_err(|_| IdentityError::BadRoot { why: "it is no PEM" })?;
            roots.push(Root::from_der(&der, mesh)?);
        }
        Self::new(roots)
    }

    /// As a file.
    pub fn to_pem(&self) -> String {
        self.0.iter().map(|root| pem(&root.der)).collect()
    }

    /// The one that signs.
    pub fn newest(&self) -> &Root {
        &self.0[0]
    }

    /// All, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Root> {
        self.0.iter()
    }

    /// By which they are known to who has not seen them yet.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.0.iter().map(|root| root.fingerprint).collect()
    }

    /// With a newer one; of those before it only the last stays.
    pub(super) fn followed_by(&self, root: Root) -> Result<Self, IdentityError> {
        Self::new(vec![root, self.newest().clone()])
    }

    /// Without the one that was before: nothing that it signed is good any more.
    #[must_use]
    pub fn without_old(&self) -> Self {
        Self(vec![self.newest().clone()])
    }

    /// Only those that a token names.
    ///
    /// # Errors
    /// When it names none of them.
    pub fn named(&self, known: &[Fingerprint]) -> Result<Self, IdentityError> {
        let named = self.0.iter().filter(|root| known.contains(&root.fingerprint)).cloned().collect();
        Self::new(named).map_err(|_| IdentityError::OtherAuthority { found: self.newest().fingerprint })
    }

    /// Whether one of them signed a certificate. Its time is another question.
    ///
    /// # Errors
    /// When none did.
    pub fn verify(&self, certificate: &Certificate) -> Result<(), IdentityError> {
        let leaf = parse(certificate.der())?;
        for root in &self.0 {
            let root = parse(&root.der)?;
            if leaf.issuer() == root.subject() && leaf.verify_signature(Some(root.public_key())).is_ok() {
                return Ok(());
            }
        }
        Err(IdentityError::OtherIssuer { who: certificate.principal().clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{NOW, authority, grant, mesh};
    use super::super::{Authority, CertificateKey, SubjectKey};
    use super::*;

    fn bad(result: Result<Roots, IdentityError>) -> bool {
        matches!(result, Err(IdentityError::BadRoot { .. }))
    }

    #[test]
    fn roots_are_read_as_they_were_written() {
        let one = authority();
        let two = one.rotate(NOW).unwrap();
        for roots in [one.roots(), two.roots()] {
            assert_eq!(Roots::from_pem(&roots.to_pem(), &mesh()).unwrap(), *roots);
        }
        assert_eq!(two.roots().without_old().iter().count(), 1);
    }

    #[test]
    fn a_file_of_anything_else_holds_no_roots() {
        let roots = authority().roots().clone();
        let pem = roots.to_pem();
        let third = authority().roots().to_pem();
        let leaf = authority().issue(&SubjectKey::of(&CertificateKey::generate().unwrap()), &grant("a"), NOW);
        let parse = |text: &str| Roots::from_pem(text, &mesh());
        assert!(bad(parse("")));
        assert!(bad(parse(&pem.repeat(2))));
        assert!(bad(parse(&format!("{pem}{third}{}", authority().roots().to_pem()))));
        assert!(bad(parse(&leaf.unwrap().to_pem())));
        assert!(bad(parse(&"a".repeat(100_000))));
        assert!(parse("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
        let refused = Roots::from_pem(&pem, &MeshId::from_bytes([9; 16]));
        assert!(matches!(refused, Err(IdentityError::OtherMesh { found, .. }) if found == mesh()));
    }

    #[test]
    fn no_byte_of_what_a_root_says_can_be_changed() {
        let der = authority().roots().newest().der().to_vec();
        let original = Root::from_der(&der, &mesh()).unwrap();
        for at in 0..der.len() {
            let mut forged = der.clone();
            forged[at] ^= 1;
            // What is around the signature can be written otherwise, and says nothing.
            let Ok(read) = Root::from_der(&forged, &mesh()) else { continue };
            assert_eq!(Root { der: original.der.clone(), ..read }, original, "byte {at}");
            assert!(at >= signed_part(&der), "byte {at}");
        }
    }

    /// Where the signed part of a certificate ends: two heads of four bytes, and the length that the second one has.
    fn signed_part(der: &[u8]) -> usize {
        assert_eq!((der[0], der[1], der[4], der[5]), (0x30, 0x82, 0x30, 0x82));
        8 + usize::from(u16::from_be_bytes([der[6], der[7]]))
    }

    #[test]
    fn only_what_a_root_signed_is_its() {
        let (ours, others) = (authority(), Authority::new(mesh(), NOW).unwrap());
        let key = SubjectKey::of(&CertificateKey::generate().unwrap());
        let certificate = ours.issue(&key, &grant("a"), NOW).unwrap();
        ours.roots().verify(&certificate).unwrap();
        ours.rotate(NOW).unwrap().roots().verify(&certificate).unwrap();
        let refused = others.roots().verify(&certificate);
        assert!(matches!(refused, Err(IdentityError::OtherIssuer { .. })));
        assert!(ours.rotate(NOW).unwrap().roots().without_old().verify(&certificate).is_err());
    }

    #[test]
    fn no_byte_of_what_a_certificate_says_can_be_changed() {
        let ours = authority();
        let key = SubjectKey::of(&CertificateKey::generate().unwrap());
        let der = ours.issue(&key, &grant("a"), NOW).unwrap().der().to_vec();
        for at in 0..der.len() {
            let mut forged = der.clone();
            forged[at] ^= 1;
            let Ok(read) = Certificate::from_der(&forged, &mesh()) else { continue };
            let is_good = ours.roots().verify(&read).is_ok();
            assert!(!is_good || at >= signed_part(&der), "byte {at}");
        }
    }

    #[test]
    fn a_token_names_the_roots_to_be_trusted() {
        let old = authority();
        let new = old.rotate(NOW).unwrap();
        let known = [*old.roots().newest().fingerprint()];
        assert_eq!(new.roots().named(&known).unwrap(), *old.roots());
        let refused = new.roots().named(&[Fingerprint::of_spki(b"x")]);
        assert!(matches!(refused, Err(IdentityError::OtherAuthority { .. })));
    }
}
