//! Statements that somebody signed.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::signing::MOST_SIGNED;
use super::{Domain, Fingerprint, IdentityError, MeshId, Signature, SigningKey, VerifyingKey};
use crate::engine::world::ContentHash;

/// The most that key id, signature and their names take beside the statement, in bytes.
const ENVELOPE: usize = 1 << 10;

/// A statement that somebody signed: its JSON, kept to the byte as it was signed, so that a reader that does not know all of its
/// fields verifies and hands on all of it. What it says is only to be had by [`Signed::verify`].
///
/// Never pass it through `serde_json::Value`: that writes the statement anew.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Signed<T> {
    statement: Box<RawValue>,
    by: Fingerprint,
    signature: Signature,
    #[serde(skip)]
    says: PhantomData<fn() -> T>,
}

impl<T> Signed<T> {
    /// The statement's JSON: not verified yet.
    pub fn statement(&self) -> &str {
        self.statement.get()
    }

    /// Who claims to have signed it.
    pub fn by(&self) -> &Fingerprint {
        &self.by
    }

    /// What tells it from every other statement: the hash of all of it.
    pub fn digest(&self) -> ContentHash {
        let mut hash = Sha256::new();
        hash.update((self.statement.get().len() as u64).to_be_bytes());
        hash.update(self.statement.get());
        hash.update(self.by.as_bytes());
        hash.update(self.signature.as_bytes());
        ContentHash(hash.finalize().into())
    }

    /// As it is stored and sent.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts can be written")
    }

    /// As it was stored or sent. Nothing of it is verified yet.
    ///
    /// # Errors
    /// When it has more than 1 MiB, or is no signed statement.
    pub fn from_json(text: &[u8]) -> Result<Self, IdentityError> {
        let limit = MOST_SIGNED + ENVELOPE;
        if text.len() > limit {
            return Err(IdentityError::StatementTooLarge { bytes: text.len(), limit });
        }
        serde_json::from_slice(text).map_err(|source| IdentityError::NotSigned { source })
    }
}

impl<T: Serialize> Signed<T> {
    /// Signs a statement.
    ///
    /// # Errors
    /// When it has more than 1 MiB.
    pub fn new(
        statement: &T,
        domain: Domain,
        mesh: &MeshId,
        key: &SigningKey,
    ) -> Result<Self, IdentityError> {
        let bad = |source| IdentityError::BadStatement { domain, source };
        let text = serde_json::to_string(statement).map_err(bad)?;
        let signature = key.sign(domain, mesh, text.as_bytes())?;
        let statement = RawValue::from_string(text).map_err(bad)?;
        Ok(Self { statement, by: key.fingerprint(), signature, says: PhantomData })
    }
}

impl<T: DeserializeOwned> Signed<T> {
    /// What it says, if this key signed it, for this and in this mesh.
    ///
    /// # Errors
    /// When another key is named, the signature does not hold, or what is signed cannot be understood.
    pub fn verify(&self, domain: Domain, mesh: &MeshId, key: &VerifyingKey) -> Result<T, IdentityError> {
        let expected = key.fingerprint();
        if self.by != expected {
            return Err(IdentityError::WrongSigner { domain, by: self.by, expected });
        }
        key.verify(domain, mesh, self.statement.get().as_bytes(), &self.signature)?;
        serde_json::from_str(self.statement.get())
            .map_err(|source| IdentityError::BadStatement { domain, source })
    }
}

impl<T> Clone for Signed<T> {
    fn clone(&self) -> Self {
        Self { statement: self.statement.clone(), by: self.by, signature: self.signature, says: PhantomData }
    }
}

impl<T> PartialEq for Signed<T> {
    fn eq(&self, other: &Self) -> bool {
        let text = self.statement.get() == other.statement.get();
        text && self.by == other.by && self.signature == other.signature
    }
}

impl<T> Eq for Signed<T> {}

