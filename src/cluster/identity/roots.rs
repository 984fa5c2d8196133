//! What certificates of the mesh are signed with: two while they change.
//!
//! Whoever was away while they changed knows only an older one. So each new root's key is certified by the one before it, too (RFC
//! 4210, 4.4: "new with old"): a [`Link`]. Everybody shows the links with their certificate, and who knows an older root believes
//! what the links lead to.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::certificate::{MOST_CERTIFICATE, parse, pem, seconds};
use super::principal::SCHEME;
use super::{Certificate, Fingerprint, IdentityError, MeshId, UnixSeconds};
use bytes::Bytes;
use x509_parser::prelude::{GeneralName, X509Certificate};

/// The most roots: the new one and the one before it.
pub const MOST_ROOTS: usize = 2;

/// The most links that are kept, and the most old roots: who was away for so many changes joins anew.
pub const MOST_LINKS: usize = 8;

/// One root: its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    der: Bytes,
    fingerprint: Fingerprint,
    not_after: UnixSeconds,
    name: Box<str>,
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
        is_of(&certificate, mesh)?;
        Ok(Self {
            fingerprint: Fingerprint::of_spki(certificate.public_key().raw),
            not_after: seconds(certificate.validity().not_after),
            name: certificate.subject().to_string().into(),
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

    /// Whether a certificate names it as the one that signed. That it did is another question: [`Roots::verify`].
    pub fn is_issuer_of(&self, certificate: &Certificate) -> bool {
        *self.name == *certificate.issuer()
    }
}

/// A root's key, certified by the root before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    der: Bytes,
    key: Fingerprint,
}

impl Link {
    /// Reads one. Whether it leads anywhere is seen when it is followed ([`Roots::verify_through`]).
    ///
    /// # Errors
    /// When it is no authority's certificate, or of another mesh.
    pub fn from_der(der: &[u8], mesh: &MeshId) -> Result<Self, IdentityError> {
        let certificate = parse(der)?;
        if !certificate.is_ca() {
            return Err(IdentityError::BadRoot { why: "it is no authority's" });
        }
        is_of(&certificate, mesh)?;
        let key = Fingerprint::of_spki(certificate.public_key().raw);
        Ok(Self { key, der: Bytes::copy_from_slice(der) })
    }

    /// As it is sent.
    pub fn der(&self) -> &Bytes {
        &self.der
    }
}

/// Whether an authority is of a mesh.
fn is_of(certificate: &X509Certificate<'_>, mesh: &MeshId) -> Result<(), IdentityError> {
    let bad = |why| IdentityError::BadRoot { why };
    let names = certificate.subject_alternative_name().map_err(|_| bad("its names cannot be read"))?;
    let names = names.map(|names| &names.value.general_names[..]).unwrap_or_default();
    let [GeneralName::URI(uri)] = names else {
        return Err(bad("it does not name its mesh"));
    };
    if *uri == Root::uri(mesh) {
        return Ok(());
    }
    let found = uri.strip_prefix(SCHEME).and_then(|rest| rest.strip_suffix('/'));
    let found = found.and_then(|id| id.parse().ok()).ok_or_else(|| bad("it does not name its mesh"))?;
    Err(IdentityError::OtherMesh { found, own: *mesh })
}

/// The roots of a mesh, the newest first: one, or two that overlap; and how older ones lead to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    present: Vec<Root>,
    /// Those that nobody believes any more who knows these, the latest first.
    past: Vec<Root>,
    /// From each to the next, the newest first.
    links: Vec<Link>,
}

impl Roots {
    /// Of these, the newest first.
    ///
    /// # Errors
    /// When there is none, or there are more than two, or one twice.
    pub fn new(present: Vec<Root>) -> Result<Self, IdentityError> {
        let bad = |why| Err(IdentityError::BadRoot { why });
        match &present[..] {
            [] => bad("there is none"),
            [one, other] if one.fingerprint == other.fingerprint => bad("it is there twice"),
            [_] | [_, _] => Ok(Self { present, past: Vec::new(), links: Vec::new() }),
            _ => bad("there are more than two"),
        }
    }

    /// Of one that nothing came before.
    pub(super) fn of(root: Root) -> Self {
        Self { present: vec![root], past: Vec::new(), links: Vec::new() }
    }

    /// From a file of certificates, the newest first.
    ///
    /// # Errors
    /// When it has another content than one or two roots of this mesh.
    pub fn from_pem(text: &str, mesh: &MeshId) -> Result<Self, IdentityError> {
        Self::new(read_pem(text, MOST_ROOTS, |der| Root::from_der(der, mesh))?)
    }

    /// With how older ones lead to them, from such files.
    pub(super) fn after(self, past: &str, links: &str, mesh: &MeshId) -> Result<Self, IdentityError> {
        let past = read_pem(past, MOST_LINKS, |der| Root::from_der(der, mesh))?;
        let links = read_pem(links, MOST_LINKS, |der| Link::from_der(der, mesh))?;
        Ok(Self { past, links, ..self })
    }

    /// As a file: what others are to believe, and nothing of the past.
    pub fn to_pem(&self) -> String {
        self.present.iter().map(|root| pem(&root.der)).collect()
    }

