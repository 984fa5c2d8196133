//! How the administrators came to be: every change, signed by one of them.

use serde::{Deserialize, Serialize};

use super::{
    AdministratorName, Administrators, Domain, Head, IdentityError, MeshId, Pin, Signed, SigningKey,
};
use super::{UnixSeconds, VerifyingKey};
use crate::engine::world::ContentHash;

/// The most changes that a chain holds: at one a week for twenty years.
pub const MOST_CHANGES: usize = 1024;
/// The most bytes that a chain is read from.
const MOST_BYTES: usize = 16 << 20;

/// One change of the administrators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdministratorChange {
    /// Which one: 0 made the mesh.
    pub seq: u64,
    /// The hash of the change before it; only the first has none.
    pub before: Option<ContentHash>,
    /// When, by the clock of who signed it.
    pub at: UnixSeconds,
    /// What.
    pub change: Change,
}

/// What changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Somebody comes.
    Add {
        /// What they are called: like nobody who is there, or was.
        name: AdministratorName,
        /// Their key: nobody's who is there.
        key: VerifyingKey,
    },
    /// Somebody goes, and what they signed counts no more.
    Remove {
        /// Who.
        name: AdministratorName,
        /// The statements of theirs that go on counting (invites that hosts joined with, evictions), by their hash: not by
        /// their dates, which who keeps the key could set as they like.
        #[serde(default)]
        keep: Vec<ContentHash>,
    },
}

/// All changes of the administrators, from the first on. Nothing of it counts before [`AdministratorChain::replay`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AdministratorChain(Vec<Signed<AdministratorChange>>);

impl AdministratorChain {
    /// Of a new mesh: its first administrator, who says so.
    ///
    /// # Errors
    /// None that can happen: a name and a key are no large statement.
    pub fn begin(
        mesh: &MeshId,
        name: AdministratorName,
        key: &SigningKey,
        at: UnixSeconds,
    ) -> Result<Self, IdentityError> {
        let change = Change::Add { name, key: key.verifying_key() };
        let first = AdministratorChange { seq: 0, before: None, at, change };
        Ok(Self(vec![Signed::new(&first, Domain::Administrator, mesh, key)?]))
    }

    /// From changes that somebody sent.
    pub fn from_changes(changes: Vec<Signed<AdministratorChange>>) -> Self {
        Self(changes)
    }

    /// The changes, the first one first.
    pub fn changes(&self) -> &[Signed<AdministratorChange>] {
        &self.0
    }

    /// As it was stored.
    ///
    /// # Errors
    /// When it is too long, or no chain.
    pub fn from_json(text: &[u8]) -> Result<Self, IdentityError> {
        if text.len() > MOST_BYTES {
            return Err(IdentityError::StatementTooLarge { bytes: text.len(), limit: MOST_BYTES });
        }
        serde_json::from_slice(text).map_err(|source| IdentityError::NotSigned { source })
    }

