//! The key with which a host reads the secrets that are for it.

use std::fmt;
use std::str::FromStr as _;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use zeroize::Zeroizing;

use super::IdentityError;

/// What this is called where it is none.
const WHAT: &str = "a key that secrets are encrypted for";

/// A key that secrets are encrypted for: X25519, as age has it. Wiped when it is dropped, and never shown.
pub struct RecipientKey {
    identity: Identity,
    public: String,
}

impl RecipientKey {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> Result<Self, IdentityError> {
        // age takes them from the system too, and panics where there are none.
        getrandom::fill(&mut [0; 1]).map_err(IdentityError::Random)?;
        Ok(Self::of(Identity::generate()))
    }

    fn of(identity: Identity) -> Self {
        Self { public: identity.to_public().to_string(), identity }
    }

    /// The half that others may know: `age1…`.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The half that decrypts.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// As it is kept: the file that age's own tools read.
    pub fn to_text(&self) -> Zeroizing<String> {
        let secret = self.identity.to_string();
        Zeroizing::new(format!("# public key: {}\n{}\n", self.public, secret.expose_secret()))
    }

    /// As it was kept.
    ///
    /// # Errors
    /// When it is no such key.
    pub fn from_text(text: &str) -> Result<Self, IdentityError> {
        let bad = || IdentityError::BadKey { what: WHAT };
        let key = text.lines().find(|line| !line.starts_with('#')).ok_or_else(bad)?;
        Identity::from_str(key.trim()).map(Self::of).map_err(|_| bad())
    }
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecipientKey({})", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_kept_and_never_shown() {
        let key = RecipientKey::generate().unwrap();
        let again = RecipientKey::from_text(&key.to_text()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(*again.to_text(), *key.to_text());
        assert!(key.public().starts_with("age1") && key.public().len() == 62, "{}", key.public());
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("RecipientKey({})", key.public()));
        assert!(key.to_text().contains("AGE-SECRET-KEY-1"));
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        for bad in ["", "# only a comment", "AGE-SECRET-KEY-1QQ", "age1x"] {
            let refused = RecipientKey::from_text(bad);
            assert!(matches!(refused, Err(IdentityError::BadKey { .. })), "{bad:?}");
        }
    }
}
