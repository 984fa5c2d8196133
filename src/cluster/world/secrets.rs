//! Secrets as this host reads them: what the store holds is verified, decrypted with this host's key, and kept in memory only.
//!
//! ```text
//! {"sealed":"<base64>","statement":{"statement":{"name":…,"to":…,"sealed":…,"version":…},"by":"SHA256:…","signature":"…"}}
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::secret_versions::SecretVersions;
use super::trust::{Grounds, Trust};
use super::view::follow_one;
use super::{Client, keys};
use crate::cluster::identity::{IdentityError, MOST_SEALED, RecipientKey, SecretStatement, Signed, open};
use crate::engine::world::{Follow, Followed, Secret, SecretState, Secrets, Seen, WorldError, follow};

/// The most that is looked at of what is stored, in bytes: base64 makes four of three, and a statement has some hundred.
const MOST_STORED: usize = MOST_SEALED / 3 * 4 + (8 << 10);

/// A secret for one host, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredSecret {
    /// What is encrypted, in base64.
    pub sealed: String,
    /// What an administrator signed of it.
    pub statement: Signed<SecretStatement>,
}

/// Why a secret is not believed, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    #[error("this mesh is without identities, and has no secrets: it runs with --insecure")]
    Insecure,
    #[error("this host has no key for secrets: it joined with a version that made none")]
    NoKey,
    #[error("what the store holds is no secret")]
    Damaged,
    #[error("{0}")]
    Identity(#[from] IdentityError),
    #[error("version {found} is older than version {known}, which this host has seen")]
    Older { found: u64, known: u64 },
    #[error("it is no text in UTF-8")]
    NoText,
}

impl Secrets for Client {
    fn follow(&self, name: &str) -> Result<Follow<SecretState>, WorldError> {
        let (tell, told) = follow();
        let Some(trust) = self.trust().cloned() else {
            tell.tell(Seen::fresh(SecretState::Unread(SecretError::Insecure.to_string().into())));
            tokio::spawn(async move { tell.alone().await });
            return Ok(told);
        };
        let key = keys::secret(name, &self.host);
        let stored = follow_one(&self.watcher, key, |entry| Some(entry.value.clone()));
        let reader = Reader { name: name.to_owned(), versions: self.secret_versions.clone(), tell };
        tokio::spawn(reader.run(stored, trust));
        Ok(told)
    }
}

/// Reads one secret whenever it changes, or who is believed does.
struct Reader {
    name: String,
    versions: std::sync::Arc<SecretVersions>,
    tell: Followed<SecretState>,
}

impl Reader {
    async fn run(self, mut stored: Follow<Option<Bytes>>, trust: Trust) {
        let mut trust = trust.follow();
        loop {
            let grounds = trust.borrow_and_update().clone();
            if let (Some(seen), Some(grounds)) = (stored.now(), grounds) {
                self.tell.tell(seen.map(|value| self.state(&grounds, value.as_deref())));
            }
            let goes_on = tokio::select! {
                seen = stored.changed() => seen.is_some(),
                changed = trust.changed() => changed.is_ok(),
                () = self.tell.alone() => false,
            };
            if !goes_on {
                return;
            }
        }
    }

    fn state(&self, grounds: &Grounds, stored: Option<&[u8]>) -> SecretState {
        let Some(stored) = stored else { return SecretState::Absent };
        match read(grounds, &self.name, stored, &self.versions) {
            Ok(secret) => SecretState::There(secret),
            Err(why) => {
                tracing::warn!(secret = self.name, %why, "a secret is not taken");
                SecretState::Unread(why.to_string().into())
            }
        }
    }
}

fn read(
    grounds: &Grounds,
    name: &str,
    stored: &[u8],
    versions: &SecretVersions,
) -> Result<Secret, SecretError> {
    let key = grounds.recipient.as_ref().ok_or(SecretError::NoKey)?;
    let (found, value) = opened(grounds, (name, grounds.host.as_str()), stored, key)?;
    versions.take(name, found).map_err(|known| SecretError::Older { found, known })?;
    Secret::of(value).ok_or(SecretError::NoText)
}

