//! Which key.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::IdentityError;

/// Which public key: the SHA-256 of its `SubjectPublicKeyInfo` in DER. As text `SHA256:` and base64 without padding, as
/// OpenSSH shows its keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// What its text begins with.
    const START: &str = "SHA256:";

    /// Of a key, from its `SubjectPublicKeyInfo` in DER.
    pub fn of_spki(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// From its bytes.
    pub fn from_bytes(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As 64 hexadecimal digits: for names in which base64's `/` and `+` may not be.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::START, STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        // 32 bytes are 43 digits; what is longer is not even decoded.
        let digits = text.strip_prefix(Self::START).filter(|digits| digits.len() == 43);
        let hash = digits.and_then(|digits| STANDARD_NO_PAD.decode(digits).ok()?.try_into().ok());
        hash.map(Self).ok_or_else(|| IdentityError::BadFingerprint { text: text.chars().take(64).collect() })
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_was_written() {
        let it = Fingerprint::of_spki(b"a key");
        assert_eq!(it.to_string().parse::<Fingerprint>().unwrap(), it);
        assert_eq!(Fingerprint::from_bytes([0; 32]).to_string(), format!("SHA256:{}", "A".repeat(43)));
        assert_eq!(Fingerprint::from_bytes([0x0f; 32]).to_hex(), "0f".repeat(32));
    }

    #[test]
    fn what_is_almost_a_fingerprint_is_none() {
        let good = Fingerprint::of_spki(b"a key").to_string();
        let shorter = &good[..good.len() - 1];
        // The last digit has four bits only; the other two must be zero, or there would be four texts of one key.
        let loose = format!("SHA256:{}B", "A".repeat(42));
        for bad in ["", "SHA256:", "MD5:AAAA", &good.to_lowercase(), shorter, &format!("{good}="), &loose] {
            let refused = bad.parse::<Fingerprint>();
            assert!(matches!(refused, Err(IdentityError::BadFingerprint { .. })), "{bad}");
        }
    }
}
