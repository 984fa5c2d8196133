//! A host's own keys.

use std::fmt;

use zeroize::Zeroizing;

use super::{CertificateKey, HostKey, IdentityError, SigningKey, UnixSeconds};
use crate::engine::world::HostName;

/// A host's own keys: they never leave it.
#[derive(Debug)]
pub struct HostKeys {
    /// Signs what it exports.
    pub signing: SigningKey,
    /// Connects it.
    pub tls: CertificateKey,
    /// Reads the secrets that are for it; none yet, in this version.
    pub recipient: Option<RecipientKey>,
}

/// A key that secrets are encrypted for: X25519. Wiped when it is dropped, and never shown.
pub struct RecipientKey {
    /// The half that others may know, as they write it.
    pub public: String,
    /// The half that they may not.
    pub secret: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecipientKey({})", self.public)
    }
}

impl HostKeys {
    /// New ones.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> Result<Self, IdentityError> {
        Ok(Self { signing: SigningKey::generate()?, tls: CertificateKey::generate()?, recipient: None })
    }

    /// What others are to know of them.
    pub fn statement(&self, host: HostName, serve: bool, at: UnixSeconds) -> HostKey {
        HostKey {
            host,
            key: self.signing.verifying_key(),
            tls: self.tls.fingerprint(),
            recipient: self.recipient.as_ref().map(|key| key.public.clone()),
            serve,
            at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::NOW;
    use super::*;

    #[test]
    fn others_learn_the_public_halves_only() {
        let keys = HostKeys {
            recipient: Some(RecipientKey { public: "age1x".into(), secret: Zeroizing::new([0x5a; 32]) }),
            ..HostKeys::generate().unwrap()
        };
        let said = keys.statement("a".parse().unwrap(), true, NOW);
        assert_eq!(said.key, keys.signing.verifying_key());
        assert_eq!(said.tls, keys.tls.fingerprint());
        assert_eq!(said.recipient.as_deref(), Some("age1x"));
        let shown = format!("{keys:?}");
        assert!(!shown.contains("90") || !shown.contains("[90"), "{shown}");
        assert!(shown.contains("age1x") && shown.contains("SHA256:"), "{shown}");
    }
}