/// What is stored as a secret for somebody, if an administrator has signed it as that, and its version.
pub(super) fn opened(
    grounds: &Grounds,
    (name, to): (&str, &str),
    stored: &[u8],
    key: &RecipientKey,
) -> Result<(u64, Zeroizing<Vec<u8>>), SecretError> {
    if stored.len() > MOST_STORED {
        return Err(SecretError::Damaged);
    }
    let stored: StoredSecret = serde_json::from_slice(stored).map_err(|_| SecretError::Damaged)?;
    let sealed = STANDARD.decode(&stored.sealed).map_err(|_| SecretError::Damaged)?;
    let place = (name, to, &*sealed);
    let said = SecretStatement::verified(&stored.statement, &grounds.administrators, &grounds.mesh, place)?;
    Ok((said.version, open(&sealed, key)?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cluster::identity::{
        AdministratorChain, DenyList, Domain, MeshId, Pin, RecipientKey, SigningKey, UnixSeconds, seal,
    };
    use crate::engine::world::ContentHash;

    fn scene() -> (SigningKey, Grounds) {
        let (ann, mesh) = (SigningKey::generate().unwrap(), MeshId::from_bytes([7; 16]));
        let chain = AdministratorChain::begin(&mesh, "ann".parse().unwrap(), &ann, UnixSeconds(1)).unwrap();
        let grounds = Grounds {
            mesh,
            host: "web-1".parse().unwrap(),
            signing: None,
            recipient: Some(Arc::new(RecipientKey::generate().unwrap())),
            administrator: None,
            administrators: chain.replay(&mesh, &Pin::default()).unwrap(),
            denied: DenyList::default(),
            lowest_deploy: None,
        };
        (ann, grounds)
    }

    fn stored(grounds: &Grounds, by: &SigningKey, value: &[u8], version: u64) -> Vec<u8> {
        let sealed = seal(value, grounds.recipient.as_ref().unwrap().public()).unwrap();
        let hash = Some(ContentHash::of(&sealed));
        let said = SecretStatement { name: "db".into(), to: "web-1".into(), sealed: hash, version };
        let statement = Signed::new(&said, Domain::Secret, &grounds.mesh, by).unwrap();
        serde_json::to_vec(&StoredSecret { sealed: STANDARD.encode(sealed), statement }).unwrap()
    }

    #[test]
    fn what_an_administrator_put_is_read_and_nothing_older_afterwards() {
        let (ann, grounds) = scene();
        let versions = SecretVersions::load(None);
        let old = stored(&grounds, &ann, b"old", 1);
        let new = stored(&grounds, &ann, b"new", 2);
        assert_eq!(read(&grounds, "db", &old, &versions).unwrap().reveal(), "old");
        assert_eq!(read(&grounds, "db", &new, &versions).unwrap().reveal(), "new");
        let refused = read(&grounds, "db", &old, &versions).unwrap_err();
        assert_eq!(refused.to_string(), "version 1 is older than version 2, which this host has seen");
        assert_eq!(read(&grounds, "db", &new, &versions).unwrap().reveal(), "new");
    }

    #[test]
    fn what_a_voter_planted_is_not_read() {
        let (ann, grounds) = scene();
        let versions = SecretVersions::load(None);
        let planted = stored(&grounds, &SigningKey::generate().unwrap(), b"planted", u64::MAX);
        assert!(matches!(read(&grounds, "db", &planted, &versions), Err(SecretError::Identity(_))));
        // Nor does it keep out what is put later.
        let good = stored(&grounds, &ann, b"good", 1);
        assert!(matches!(read(&grounds, "api", &good, &versions), Err(SecretError::Identity(_))));
        assert!(read(&grounds, "db", &good, &versions).is_ok());
    }

    #[test]
    fn what_cannot_be_read_says_why_and_shows_nothing() {
        let (ann, mut grounds) = scene();
        let versions = SecretVersions::load(None);
        let binary = stored(&grounds, &ann, &[0xff], 1);
        assert!(matches!(read(&grounds, "db", &binary, &versions), Err(SecretError::NoText)));
        for bad in [&b""[..], b"{}", &vec![b' '; MOST_STORED + 1]] {
            assert!(matches!(read(&grounds, "db", bad, &versions), Err(SecretError::Damaged)));
        }
        let good = stored(&grounds, &ann, b"good", 2);
        let other = Some(Arc::new(RecipientKey::generate().unwrap()));
        let elsewhere = Grounds { recipient: other, ..grounds.clone() };
        assert!(matches!(read(&elsewhere, "db", &good, &versions), Err(SecretError::Identity(_))));
        grounds.recipient = None;
        assert!(matches!(read(&grounds, "db", &good, &versions), Err(SecretError::NoKey)));
    }
}
