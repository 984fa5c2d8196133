//! Which mesh.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::IdentityError;

/// Which mesh: 16 random bytes, made with it. As text, 32 hexadecimal digits in lower case and nothing else, so that there is
/// one text for each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MeshId([u8; 16]);

impl MeshId {
    /// Of a new mesh.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn random() -> Result<Self, IdentityError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(IdentityError::Random)?;
        Ok(Self(id))
    }

    /// From its bytes.
    pub fn from_bytes(id: [u8; 16]) -> Self {
        Self(id)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for MeshId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MeshId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MeshId({self})")
    }
}

impl FromStr for MeshId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let bad = || IdentityError::BadMeshId { text: text.chars().take(64).collect() };
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return Err(bad());
        }
        u128::from_str_radix(text, 16).map(|id| Self(id.to_be_bytes())).map_err(|_| bad())
    }
}

impl TryFrom<String> for MeshId {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

impl From<MeshId> for String {
    fn from(id: MeshId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written() {
        let id = MeshId::random().unwrap();
        assert_ne!(id, MeshId::random().unwrap());
        assert_eq!(id.to_string().parse::<MeshId>().unwrap(), id);
        assert_eq!(MeshId([0xab; 16]).to_string(), "ab".repeat(16));
        assert_eq!(serde_json::from_str::<MeshId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn there_is_one_text_for_each_id() {
        for bad in
            ["", "ab", &"AB".repeat(16), &"ab".repeat(17), &format!("+{}", "a".repeat(31)), &"é".repeat(16)]
        {
            assert!(matches!(bad.parse::<MeshId>(), Err(IdentityError::BadMeshId { .. })), "{bad:?}");
        }
    }
}