    /// Those of the past, as a file.
    pub(super) fn past_pem(&self) -> String {
        self.past.iter().map(|root| pem(&root.der)).collect()
    }

    /// The links, as a file.
    pub(super) fn links_pem(&self) -> String {
        self.links.iter().map(|link| pem(&link.der)).collect()
    }

    /// The one that signs.
    pub fn newest(&self) -> &Root {
        &self.present[0]
    }

    /// All that count, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Root> {
        self.present.iter()
    }

    /// What is shown beside a certificate, so that also those believe it who know an older root, or its fingerprint only.
    pub fn shown(&self) -> impl Iterator<Item = &Bytes> {
        let roots = self.present.iter().chain(&self.past).map(|root| &root.der);
        roots.chain(self.links.iter().map(|link| &link.der))
    }

    /// By which they are known to who has not seen them yet.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.present.iter().map(|root| root.fingerprint).collect()
    }

    /// With a newer one, to which a link leads: of those before it the one that signs now stays.
    ///
    /// # Errors
    /// When the link does not lead from that one to the newer one.
    pub fn followed_by(&self, root: Root, link: Link) -> Result<Self, IdentityError> {
        let newest = self.newest();
        if link.key != root.fingerprint || !signed(&newest.der, &link.der) {
            return Err(IdentityError::BadRoot { why: "the root before it has not signed it" });
        }
        let mut next = Self::new(vec![root, newest.clone()])?;
        next.past = self.present[1..].iter().chain(&self.past).take(MOST_LINKS).cloned().collect();
        next.links = std::iter::once(link).chain(self.links.iter().cloned()).take(MOST_LINKS).collect();
        Ok(next)
    }

    /// Without the newest one while there are two: nobody has its key. It is as if it had never been.
    #[must_use]
    pub fn without_newest(&self) -> Self {
        match &self.present[..] {
            [_, before] => {
                let links = self.links.iter().skip(1).cloned().collect();
                Self { present: vec![before.clone()], past: self.past.clone(), links }
            }
            _ => self.clone(),
        }
    }

    /// Without the one that was before: nothing that it signed is good any more, but for the link.
    #[must_use]
    pub fn without_old(&self) -> Self {
        let past = self.present[1..].iter().chain(&self.past).take(MOST_LINKS).cloned().collect();
        Self { present: vec![self.newest().clone()], past, links: self.links.clone() }
    }

    /// Only those that a token names, of some that somebody shows.
    ///
    /// # Errors
    /// When it names none of them.
    pub fn named(shown: Vec<Root>, known: &[Fingerprint]) -> Result<Self, IdentityError> {
        let found = shown.first().map(|root| root.fingerprint);
        let none = IdentityError::BadRoot { why: "there is none" };
        let none = found.map_or(none, |found| IdentityError::OtherAuthority { found });
        let mut named: Vec<Root> = Vec::new();
        for root in shown.into_iter().filter(|root| known.contains(&root.fingerprint)).take(MOST_ROOTS) {
            if named.iter().all(|other| other.fingerprint != root.fingerprint) {
                named.push(root);
            }
        }
        Self::new(named).map_err(|_| none)
    }

    /// Whether one of them signed a certificate. Its time is another question.
    ///
    /// # Errors
    /// When none did.
    pub fn verify(&self, certificate: &Certificate) -> Result<(), IdentityError> {
        self.verify_through(certificate, &[])
    }

    /// Whether one of them signed a certificate, or one did to which links lead from them. Its time is another question.
    ///
    /// # Errors
    /// When none did.
    pub fn verify_through(&self, certificate: &Certificate, links: &[Link]) -> Result<(), IdentityError> {
        let mut believed: Vec<&[u8]> = self.present.iter().map(|root| &root.der[..]).collect();
        if believed.iter().any(|above| signed(above, certificate.der())) {
            return Ok(());
        }
        let mut left: Vec<&Link> = links.iter().take(MOST_LINKS).collect();
        loop {
            let before = left.len();
            left.retain(|link| {
                let leads = believed.iter().any(|above| signed(above, &link.der));
                if leads {
                    believed.push(&link.der);
                }
                !leads
            });
            if left.len() == before {
                break;
            }
        }
        match believed[self.present.len()..].iter().any(|above| signed(above, certificate.der())) {
            true => Ok(()),
            false => Err(IdentityError::OtherIssuer { who: certificate.principal().clone() }),
        }
    }
}

/// Whether an authority has signed a certificate.
fn signed(above: &[u8], below: &[u8]) -> bool {
    let (Ok(above), Ok(below)) = (parse(above), parse(below)) else { return false };
    below.issuer() == above.subject() && below.verify_signature(Some(above.public_key())).is_ok()
}

