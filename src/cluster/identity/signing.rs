//! Keys that sign, and signatures: Ed25519 (RFC 8032).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::KeypairBytes;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Domain, Fingerprint, IdentityError, MeshId};

/// What everything signed begins with: another way to sign will have another number.
const VERSION: &[u8] = b"mgmt/1\0";
/// The most that is signed at once, in bytes.
pub const MOST_SIGNED: usize = 1 << 20;

/// The bytes that a signature is over. Each part but the last has an end that cannot be mistaken: a name without zero bytes, a
/// fixed length, the length of the rest.
fn signed_bytes(domain: Domain, mesh: &MeshId, content: &[u8]) -> Result<Vec<u8>, IdentityError> {
    if content.len() > MOST_SIGNED {
        return Err(IdentityError::StatementTooLarge { bytes: content.len(), limit: MOST_SIGNED });
    }
    let name = domain.name().as_bytes();
    let mut bytes = Vec::with_capacity(VERSION.len() + name.len() + 1 + 16 + 8 + content.len());
    bytes.extend_from_slice(VERSION);
    bytes.extend_from_slice(name);
    bytes.push(0);
    bytes.extend_from_slice(mesh.as_bytes());
    bytes.extend_from_slice(&(content.len() as u64).to_be_bytes());
    bytes.extend_from_slice(content);
    Ok(bytes)
}

/// A key that signs. It is wiped when it is dropped, and never shown.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> Result<Self, IdentityError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(IdentityError::Random)?;
        Ok(Self::from_seed(&seed))
    }

    /// From the 32 bytes that RFC 8032 calls the private key.
    pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Its 32 bytes.
    pub(super) fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// From a file of OpenSSL's: PKCS#8 in PEM.
    ///
    /// # Errors
    /// When it is no Ed25519 key.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(pem);
        // The library's error could name what it read.
        key.map(Self).map_err(|_| IdentityError::BadKey { what: "an Ed25519 key in PKCS#8 and PEM" })
    }

    /// As a file that OpenSSL reads too: PKCS#8 in PEM, without the public half, which OpenSSL before 3.0 refuses.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let bytes = KeypairBytes { secret_key: *self.seed(), public_key: None };
        bytes.to_pkcs8_pem(LineEnding::LF).expect("32 bytes can be written")
    }

    /// The half that others may know.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    /// Which key it is.
    pub fn fingerprint(&self) -> Fingerprint {
        self.verifying_key().fingerprint()
    }

    /// Signs.
    ///
    /// # Errors
    /// When the content has more than 1 MiB.
    pub fn sign(&self, domain: Domain, mesh: &MeshId, content: &[u8]) -> Result<Signature, IdentityError> {
        let bytes = signed_bytes(domain, mesh, content)?;
        Ok(Signature(self.0.sign(&bytes).to_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.fingerprint())
    }
}

/// A key that verifies. As text the base64 of its 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// From its 32 bytes.
    ///
    /// # Errors
    /// When they are no key, or one that verifies anything (a point of small order).
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, IdentityError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).ok();
        key.filter(|key| !key.is_weak())
            .map(Self)
            .ok_or(IdentityError::BadKey { what: "a public Ed25519 key" })
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// From a file of OpenSSL's: `SubjectPublicKeyInfo` in PEM.
    ///
    /// # Errors
    /// When it is no Ed25519 key.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        let key = ed25519_dalek::VerifyingKey::from_public_key_pem(pem);
        let key = key.map_err(|_| IdentityError::BadKey { what: "a public Ed25519 key in PEM" })?;
        Self::from_bytes(key.as_bytes())
    }

    /// As a file that OpenSSL reads too: `SubjectPublicKeyInfo` in PEM.
    pub fn to_pem(&self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).expect("32 bytes can be written")
    }

    /// Which key it is.
    pub fn fingerprint(&self) -> Fingerprint {
        let der = self.0.to_public_key_der().expect("32 bytes can be written");
        Fingerprint::of_spki(der.as_bytes())
    }

    /// Whether this key signed the content, for this and in this mesh. Strictly: a signature has one form only.
    ///
    /// # Errors
    /// When it did not.
    pub fn verify(
        &self,
        domain: Domain,
        mesh: &MeshId,
        content: &[u8],
        signature: &Signature,
    ) -> Result<(), IdentityError> {
        let bytes = signed_bytes(domain, mesh, content)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        let verified = self.0.verify_strict(&bytes, &signature);
        verified.map_err(|_| IdentityError::BadSignature { domain, by: self.fingerprint() })
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.fingerprint())
    }
}

impl TryFrom<String> for VerifyingKey {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, IdentityError> {
        let bad = IdentityError::BadKey { what: "a public Ed25519 key" };
        // 32 bytes are 44 digits; what is longer is not even decoded.
        let bytes = if text.len() == 44 { STANDARD.decode(&text).ok() } else { None };
        let bytes: [u8; 32] = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(bad)?;
        Self::from_bytes(&bytes)
    }
}