    /// As it is stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts can be written")
    }

    /// Adds a change, and tells who administers then. On an error the chain stays as it was.
    ///
    /// # Errors
    /// When the chain does not hold, or does not with this change.
    pub fn append(
        &mut self,
        mesh: &MeshId,
        change: Change,
        key: &SigningKey,
        at: UnixSeconds,
    ) -> Result<Administrators, IdentityError> {
        let mut present = self.replay(mesh, &Pin::default())?;
        let Head { seq, digest } = *present.head();
        let next = AdministratorChange { seq: seq + 1, before: Some(digest), at, change };
        let signed = Signed::new(&next, Domain::Administrator, mesh, key)?;
        if self.0.len() >= MOST_CHANGES {
            return Err(IdentityError::ChainTooLong { limit: MOST_CHANGES });
        }
        present.take(&signed, mesh)?;
        self.0.push(signed);
        Ok(present)
    }

    /// Who administers, after all changes.
    ///
    /// # Errors
    /// The first change that does not hold; or that the chain begins with another key than the pinned one, or is not the one
    /// that is known with more at its end.
    pub fn replay(&self, mesh: &MeshId, pin: &Pin) -> Result<Administrators, IdentityError> {
        if self.0.len() > MOST_CHANGES {
            return Err(IdentityError::ChainTooLong { limit: MOST_CHANGES });
        }
        let first = self.0.first().ok_or(IdentityError::ChainEmpty)?;
        if let Some(expected) = pin.first.filter(|expected| expected != first.by()) {
            return Err(IdentityError::OtherFounder { expected, found: *first.by() });
        }
        let mut administrators = Administrators::founded(first, mesh)?;
        let check = |now: &Administrators| match &pin.known {
            Some(known) if known.seq == now.head().seq && known.digest != now.head().digest => {
                Err(IdentityError::ChainForked { seq: known.seq })
            }
            _ => Ok(()),
        };
        check(&administrators)?;
        for change in &self.0[1..] {
            administrators.take(change, mesh)?;
            check(&administrators)?;
        }
        match &pin.known {
            Some(known) if known.seq > administrators.head().seq => {
                Err(IdentityError::ChainShorter { known: known.seq, found: administrators.head().seq })
            }
            _ => Ok(administrators),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{mesh, name};
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

    fn add(text: &str, key: &SigningKey) -> Change {
        Change::Add { name: name(text), key: key.verifying_key() }
    }

    fn remove(text: &str) -> Change {
        Change::Remove { name: name(text), keep: Vec::new() }
    }

    /// Ann made the mesh and added Bob, who added Cid.
    fn three() -> (AdministratorChain, [SigningKey; 3]) {
        let keys = [(); 3].map(|()| SigningKey::generate().unwrap());
        let mut chain = AdministratorChain::begin(&mesh(), name("ann"), &keys[0], NOW).unwrap();
        chain.append(&mesh(), add("bob", &keys[1]), &keys[0], NOW).unwrap();
        chain.append(&mesh(), add("cid", &keys[2]), &keys[1], NOW).unwrap();
        (chain, keys)
    }

    fn replay(chain: &AdministratorChain) -> Result<Administrators, IdentityError> {
        chain.replay(&mesh(), &Pin::default())
    }

    /// Which change failed, and why.
    fn broken(result: Result<Administrators, IdentityError>) -> (u64, IdentityError) {
        match result {
            Err(IdentityError::BrokenChain { seq, source }) => (seq, *source),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_administers_follows_from_the_changes() {
        let (mut chain, keys) = three();
        let names = |all: &Administrators| all.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&replay(&chain).unwrap()), ["ann", "bob", "cid"]);
        chain.append(&mesh(), remove("ann"), &keys[2], NOW).unwrap();
        let read = AdministratorChain::from_json(chain.to_json().as_bytes()).unwrap();
        let present = replay(&read).unwrap();
        assert_eq!(names(&present), ["bob", "cid"]);
        assert_eq!(present.head().seq, 3);
        assert_eq!(present.first(), &keys[0].fingerprint());
    }

    #[test]
    fn a_chain_that_was_cut_or_reordered_is_refused() {
        let keys = [(); 3].map(|()| SigningKey::generate().unwrap());
        let mut chain = AdministratorChain::begin(&mesh(), name("ann"), &keys[0], NOW).unwrap();
        chain.append(&mesh(), add("bob", &keys[1]), &keys[0], NOW).unwrap();
        chain.append(&mesh(), add("cid", &keys[2]), &keys[0], NOW).unwrap();
        let of = |order: &[usize]| AdministratorChain(order.iter().map(|at| chain.0[*at].clone()).collect());
        let (seq, why) = broken(replay(&of(&[0, 2])));
        assert!(seq == 1 && matches!(why, IdentityError::OutOfOrder { expected: 1, found: 2 }), "{why}");
        assert_eq!(broken(replay(&of(&[0, 2, 1]))).0, 1);
        assert_eq!(broken(replay(&of(&[0, 0]))).0, 1);
        // Who signed a change without having seen the one before it signed it for another chain.
        let mut other = AdministratorChain(chain.0[..1].to_vec());
        other.append(&mesh(), add("dan", &keys[1]), &keys[0], NOW).unwrap();
        other.0.push(chain.0[2].clone());
        let (seq, why) = broken(replay(&other));
        assert!(seq == 2 && matches!(why, IdentityError::OtherPredecessor), "{why}");
        // Without its beginning it begins with somebody who was not the first.
        let (seq, why) = broken(replay(&of(&[1, 2])));
        assert!(seq == 0 && matches!(why, IdentityError::OutOfOrder { expected: 0, found: 1 }), "{why}");
        assert!(matches!(replay(&of(&[])), Err(IdentityError::ChainEmpty)));
    }

    #[test]
    fn a_chain_without_its_end_is_found_by_who_knew_more() {
        let (chain, _) = three();
        let pin = Pin { first: None, known: Some(*replay(&chain).unwrap().head()) };
        let cut = AdministratorChain(chain.0[..2].to_vec());
        let refused = cut.replay(&mesh(), &pin);
        assert!(matches!(refused, Err(IdentityError::ChainShorter { known: 2, found: 1 })));
        chain.replay(&mesh(), &pin).unwrap();
    }

    #[test]
    fn a_chain_that_goes_another_way_is_found_by_who_knew_the_first() {
        let (chain, keys) = three();
        let pin = Pin { first: None, known: Some(*replay(&chain).unwrap().head()) };
        let mut other = AdministratorChain(chain.0[..2].to_vec());
        other.append(&mesh(), remove("bob"), &keys[0], NOW).unwrap();
        let refused = other.replay(&mesh(), &pin);
        assert!(matches!(refused, Err(IdentityError::ChainForked { seq: 2 })));
    }

    #[test]
    fn the_chain_begins_with_the_key_that_is_pinned() {
        let (chain, keys) = three();
        let pin = |key: &SigningKey| Pin { first: Some(key.fingerprint()), known: None };
        chain.replay(&mesh(), &pin(&keys[0])).unwrap();
        let refused = chain.replay(&mesh(), &pin(&keys[1]));
        assert!(matches!(refused, Err(IdentityError::OtherFounder { .. })));
    }

    #[test]
    fn only_who_is_there_changes_anything() {
        let (mut chain, keys) = three();
        let stranger = SigningKey::generate().unwrap();
        let (seq, why) = broken(chain.append(&mesh(), add("dan", &stranger), &stranger, NOW));
        assert!(seq == 3 && matches!(why, IdentityError::NotAdministrator { .. }), "{why}");
        chain.append(&mesh(), remove("bob"), &keys[0], NOW).unwrap();
        let (seq, why) = broken(chain.append(&mesh(), add("dan", &stranger), &keys[1], NOW));
        assert!(seq == 4 && matches!(why, IdentityError::NotAdministrator { .. }), "{why}");
        // What failed has left no trace.
        assert_eq!(replay(&chain).unwrap().head().seq, 3);
    }

    #[test]
    fn names_and_keys_are_one_persons() {
        let (mut chain, keys) = three();
        let fresh = SigningKey::generate().unwrap();
        let (_, why) = broken(chain.append(&mesh(), add("bob", &fresh), &keys[0], NOW));
        assert!(matches!(why, IdentityError::AdministratorThere { .. }), "{why}");
        let (_, why) = broken(chain.append(&mesh(), add("dan", &keys[1]), &keys[0], NOW));
        assert!(matches!(why, IdentityError::AdministratorKeyTaken { .. }), "{why}");
        let (_, why) = broken(chain.append(&mesh(), remove("dan"), &keys[0], NOW));
        assert!(matches!(why, IdentityError::AdministratorUnknown { .. }), "{why}");
    }

    #[test]
    fn the_last_administrator_stays() {
        let key = SigningKey::generate().unwrap();
        let mut chain = AdministratorChain::begin(&mesh(), name("ann"), &key, NOW).unwrap();
        let (seq, why) = broken(chain.append(&mesh(), remove("ann"), &key, NOW));
        assert!(seq == 1 && matches!(why, IdentityError::LastAdministrator { .. }), "{why}");
    }

    #[test]
    fn a_chain_of_another_mesh_is_none_of_ours() {
        let (chain, _) = three();
        let (seq, why) = broken(chain.replay(&MeshId::from_bytes([9; 16]), &Pin::default()));
        assert!(seq == 0 && matches!(why, IdentityError::BadSignature { .. }), "{why}");
    }

    #[test]
    fn who_founds_a_mesh_founds_it_with_the_own_key() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let start = |change, before| {
            let first = AdministratorChange { seq: 0, before, at: NOW, change };
            let signed = Signed::new(&first, Domain::Administrator, &mesh(), &key).unwrap();
            replay(&AdministratorChain(vec![signed]))
        };
        assert!(matches!(broken(start(add("ann", &other), None)).1, IdentityError::NotAdministrator { .. }));
        assert!(matches!(broken(start(remove("ann"), None)).1, IdentityError::NotAdministrator { .. }));
        let before = Some(ContentHash([0; 32]));
        assert!(matches!(broken(start(add("ann", &key), before)).1, IdentityError::OtherPredecessor));
        start(add("ann", &key), None).unwrap();
    }

    #[test]
    fn a_chain_is_bounded() {
        let (chain, _) = three();
        let long = AdministratorChain(vec![chain.0[0].clone(); MOST_CHANGES + 1]);
        assert!(matches!(replay(&long), Err(IdentityError::ChainTooLong { .. })));
        let refused = AdministratorChain::from_json(&vec![b' '; MOST_BYTES + 1]);
        assert!(matches!(refused, Err(IdentityError::StatementTooLarge { .. })));
    }
}