/// Certificates from a file, at most so many.
fn read_pem<T>(
    text: &str,
    most: usize,
    read: impl Fn(&[u8]) -> Result<T, IdentityError>,
) -> Result<Vec<T>, IdentityError> {
    if text.len() > 2 * most * MOST_CERTIFICATE {
        return Err(IdentityError::BadRoot { why: "the file is too large" });
    }
    let mut all = Vec::new();
    for der in CertificateDer::pem_slice_iter(text.as_bytes()).take(most + 1) {
        let der = der.map_err(|_| IdentityError::BadRoot { why: "it is no PEM" })?;
        all.push(read(&der)?);
    }
    match all.len() > most {
        true => Err(IdentityError::BadRoot { why: "there are too many" }),
        false => Ok(all),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{NOW, authority, grant, mesh};
    use super::super::{Authority, CertificateKey, SubjectKey};
    use super::*;

    /// Another authority after one, and the roots with it.
    fn rotated(authority: &Authority, roots: &Roots) -> (Authority, Roots) {
        let (next, link) = authority.rotate(NOW).unwrap();
        let roots = roots.followed_by(next.roots().newest().clone(), link).unwrap();
        (next, roots)
    }

    fn certificate(authority: &Authority) -> Certificate {
        let key = SubjectKey::of(&CertificateKey::generate().unwrap());
        authority.issue(&key, &grant("a"), NOW).unwrap()
    }

    /// What was shown beside a certificate, as a verifier reads it.
    fn shown(roots: &Roots) -> (Vec<Root>, Vec<Link>) {
        let read = |der: &Bytes| Root::from_der(der, &mesh()).ok();
        let links = |der: &Bytes| Link::from_der(der, &mesh()).ok();
        (roots.shown().filter_map(read).collect(), roots.shown().filter_map(links).collect())
    }

    fn bad(result: Result<Roots, IdentityError>) -> bool {
        matches!(result, Err(IdentityError::BadRoot { .. }))
    }

    #[test]
    fn roots_are_read_as_they_were_written() {
        let one = authority();
        let (_, two) = rotated(&one, one.roots());
        for roots in [one.roots(), &two, &two.without_old()] {
            let read = Roots::from_pem(&roots.to_pem(), &mesh()).unwrap();
            assert_eq!(read.after(&roots.past_pem(), &roots.links_pem(), &mesh()).unwrap(), *roots);
        }
        assert_eq!((two.iter().count(), two.without_old().iter().count()), (2, 1));
        assert_eq!(two.without_newest(), *one.roots());
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
        let old = certificate(&ours);
        ours.roots().verify(&old).unwrap();
        let (_, both) = rotated(&ours, ours.roots());
        both.verify(&old).unwrap();
        assert!(both.newest().fingerprint() != ours.roots().newest().fingerprint());
        assert!(both.without_old().verify(&old).is_err());
        let refused = others.roots().verify(&old);
        assert!(matches!(refused, Err(IdentityError::OtherIssuer { .. })));
    }

    #[test]
    fn who_knows_an_older_root_follows_the_links_and_no_others() {
        let first = authority();
        let (second, roots) = rotated(&first, first.roots());
        let (third, roots) = rotated(&second, &roots.without_old());
        let roots = roots.without_old();
        let new = certificate(&third);
        let (above, links) = shown(&roots);
        first.roots().verify_through(&new, &links).unwrap();
        // A token has the fingerprint only: the root itself is shown.
        let named = Roots::named(above, &first.roots().fingerprints()).unwrap();
        named.verify_through(&new, &links).unwrap();
        assert!(first.roots().verify(&new).is_err());
        assert!(first.roots().verify_through(&new, &links[..1]).is_err(), "a link is missing");
        let stranger = Authority::new(mesh(), NOW).unwrap();
        let (evil, theirs) = rotated(&stranger, stranger.roots());
        let forged = certificate(&evil);
        let (_, all) = shown(&theirs);
        let all: Vec<Link> = all.into_iter().chain(links).collect();
        assert!(first.roots().verify_through(&forged, &all).is_err());
        // Nor does a certificate of a host lead anywhere.
        let leaf = Link::from_der(new.der(), &mesh());
        assert!(matches!(leaf, Err(IdentityError::BadRoot { .. })));
    }

    #[test]
    fn a_root_follows_only_with_a_link_from_the_one_before() {
        let (ours, others) = (authority(), authority());
        let (next, link) = others.rotate(NOW).unwrap();
        let root = next.roots().newest().clone();
        assert!(bad(ours.roots().followed_by(root.clone(), link)));
        let (_, own_link) = ours.rotate(NOW).unwrap();
        assert!(bad(ours.roots().followed_by(root, own_link)));
    }

    #[test]
    fn no_more_is_kept_of_the_past_than_is_of_use() {
        let mut authority = authority();
        let mut roots = authority.roots().clone();
        for _ in 0..MOST_LINKS + 2 {
            let (next, both) = rotated(&authority, &roots);
            (authority, roots) = (next, both.without_old());
        }
        assert_eq!((roots.past.len(), roots.links.len()), (MOST_LINKS, MOST_LINKS));
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
        let (_, both) = rotated(&old, old.roots());
        let (above, _) = shown(&both);
        assert_eq!(Roots::named(above.clone(), &old.roots().fingerprints()).unwrap(), *old.roots());
        let refused = Roots::named(above, &[Fingerprint::of_spki(b"x")]);
        assert!(matches!(refused, Err(IdentityError::OtherAuthority { .. })));
    }
}
