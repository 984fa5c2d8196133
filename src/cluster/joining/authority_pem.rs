//! The authority on its way to another server: the one secret that is ever sent.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use super::JoinError;
use crate::cluster::identity::{Authority, MeshId};

/// The most digits of a key that are decoded: one on P-256 has some 330.
const MOST_DIGITS: usize = 4 << 10;

/// The authority's key and roots. Wiped when it is dropped, and the key never shown.
#[derive(Serialize, Deserialize)]
pub(super) struct AuthorityPem {
    key: SecretPem,
    roots: String,
}

/// A key as PEM. In JSON its text is base64 once more: so there is nothing in it to be escaped, and who reads or writes it makes no
/// copy that would not be wiped.
struct SecretPem(Zeroizing<String>);

impl AuthorityPem {
    /// Of an authority.
    pub(super) fn of(authority: &Authority) -> Self {
        Self { key: SecretPem(authority.key_pem()), roots: authority.roots().to_pem() }
    }

    /// The authority again.
    ///
    /// # Errors
    /// When key and roots do not fit, or are of another mesh.
    pub(super) fn read(&self, mesh: &MeshId) -> Result<Authority, JoinError> {
        Ok(Authority::from_pem(*mesh, &self.roots, &self.key.0)?)
    }
}

impl fmt::Debug for AuthorityPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorityPem")
    }
}

impl Serialize for SecretPem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = Zeroizing::new(String::with_capacity(self.0.len().div_ceil(3) * 4));
        STANDARD.encode_string(self.0.as_bytes(), &mut digits);
        serializer.serialize_str(&digits)
    }
}

impl<'de> Deserialize<'de> for SecretPem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl de::Visitor<'_> for Digits {
            type Value = SecretPem;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key in base64")
            }

            // No error may hold the text: it is the key.
            fn visit_str<E: de::Error>(self, digits: &str) -> Result<SecretPem, E> {
                let bad = |_| E::custom("it is no key in base64");
                if digits.len() > MOST_DIGITS {
                    return Err(E::custom("it is too long for a key"));
                }
                let mut pem = Zeroizing::new(Vec::with_capacity(digits.len()));
                STANDARD.decode_vec(digits, &mut pem).map_err(bad)?;
                let pem = std::str::from_utf8(&pem).map_err(|_| E::custom("it is no key"))?;
                Ok(SecretPem(Zeroizing::new(pem.to_owned())))
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{NOW, mesh};
    use super::*;

    #[test]
    fn the_authority_is_read_as_it_was_written_and_never_shown() {
        let authority = Authority::new(mesh(), NOW).unwrap();
        let sent = AuthorityPem::of(&authority);
        assert_eq!(format!("{sent:?}"), "AuthorityPem");
        let text = Zeroizing::new(serde_json::to_string(&sent).unwrap());
        let again = serde_json::from_str::<AuthorityPem>(&text).unwrap().read(&mesh()).unwrap();
        assert_eq!((again.roots(), again.key_pem()), (authority.roots(), authority.key_pem()));
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        let long = "QUFB".repeat(MOST_DIGITS);
        for bad in ["hidden!", "aGlkZGVu/w==", &long] {
            let text = format!("{{\"key\":\"{bad}\",\"roots\":\"\"}}");
            let error = match serde_json::from_str::<AuthorityPem>(&text) {
                Ok(read) => read.read(&mesh()).unwrap_err().to_string(),
                Err(error) => error.to_string(),
            };
            assert!(
                !error.contains("hidden") && !error.contains("aGlk") && !error.contains("QUFB"),
                "{error}"
            );
        }
    }
}
