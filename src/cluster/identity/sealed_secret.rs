//! Secrets as the store has them: encrypted for one host, and signed by an administrator.
//!
//! Encryption alone says nothing of who wrote a secret: a host's key is known to all. So an administrator signs what is encrypted,
//! for whom, under which name, and a number that only grows, by which a host knows an old one again.

use std::io::Read as _;

use age::x25519::Recipient;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Administrators, Domain, IdentityError, MeshId, RecipientKey, Signed};
use crate::engine::world::ContentHash;

/// The most that a secret may hold, in bytes: keys and certificates have some KiB, and each recipient has a copy.
pub const MOST_SECRET: usize = 64 << 10;
/// The most that it has when it is encrypted, in bytes: age's header for one recipient has some 200, and each 64 KiB 16 more.
pub const MOST_SEALED: usize = MOST_SECRET + (1 << 10);

/// What an administrator signs of a secret. Its fields are never changed: what was signed before would count no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretStatement {
    /// What the secret is called.
    pub name: String,
    /// For which host it is encrypted, or `admin:` and which administrator; of a secret's own record: the pattern of the hosts that
    /// are to have it.
    pub to: String,
    /// The hash of what is encrypted; `None`: this is the secret's own record.
    #[serde(default)]
    pub sealed: Option<ContentHash>,
    /// Only ever higher for one name.
    pub version: u64,
}

impl SecretStatement {
    /// What is signed, if an administrator signed it for this secret, this reader and this content.
    ///
    /// # Errors
    /// When no administrator did, or it was signed for something else.
    pub fn verified(
        signed: &Signed<Self>,
        administrators: &Administrators,
        mesh: &MeshId,
        (name, to, sealed): (&str, &str, &[u8]),
    ) -> Result<Self, IdentityError> {
        let said = administrators.verify(signed, Domain::Secret, mesh)?;
        let is_it = said.name == name && said.to == to;
        if !is_it || said.sealed != Some(ContentHash::of(sealed)) {
            return Err(IdentityError::OtherSecret { name: said.name, to: said.to });
        }
        Ok(said)
    }
}

/// Encrypts a secret for a host, whose key this is.
///
/// # Errors
/// When it is too large, or the key is none.
pub fn seal(value: &[u8], recipient: &str) -> Result<Vec<u8>, IdentityError> {
    if value.len() > MOST_SECRET {
        return Err(IdentityError::SecretTooLarge { bytes: value.len(), limit: MOST_SECRET });
    }
    let bad = || IdentityError::BadKey { what: "a recipient of secrets" };
    let recipient: Recipient = recipient.parse().map_err(|_| bad())?;
    age::encrypt(&recipient, value).map_err(|_| bad())
}

/// Decrypts a secret.
///
/// # Errors
/// When it is too large, or not encrypted for this key.
pub fn open(sealed: &[u8], key: &RecipientKey) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    if sealed.len() > MOST_SEALED {
        return Err(IdentityError::SecretTooLarge { bytes: sealed.len(), limit: MOST_SEALED });
    }
    let sealed_for = || IdentityError::NotForThisKey { recipient: key.public().to_owned() };
    let decryptor = age::Decryptor::new_buffered(sealed).map_err(|_| sealed_for())?;
    let identities = std::iter::once(key.identity() as &dyn age::Identity);
    let reader = decryptor.decrypt(identities).map_err(|_| sealed_for())?;
    // As large as it may get, so that no part of it is left behind in memory when it grows.
    let mut value = Zeroizing::new(Vec::with_capacity(sealed.len()));
    let limit = u64::try_from(sealed.len()).unwrap_or(u64::MAX);
    reader.take(limit).read_to_end(&mut value).map_err(|_| sealed_for())?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::super::scene::{NOW, mesh, name};
    use super::super::{AdministratorChain, Pin, SigningKey};
    use super::*;

    #[test]
    fn a_secret_is_read_by_the_host_that_it_is_for_and_by_no_other() {
        let (web, db) = (RecipientKey::generate().unwrap(), RecipientKey::generate().unwrap());
        for value in [b"".as_slice(), b"hunter2", &[0xff; MOST_SECRET]] {
            let sealed = seal(value, web.public()).unwrap();
            assert!(sealed.len() <= MOST_SEALED);
            assert_eq!(open(&sealed, &web).unwrap().as_slice(), value);
            assert!(matches!(open(&sealed, &db), Err(IdentityError::NotForThisKey { .. })));
        }
    }

    #[test]
    fn what_was_changed_or_cut_off_is_not_read() {
        let key = RecipientKey::generate().unwrap();
        let sealed = seal(b"hunter2", key.public()).unwrap();
        assert!(!sealed.windows(7).any(|bytes| bytes == b"hunter2"));
        for at in 0..sealed.len() {
            assert!(open(&sealed[..at], &key).is_err(), "cut at {at}");
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&changed, &key).is_err(), "byte {at}");
        }
    }

    #[test]
    fn too_much_is_neither_encrypted_nor_looked_at() {
        let key = RecipientKey::generate().unwrap();
        let refused = seal(&vec![0; MOST_SECRET + 1], key.public());
        assert!(matches!(refused, Err(IdentityError::SecretTooLarge { .. })));
        let refused = open(&vec![0; MOST_SEALED + 1], &key);
        assert!(matches!(refused, Err(IdentityError::SecretTooLarge { .. })));
        assert!(matches!(seal(b"", "age1x"), Err(IdentityError::BadKey { .. })));
    }

    #[test]
    fn only_an_administrators_word_for_this_name_host_and_content_counts() {
        let (ann, eve) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let chain = AdministratorChain::begin(&mesh(), name("ann"), &ann, NOW).unwrap();
        let administrators = chain.replay(&mesh(), &Pin::default()).unwrap();
        let host = "web-1";
        let said = SecretStatement {
            name: "db".into(),
            to: "web-1".into(),
            sealed: Some(ContentHash::of(b"sealed")),
            version: 3,
        };
        let sign = |said: &SecretStatement, key| Signed::new(said, Domain::Secret, &mesh(), key).unwrap();
        let verify = |signed: &Signed<SecretStatement>, name: &str, host: &str, sealed: &[u8]| {
            SecretStatement::verified(signed, &administrators, &mesh(), (name, host, sealed))
        };
        let good = sign(&said, &ann);
        assert_eq!(verify(&good, "db", host, b"sealed").unwrap(), said);
        for wrong in [
            verify(&good, "api", host, b"sealed"),
            verify(&good, "db", "web-2", b"sealed"),
            verify(&good, "db", host, b"planted"),
            // The record of the secret itself is no secret.
            verify(&sign(&SecretStatement { sealed: None, ..said.clone() }, &ann), "db", host, b"sealed"),
        ] {
            assert!(matches!(wrong, Err(IdentityError::OtherSecret { .. })), "{wrong:?}");
        }
        let forged = verify(&sign(&said, &eve), "db", host, b"sealed");
        assert!(matches!(forged, Err(IdentityError::NotAdministrator { .. })));
    }
}
