//! The keys that sign tokens and verify them.

use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
    UnparsedPublicKey, VerificationAlgorithm,
};
use rustls_pki_types::pem::{PemObject, SectionKind};

use super::method::KeyKind;
use super::{JwtError, SignMethod, der};

/// What ring takes of an RSA key, in bytes.
const LEAST_RSA: usize = 256;

/// Signs.
pub(super) enum Signer {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Secret(hmac::Key),
}

/// Verifies.
pub(super) enum Verifier {
    Public(UnparsedPublicKey<Vec<u8>>),
    Secret(hmac::Key),
}

impl Signer {
    /// From PEM: PKCS #8, or the older form of its kind; the bytes themselves for a secret that is shared.
    pub(super) fn new(method: SignMethod, pem: &[u8]) -> Result<Self, JwtError> {
        if let Some(algorithm) = hmac_algorithm(method) {
            return secret(algorithm, pem).map(Self::Secret);
        }
        let wrong = || JwtError::PrivateKey(method);
        let (kind, der) = first(pem, |kind| {
            matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
        })
        .ok_or_else(wrong)?;
        match (method.key_kind(), kind) {
            (KeyKind::Rsa, SectionKind::PrivateKey) => rsa(method, RsaKeyPair::from_pkcs8(&der)),
            (KeyKind::Rsa, SectionKind::RsaPrivateKey) => rsa(method, RsaKeyPair::from_der(&der)),
            (KeyKind::P256, _) => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, kind, &der),
            (KeyKind::P384, _) => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, kind, &der),
            (KeyKind::Ed25519, SectionKind::PrivateKey) => {
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map(Self::Ed25519).ok()
            }
            _ => None,
        }
        .ok_or_else(wrong)
    }

    /// The signature of a message.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, JwtError> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key, padding) => {
                let mut made = vec![0; key.public().modulus_len()];
                key.sign(*padding, &random, message, &mut made).map_err(|_| JwtError::Sign)?;
                Ok(made)
            }
            Self::Ec(key) => Ok(key.sign(&random, message).map_err(|_| JwtError::Sign)?.as_ref().to_vec()),
            Self::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
            Self::Secret(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }

    /// What verifies what this signs.
    pub(super) fn verifier(&self, method: SignMethod) -> Verifier {
        let public = match self {
            Self::Rsa(key, _) => key.public_key().as_ref(),
            Self::Ec(key) => key.public_key().as_ref(),
            Self::Ed25519(key) => key.public_key().as_ref(),
            Self::Secret(key) => return Verifier::Secret(key.clone()),
        };
        Verifier::public(method, public.to_vec())
    }
}

impl Verifier {
    /// From PEM: a public key, or a certificate that holds it.
    pub(super) fn new(method: SignMethod, pem: &[u8]) -> Result<Self, JwtError> {
        let wrong = || JwtError::PublicKey(method);
        let (kind, der) =
            first(pem, |kind| matches!(kind, SectionKind::PublicKey | SectionKind::Certificate))
                .ok_or_else(wrong)?;
        let found =
            if kind == SectionKind::Certificate { der::certificate_key(&der) } else { der::public_key(&der) };
        let (algorithm, key) = found.ok_or_else(wrong)?;
        let fits = match method.key_kind() {
            KeyKind::Rsa => {
                algorithm == der::RSA && der::rsa_modulus_len(key).is_some_and(|length| length >= LEAST_RSA)
            }
            // A point, not compressed: a byte and twice the size of the curve.
            KeyKind::P256 => algorithm == der::EC && key.len() == 65,
            KeyKind::P384 => algorithm == der::EC && key.len() == 97,
            KeyKind::Ed25519 => algorithm == der::ED25519 && key.len() == 32,
            KeyKind::Secret => false,
        };
        if !fits {
            return Err(wrong());
        }
        Ok(Self::public(method, key.to_vec()))
    }

    fn public(method: SignMethod, key: Vec<u8>) -> Self {
        Self::Public(UnparsedPublicKey::new(verification(method), key))
    }

    /// Whether a signature is the one of a message.
    pub(super) fn verify(&self, message: &[u8], made: &[u8]) -> bool {
        match self {
            Self::Public(key) => key.verify(message, made).is_ok(),
            Self::Secret(key) => hmac::verify(key, message, made).is_ok(),
        }
    }

    /// Whether both are of one key.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Public(one), Self::Public(two)) => one.as_ref() == two.as_ref(),
            _ => false,
        }
    }
}

fn first(pem: &[u8], wanted: impl Fn(SectionKind) -> bool) -> Option<(SectionKind, Vec<u8>)> {
    let mut sections = <(SectionKind, Vec<u8>) as PemObject>::pem_slice_iter(pem);
    sections.find_map(|section| section.ok().filter(|(kind, _)| wanted(*kind)))
}

fn secret(algorithm: hmac::Algorithm, bytes: &[u8]) -> Result<hmac::Key, JwtError> {
    if bytes.is_empty() { Err(JwtError::NoKey) } else { Ok(hmac::Key::new(algorithm, bytes)) }
}

fn rsa<E>(method: SignMethod, key: Result<RsaKeyPair, E>) -> Option<Signer> {
    let padding: &'static dyn RsaEncoding = match method {
        SignMethod::RS256 => &signature::RSA_PKCS1_SHA256,
        SignMethod::RS384 => &signature::RSA_PKCS1_SHA384,
        SignMethod::RS512 => &signature::RSA_PKCS1_SHA512,
        SignMethod::PS256 => &signature::RSA_PSS_SHA256,
        SignMethod::PS384 => &signature::RSA_PSS_SHA384,
        SignMethod::PS512 => &signature::RSA_PSS_SHA512,
        _ => return None,
    };
    key.ok().map(|key| Signer::Rsa(key, padding))
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm, kind: SectionKind, der: &[u8]) -> Option<Signer> {
    let random = SystemRandom::new();
    let key = match kind {
        SectionKind::PrivateKey => EcdsaKeyPair::from_pkcs8(algorithm, der, &random).ok()?,
        SectionKind::EcPrivateKey => {
            let (private, public) = der::ec_private_key(der)?;
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, private, public, &random).ok()?
        }
        _ => return None,
    };
    Some(Signer::Ec(key))
}

fn hmac_algorithm(method: SignMethod) -> Option<hmac::Algorithm> {
    match method {
        SignMethod::HS256 => Some(hmac::HMAC_SHA256),
        SignMethod::HS384 => Some(hmac::HMAC_SHA384),
        SignMethod::HS512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

/// Not for a shared secret, which has no public key.
fn verification(method: SignMethod) -> &'static dyn VerificationAlgorithm {
    match method {
        SignMethod::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        SignMethod::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        SignMethod::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        SignMethod::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        SignMethod::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        SignMethod::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        SignMethod::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
        SignMethod::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
        SignMethod::EdDSA | SignMethod::HS256 | SignMethod::HS384 | SignMethod::HS512 => &signature::ED25519,
    }
}
