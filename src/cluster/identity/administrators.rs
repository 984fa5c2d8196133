//! Who administers the mesh.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{AdministratorChange, AdministratorName, Change, Domain, Fingerprint, IdentityError, MeshId};
use super::{Signed, VerifyingKey};
use crate::engine::world::ContentHash;

/// The most administrators at a time.
pub const MOST_ADMINISTRATORS: usize = 64;
/// The most statements that one removal keeps.
pub const MOST_KEPT: usize = 8192;

/// How far a chain of changes goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of its last change.
    pub seq: u64,
    /// The hash of its last change.
    pub digest: ContentHash,
}

/// What is known of a chain before it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pin {
    /// The key that it begins with.
    pub first: Option<Fingerprint>,
    /// How far it went when it was seen last: it must be the same up to there.
    pub known: Option<Head>,
}

/// Who administers the mesh, as follows from all changes. Made by [`AdministratorChain::replay`] only.
///
/// [`AdministratorChain::replay`]: super::AdministratorChain::replay
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administrators {
    first: Fingerprint,
    head: Head,
    present: BTreeMap<AdministratorName, VerifyingKey>,
    names: BTreeMap<Fingerprint, AdministratorName>,
    /// The names of those who left. Their certificates name them for months: nobody else is ever called so.
    gone: BTreeSet<AdministratorName>,
    /// Everybody who ever administered, by their keys.
    ever: BTreeMap<Fingerprint, (AdministratorName, VerifyingKey)>,
    /// Statements of those who left that go on counting, and whose they were.
    kept: BTreeMap<(ContentHash, Fingerprint), VerifyingKey>,
}

impl Administrators {
    /// The one who made the mesh, and says so.
    pub(super) fn founded(first: &Signed<AdministratorChange>, mesh: &MeshId) -> Result<Self, IdentityError> {
        let broken = |source| IdentityError::BrokenChain { seq: 0, source: Box::new(source) };
        // Who signed is only known from what was signed: read, then verified with the key that it names.
        let claimed: AdministratorChange = serde_json::from_str(first.statement()).map_err(|source| {
            broken(IdentityError::BadStatement { domain: Domain::Administrator, source })
        })?;
        if claimed.seq != 0 {
            return Err(broken(IdentityError::OutOfOrder { expected: 0, found: claimed.seq }));
        }
        if claimed.before.is_some() {
            return Err(broken(IdentityError::OtherPredecessor));
        }
        let Change::Add { name, key } = &claimed.change else {
            return Err(broken(IdentityError::NotAdministrator { by: *first.by() }));
        };
        if key.fingerprint() != *first.by() {
            return Err(broken(IdentityError::NotAdministrator { by: *first.by() }));
        }
        first.verify(Domain::Administrator, mesh, key).map_err(broken)?;
        Ok(Self {
            first: *first.by(),
            head: Head { seq: 0, digest: first.digest() },
            present: BTreeMap::from([(name.clone(), *key)]),
            names: BTreeMap::from([(key.fingerprint(), name.clone())]),
            gone: BTreeSet::new(),
            ever: BTreeMap::from([(key.fingerprint(), (name.clone(), *key))]),
            kept: BTreeMap::new(),
        })
    }

    /// Takes the next change; one that does not hold leaves everything as it is.
    pub(super) fn take(
        &mut self,
        signed: &Signed<AdministratorChange>,
        mesh: &MeshId,
    ) -> Result<(), IdentityError> {
        let seq = self.head.seq + 1;
        let broken = |source| IdentityError::BrokenChain { seq, source: Box::new(source) };
        let key = self.present_key(signed.by()).map_err(broken)?;
        let change = signed.verify(Domain::Administrator, mesh, key).map_err(broken)?;
        if change.seq != seq {
            return Err(broken(IdentityError::OutOfOrder { expected: seq, found: change.seq }));
        }
        if change.before != Some(self.head.digest) {
            return Err(broken(IdentityError::OtherPredecessor));
        }
        match change.change {
            Change::Add { name, key } => self.add(name, key),
            Change::Remove { name, keep } => self.remove(&name, keep),
        }
        .map_err(broken)?;
        self.head = Head { seq, digest: signed.digest() };
        Ok(())
    }

    fn add(&mut self, name: AdministratorName, key: VerifyingKey) -> Result<(), IdentityError> {
        if self.present.contains_key(&name) {
            return Err(IdentityError::AdministratorThere { name });
        }
        if self.gone.contains(&name) {
            return Err(IdentityError::AdministratorGone { name });
        }
        if let Some(other) = self.names.get(&key.fingerprint()) {
            return Err(IdentityError::AdministratorKeyTaken { name, other: other.clone() });
        }
        if self.present.len() >= MOST_ADMINISTRATORS {
            return Err(IdentityError::TooMany { what: "administrators", limit: MOST_ADMINISTRATORS });
        }
        self.names.insert(key.fingerprint(), name.clone());
        self.ever.insert(key.fingerprint(), (name.clone(), key));
        self.present.insert(name, key);
        Ok(())
    }

