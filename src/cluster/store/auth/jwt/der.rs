//! The little of DER that keys need: which bytes are the public key.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// `[0]` and `[1]`, constructed.
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_1: u8 = 0xa1;

/// 1.2.840.113549.1.1.1
pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1
pub(super) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.3.101.112
pub(super) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// What is left to read.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next thing, whatever it is.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk::<2>()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let (bytes, after) = rest.split_at_checked(count)?;
            length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            rest = after;
        }
        let (content, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((tag, content))
    }

    fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
    }

    fn sequence(&mut self) -> Option<Reader<'a>> {
        self.expect(SEQUENCE).map(Reader)
    }

    /// A bit string of whole bytes.
    fn bits(&mut self) -> Option<&'a [u8]> {
        self.expect(BIT_STRING)?.strip_prefix(&[0])
    }
}

/// Algorithm and key of a `SubjectPublicKeyInfo`.
pub(super) fn public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    key_info(&mut Reader(der))
}

fn key_info<'a>(reader: &mut Reader<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let mut info = reader.sequence()?;
    let algorithm = info.sequence()?.expect(OBJECT_ID)?;
    Some((algorithm, info.bits()?))
}

/// Algorithm and key of an X.509 certificate.
pub(super) fn certificate_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut body = Reader(der).sequence()?.sequence()?;
    let mut peek = body;
    if peek.expect(CONTEXT_0).is_some() {
        body = peek;
    }
    body.expect(INTEGER)?;
    for _ in ["signature", "issuer", "validity", "subject"] {
        body.sequence()?;
    }
    key_info(&mut body)
}

/// Private and public part of a SEC 1 `ECPrivateKey`.
pub(super) fn ec_private_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut key = Reader(der).sequence()?;
    key.expect(INTEGER)?;
    let private = key.expect(OCTET_STRING)?;
    let mut peek = key;
    if peek.expect(CONTEXT_0).is_some() {
        key = peek;
    }
    let public = Reader(key.expect(CONTEXT_1)?).bits()?;
    Some((private, public))
}

/// How many bytes the modulus of a PKCS #1 `RSAPublicKey` has.
pub(super) fn rsa_modulus_len(der: &[u8]) -> Option<usize> {
    let modulus = Reader(der).sequence()?.expect(INTEGER)?;
    Some(modulus.strip_prefix(&[0]).unwrap_or(modulus).len())
}
