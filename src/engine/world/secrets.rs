//! Secrets by name, as this host may read them.

use std::fmt;
use std::sync::Arc;

use zeroize::{Zeroize as _, Zeroizing};

use super::{Follow, WorldError};

/// A secret's text. Wiped when nobody has it any more, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// The secret that these bytes are; `None`: they are no text.
    pub fn of(mut bytes: Zeroizing<Vec<u8>>) -> Option<Self> {
        match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(text) => Some(Self(Arc::new(Zeroizing::new(text)))),
            Err(error) => {
                error.into_bytes().zeroize();
                None
            }
        }
    }

    /// The text itself: for who uses it, never for who shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What this host has of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SecretState {
    /// There is none for this host.
    #[default]
    Absent,
    /// There is one, and it is not believed or cannot be read: why.
    Unread(Arc<str>),
    /// This.
    There(Secret),
}

/// Secrets by name: what the kind `secret` sends.
pub trait Secrets: fmt::Debug + Send + Sync {
    /// Follows a secret.
    ///
    /// # Errors
    /// When there is no world.
    fn follow(&self, name: &str) -> Result<Follow<SecretState>, WorldError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_text_and_is_never_shown() {
        let secret = Secret::of(Zeroizing::new(b"hunter2".to_vec())).unwrap();
        assert_eq!(secret.reveal(), "hunter2");
        let shown = format!("{secret:?} {:?}", SecretState::There(secret.clone()));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(Secret::of(Zeroizing::new(vec![0xff])), None);
    }
}