    fn remove(&mut self, name: &AdministratorName, keep: Vec<ContentHash>) -> Result<(), IdentityError> {
        if keep.len() > MOST_KEPT {
            return Err(IdentityError::TooMany { what: "statements that are kept", limit: MOST_KEPT });
        }
        if self.present.len() == 1 && self.present.contains_key(name) {
            return Err(IdentityError::LastAdministrator { name: name.clone() });
        }
        let Some(key) = self.present.remove(name) else {
            return Err(IdentityError::AdministratorUnknown { name: name.clone() });
        };
        let whose = key.fingerprint();
        self.names.remove(&whose);
        self.gone.insert(name.clone());
        self.kept.extend(keep.into_iter().map(|digest| ((digest, whose), key)));
        Ok(())
    }

    fn present_key(&self, by: &Fingerprint) -> Result<&VerifyingKey, IdentityError> {
        let key = self.names.get(by).and_then(|name| self.present.get(name));
        key.ok_or(IdentityError::NotAdministrator { by: *by })
    }

    /// What a statement says, if somebody who administers signed it; or somebody who did, and it was kept when they left.
    ///
    /// # Errors
    /// When neither is so, or the signature does not hold.
    pub fn verify<T: DeserializeOwned>(
        &self,
        signed: &Signed<T>,
        domain: Domain,
        mesh: &MeshId,
    ) -> Result<T, IdentityError> {
        let key = match self.present_key(signed.by()) {
            Ok(key) => key,
            Err(error) => self.kept.get(&(signed.digest(), *signed.by())).ok_or(error)?,
        };
        signed.verify(domain, mesh, key)
    }

    /// Who has this key.
    pub fn name_of(&self, key: &Fingerprint) -> Option<&AdministratorName> {
        self.names.get(key)
    }

    /// Who has, or had, this key when they administered, and the key: for what they did then, and nothing else.
    pub fn ever(&self, key: &Fingerprint) -> Option<(&AdministratorName, &VerifyingKey)> {
        self.ever.get(key).map(|(name, key)| (name, key))
    }

    /// The key of somebody who administers.
    pub fn key_of(&self, name: &AdministratorName) -> Option<&VerifyingKey> {
        self.present.get(name)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&AdministratorName, &VerifyingKey)> {
        self.present.iter()
    }

    /// The key that made the mesh.
    pub fn first(&self) -> &Fingerprint {
        &self.first
    }

    /// What is known of the chain now: another one must go on from it.
    pub fn pin(&self) -> Pin {
        Pin { first: Some(self.first), known: Some(self.head) }
    }

    /// How far the chain goes: to be kept, and pinned when it is read again.
    pub fn head(&self) -> &Head {
        &self.head
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{mesh, name};
    use super::super::{AdministratorChain, Pin, SigningKey, UnixSeconds};
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

    #[test]
    fn what_somebody_signed_counts_until_they_leave_but_for_what_is_kept() {
        let (ann, bob) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let mut chain = AdministratorChain::begin(&mesh(), name("ann"), &ann, NOW).unwrap();
        let change = Change::Add { name: name("bob"), key: bob.verifying_key() };
        let with_bob = chain.append(&mesh(), change, &ann, NOW).unwrap();
        assert_eq!(with_bob.name_of(&bob.fingerprint()), Some(&name("bob")));
        let sign = |text: &str| Signed::new(&text.to_owned(), Domain::Invite, &mesh(), &bob).unwrap();
        let (kept, other) = (sign("kept"), sign("other"));
        assert_eq!(with_bob.verify(&other, Domain::Invite, &mesh()).unwrap(), "other");
        let change = Change::Remove { name: name("bob"), keep: vec![kept.digest()] };
        let without = chain.append(&mesh(), change, &ann, NOW).unwrap();
        assert_eq!(without.verify(&kept, Domain::Invite, &mesh()).unwrap(), "kept");
        let refused = without.verify(&other, Domain::Invite, &mesh());
        assert!(matches!(refused, Err(IdentityError::NotAdministrator { .. })));
        assert!(without.verify(&kept, Domain::Deploy, &mesh()).is_err(), "kept, but not for everything");
        assert_eq!(without.key_of(&name("bob")), None);
        assert_eq!(chain.replay(&mesh(), &Pin::default()).unwrap(), without);
    }

    #[test]
    fn administrators_and_what_is_kept_are_bounded() {
        let ann = SigningKey::generate().unwrap();
        let mut chain = AdministratorChain::begin(&mesh(), name("ann"), &ann, NOW).unwrap();
        let keep = vec![ContentHash([0; 32]); MOST_KEPT + 1];
        let too_much = chain.append(&mesh(), Change::Remove { name: name("bob"), keep }, &ann, NOW);
        let is_too_many = |result: Result<_, IdentityError>| match result {
            Err(IdentityError::BrokenChain { source, .. }) => {
                matches!(*source, IdentityError::TooMany { .. })
            }
            _ => false,
        };
        assert!(is_too_many(too_much));
        let mut present = chain.replay(&mesh(), &Pin::default()).unwrap();
        for number in 1..MOST_ADMINISTRATORS {
            present
                .add(name(&format!("a{number}")), SigningKey::generate().unwrap().verifying_key())
                .unwrap();
        }
        let one_more = present.add(name("zoe"), SigningKey::generate().unwrap().verifying_key());
        assert!(matches!(one_more, Err(IdentityError::TooMany { .. })));
    }
}
