//! A host's own keys.

use super::{CertificateKey, HostKey, IdentityError, RecipientKey, SigningKey, UnixSeconds};
use crate::engine::world::HostName;

/// A host's own keys: they never leave it.
#[derive(Debug)]
pub struct HostKeys {
    /// Signs what it exports.
    pub signing: SigningKey,
    /// Connects it.
    pub tls: CertificateKey,
    /// Reads the secrets that are for it; `None`: it joined with a version that made none.
    pub recipient: Option<RecipientKey>,
}

impl HostKeys {
    /// New ones.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> Result<Self, IdentityError> {
        let (signing, tls) = (SigningKey::generate()?, CertificateKey::generate()?);
        Ok(Self { signing, tls, recipient: Some(RecipientKey::generate()?) })
    }

    /// What others are to know of them.
    pub fn statement(&self, host: HostName, serve: bool, at: UnixSeconds) -> HostKey {
        HostKey {
            host,
            key: self.signing.verifying_key(),
            tls: self.tls.fingerprint(),
            recipient: self.recipient.as_ref().map(|key| key.public().to_owned()),
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
        let keys = HostKeys::generate().unwrap();
        let said = keys.statement("a".parse().unwrap(), true, NOW);
        assert_eq!(said.key, keys.signing.verifying_key());
        assert_eq!(said.tls, keys.tls.fingerprint());
        let recipient = keys.recipient.as_ref().unwrap();
        assert_eq!(said.recipient.as_deref(), Some(recipient.public()));
        let shown = format!("{keys:?}");
        assert!(!shown.contains("AGE-SECRET-KEY"), "{shown}");
        assert!(shown.contains(recipient.public()) && shown.contains("SHA256:"), "{shown}");
    }
}