impl From<VerifyingKey> for String {
    fn from(key: VerifyingKey) -> Self {
        STANDARD.encode(key.as_bytes())
    }
}

/// A signature; as text its base64.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signature([u8; 64]);

impl Signature {
    /// From its bytes.
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", String::from(*self))
    }
}

impl TryFrom<String> for Signature {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, IdentityError> {
        // 64 bytes are 88 digits; what is longer is not even decoded.
        let bytes = if text.len() == 88 { STANDARD.decode(&text).ok() } else { None };
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(IdentityError::BadKey { what: "a signature" })
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> Self {
        STANDARD.encode(signature.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESH: [u8; 16] = [7; 16];

    fn mesh() -> MeshId {
        MeshId::from_bytes(MESH)
    }

    #[test]
    fn a_signature_counts_for_one_purpose_in_one_mesh_over_one_content() {
        let key = SigningKey::generate().unwrap();
        let signature = key.sign(Domain::Deploy, &mesh(), b"content").unwrap();
        let public = key.verifying_key();
        public.verify(Domain::Deploy, &mesh(), b"content", &signature).unwrap();
        let other_mesh = MeshId::from_bytes([8; 16]);
        for domain in Domain::ALL.into_iter().filter(|domain| *domain != Domain::Deploy) {
            assert!(public.verify(domain, &mesh(), b"content", &signature).is_err());
        }
        assert!(public.verify(Domain::Deploy, &other_mesh, b"content", &signature).is_err());
        assert!(public.verify(Domain::Deploy, &mesh(), b"contenu", &signature).is_err());
        let another = SigningKey::generate().unwrap().verifying_key();
        let refused = another.verify(Domain::Deploy, &mesh(), b"content", &signature);
        assert!(matches!(refused, Err(IdentityError::BadSignature { domain: Domain::Deploy, .. })));
    }

    #[test]
    fn every_bit_of_a_signature_counts() {
        let key = SigningKey::generate().unwrap();
        let signature = key.sign(Domain::Export, &mesh(), b"x").unwrap();
        for bit in 0..512 {
            let mut bytes = *signature.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let forged = Signature::from_bytes(bytes);
            assert!(key.verifying_key().verify(Domain::Export, &mesh(), b"x", &forged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_is_signed_stays_as_it_is() {
        // Fixed: a change here would void every signature that was ever made.
        let bytes = signed_bytes(Domain::Deploy, &mesh(), b"c").unwrap();
        let mut expected = b"mgmt/1\0deploy\0".to_vec();
        expected.extend_from_slice(&MESH);
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, b'c']);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_key_is_read_from_its_file_as_openssl_writes_it() {
        // `openssl genpkey -algorithm ed25519` writes this form; the key is the first of RFC 8032, 7.1.
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend((0..32).map(|at| u8::from_str_radix(&seed[2 * at..2 * at + 2], 16).unwrap()));
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(&der));
        let key = SigningKey::from_pem(&pem).unwrap();
        assert_eq!(*key.to_pem(), pem);
        assert_eq!(key.verifying_key().as_bytes()[..4], [0xd7, 0x5a, 0x98, 0x01]);
        let public = key.verifying_key();
        assert_eq!(VerifyingKey::from_pem(&public.to_pem()).unwrap(), public);
        for bad in ["", "nonsense", &pem.replace("PRIVATE", "PUBLIC"), &pem.replace("MC4", "MC5")] {
            assert!(matches!(SigningKey::from_pem(bad), Err(IdentityError::BadKey { .. })), "{bad}");
        }
    }

    #[test]
    fn a_key_that_verifies_anything_is_none() {
        let mut identity = [0; 32];
        identity[0] = 1;
        for weak in [[0; 32], identity] {
            assert!(matches!(VerifyingKey::from_bytes(&weak), Err(IdentityError::BadKey { .. })));
        }
        for bad in ["", "AAAA", &"A".repeat(44), &STANDARD.encode(identity)] {
            assert!(VerifyingKey::try_from((*bad).to_owned()).is_err(), "{bad}");
            assert!(Signature::try_from((*bad).to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_key_is_ever_shown() {
        let key = SigningKey::generate().unwrap();
        let shown = format!("{key:?}");
        assert!(shown.starts_with("SigningKey(SHA256:"), "{shown}");
        assert!(!shown.contains(&STANDARD.encode(key.seed())[..10]));
    }

    #[test]
    fn too_much_is_neither_signed_nor_verified() {
        let key = SigningKey::generate().unwrap();
        let much = vec![0; MOST_SIGNED + 1];
        let refused = key.sign(Domain::Deploy, &mesh(), &much);
        assert!(matches!(refused, Err(IdentityError::StatementTooLarge { .. })));
        key.sign(Domain::Deploy, &mesh(), &much[1..]).unwrap();
    }
}
