//! The common name in a certificate. Its signature was verified before; this only finds the name in its DER.

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT: u8 = 0x06;
/// The version, which is there unless it is the first.
const EXPLICIT_0: u8 = 0xa0;
/// 2.5.4.3, `commonName`.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// What precedes the subject: serial number, signature's algorithm, issuer, validity.
const BEFORE_SUBJECT: usize = 4;

/// The last common name of a certificate's subject; `None`: there is none.
pub fn common_name(certificate: &[u8]) -> Option<String> {
    let certificate = Der(certificate).enter(SEQUENCE)?;
    let mut fields = certificate.enter(SEQUENCE)?;
    if fields.0.first() == Some(&EXPLICIT_0) {
        fields.next()?;
    }
    for _ in 0..BEFORE_SUBJECT {
        fields.next()?;
    }
    let mut names = fields.enter(SEQUENCE)?;
    let mut found = None;
    while let Some((SET, set)) = names.next() {
        let mut attributes = Der(set);
        while let Some((SEQUENCE, attribute)) = attributes.next() {
            let mut parts = Der(attribute);
            if parts.next()? == (OBJECT, COMMON_NAME) {
                found = String::from_utf8(parts.next()?.1.to_vec()).ok();
            }
        }
    }
    found
}

/// Values, one after the other.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The tag and the content of the next value.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let mut length = usize::from(*first);
        if length >= 0x80 {
            // So many bytes of length follow; no certificate needs more than three.
            let bytes = length - 0x80;
            let digits = rest.get(..bytes).filter(|digits| (1..=3).contains(&digits.len()))?;
            length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
            rest = &rest[bytes..];
        }
        let content = rest.get(..length)?;
        self.0 = &rest[length..];
        Some((*tag, content))
    }

    /// What is in the next value, which is of this kind.
    fn enter(mut self, kind: u8) -> Option<Self> {
        self.next().filter(|(tag, _)| *tag == kind).map(|(_, content)| Self(content))
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    fn certificate() -> Vec<u8> {
        CertificateDer::from_pem_slice(include_bytes!("../../../../tests/cases/tls/eve.pem"))
            .unwrap()
            .to_vec()
    }

    #[test]
    fn the_common_name_is_that_of_the_subject() {
        assert_eq!(common_name(&certificate()), Some("eve".to_owned()));
    }

    #[test]
    fn what_is_cut_off_has_no_name() {
        let whole = certificate();
        for length in 0..whole.len() {
            assert_eq!(common_name(&whole[..length]), None);
        }
    }
}