impl<T> fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("statement", &self.statement.get()).field("by", &self.by).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Claim {
        text: String,
        number: u64,
    }

    fn mesh() -> MeshId {
        MeshId::from_bytes([7; 16])
    }

    fn claim() -> Claim {
        Claim { text: "a \u{2028} \"b\"".to_owned(), number: u64::MAX }
    }

    fn sign(text: &str, key: &SigningKey) -> Signed<Claim> {
        let signature = key.sign(Domain::Policy, &mesh(), text.as_bytes()).unwrap();
        let statement = RawValue::from_string(text.to_owned()).unwrap();
        Signed { statement, by: key.fingerprint(), signature, says: PhantomData }
    }

    #[test]
    fn what_was_signed_is_read_after_any_journey() {
        let key = SigningKey::generate().unwrap();
        let signed = Signed::new(&claim(), Domain::Policy, &mesh(), &key).unwrap();
        let again = Signed::<Claim>::from_json(signed.to_json().as_bytes()).unwrap();
        assert_eq!(again, signed);
        assert_eq!(again.digest(), signed.digest());
        let said = again.verify(Domain::Policy, &mesh(), &key.verifying_key()).unwrap();
        assert_eq!(said, claim());
    }

    #[test]
    fn fields_of_a_later_version_are_kept_and_verified() {
        let key = SigningKey::generate().unwrap();
        let text = "{ \"number\": 1,\n \"later\":[1, 2.50],  \"text\":\"\\u0041\"}";
        let signed = sign(text, &key);
        let again = Signed::<Claim>::from_json(signed.to_json().as_bytes()).unwrap();
        assert_eq!(again.statement(), text);
        let said = again.verify(Domain::Policy, &mesh(), &key.verifying_key()).unwrap();
        assert_eq!(said, Claim { text: "A".to_owned(), number: 1 });
    }

    #[test]
    fn every_byte_of_the_text_counts() {
        let key = SigningKey::generate().unwrap();
        let text = Signed::new(&claim(), Domain::Policy, &mesh(), &key).unwrap().to_json();
        let original = Signed::<Claim>::from_json(text.as_bytes()).unwrap();
        for at in 0..text.len() {
            for change in [1, 0x20] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= change;
                let Ok(read) = Signed::<Claim>::from_json(&bytes) else { continue };
                if read == original {
                    continue;
                }
                let said = read.verify(Domain::Policy, &mesh(), &key.verifying_key());
                assert!(said.is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn a_statement_of_somebody_else_says_so() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let signed = Signed::new(&claim(), Domain::Policy, &mesh(), &key).unwrap();
        let refused = signed.verify(Domain::Policy, &mesh(), &other.verifying_key());
        assert!(matches!(refused, Err(IdentityError::WrongSigner { by, .. }) if by == key.fingerprint()));
        // Who puts its own id there is found by the signature.
        let forged = Signed::<Claim> { by: other.fingerprint(), ..signed };
        let refused = forged.verify(Domain::Policy, &mesh(), &other.verifying_key());
        assert!(matches!(refused, Err(IdentityError::BadSignature { .. })));
    }

    #[test]
    fn what_is_signed_and_not_understood_says_so() {
        let key = SigningKey::generate().unwrap();
        for text in
            ["{}", "1", "{\"text\":\"\",\"number\":-1}", "{\"text\":\"a\",\"text\":\"b\",\"number\":1}"]
        {
            let said = sign(text, &key).verify(Domain::Policy, &mesh(), &key.verifying_key());
            assert!(matches!(said, Err(IdentityError::BadStatement { .. })), "{text}");
        }
        let refused = Signed::<Claim>::from_json(b"{\"statement\":1}");
        assert!(matches!(refused, Err(IdentityError::NotSigned { .. })));
    }

    #[test]
    fn too_much_is_not_even_read() {
        let much = vec![b' '; MOST_SIGNED + ENVELOPE + 1];
        let refused = Signed::<Claim>::from_json(&much);
        assert!(matches!(refused, Err(IdentityError::StatementTooLarge { .. })));
        let key = SigningKey::generate().unwrap();
        let long = Claim { text: "a".repeat(MOST_SIGNED), number: 0 };
        let refused = Signed::new(&long, Domain::Policy, &mesh(), &key);
        assert!(matches!(refused, Err(IdentityError::StatementTooLarge { .. })));
    }

    #[test]
    fn nesting_does_not_exhaust_the_stack() {
        let deep = format!("{}{}", "[".repeat(400_000), "]".repeat(400_000));
        let key = SigningKey::generate().unwrap();
        let text = format!(
            "{{\"statement\":{deep},\"by\":\"{}\",\"signature\":\"{}\"}}",
            key.fingerprint(),
            String::from(key.sign(Domain::Policy, &mesh(), deep.as_bytes()).unwrap())
        );
        if let Ok(signed) = Signed::<Claim>::from_json(text.as_bytes()) {
            assert!(signed.verify(Domain::Policy, &mesh(), &key.verifying_key()).is_err());
        }
    }
}
