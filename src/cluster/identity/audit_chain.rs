//! What was done, so that nothing can be taken out or changed unnoticed.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{IdentityError, MeshId, UnixSeconds};
use crate::engine::world::ContentHash;

/// The longest text of an entry, in bytes.
const LONGEST_TEXT: usize = 4096;

/// What was done. It holds the hash of the entry before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Which one, from 0.
    pub seq: u64,
    /// The hash of the one before; of the first, that of the mesh's id.
    pub before: ContentHash,
    /// When.
    pub at: UnixSeconds,
    /// Who: a principal, as it is shown.
    pub who: String,
    /// What, in words.
    pub what: String,
}

impl AuditEntry {
    /// The hash that the next entry holds: over the fields themselves, each with its length, so that it does not depend on how
    /// an entry is written.
    pub fn digest(&self) -> ContentHash {
        let mut hash = Sha256::new();
        hash.update(self.seq.to_be_bytes());
        hash.update(self.before.0);
        hash.update(self.at.0.to_be_bytes());
        for text in [&self.who, &self.what] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        ContentHash(hash.finalize().into())
    }
}

/// The end of a chain of entries: what the next one is checked against. Kept elsewhere, it shows later that nothing before it was
/// changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditChain {
    /// The number of the next entry.
    next: u64,
    /// The hash of the last one.
    digest: ContentHash,
}

impl AuditChain {
    /// Without entries.
    pub fn new(mesh: &MeshId) -> Self {
        Self { next: 0, digest: ContentHash::of(mesh.as_bytes()) }
    }

    /// That goes on after an entry, whatever came before it.
    pub fn after(entry: &AuditEntry) -> Self {
        Self { next: entry.seq.saturating_add(1), digest: entry.digest() }
    }

    /// How many entries came before.
    pub fn len(&self) -> u64 {
        self.next
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.next == 0
    }

    /// The next entry.
    ///
    /// # Errors
    /// When a text has more than 4 KiB.
    pub fn entry(&mut self, at: UnixSeconds, who: String, what: String) -> Result<AuditEntry, IdentityError> {
        let entry = AuditEntry { seq: self.next, before: self.digest, at, who, what };
        self.take(&entry)?;
        Ok(entry)
    }

    /// Goes on by an entry, if it is the next.
    ///
    /// # Errors
    /// When it is not, or what was before it was changed.
    pub fn take(&mut self, entry: &AuditEntry) -> Result<(), IdentityError> {
        let broken = |why| Err(IdentityError::BrokenAudit { seq: self.next, why });
        if entry.seq != self.next {
            return broken("an entry is missing, or there twice");
        }
        if entry.before != self.digest {
            return broken("what is before it was changed");
        }
        if entry.who.len() > LONGEST_TEXT || entry.what.len() > LONGEST_TEXT {
            return broken("it has more than 4 KiB");
        }
        *self = Self::after(entry);
        Ok(())
    }

    /// Goes on by all entries; the end is to be compared with one that was kept.
    ///
    /// # Errors
    /// The first one that does not fit.
    pub fn verify<'a>(
        mut self,
        entries: impl IntoIterator<Item = &'a AuditEntry>,
    ) -> Result<Self, IdentityError> {
        entries.into_iter().try_for_each(|entry| self.take(entry))?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{NOW, mesh};
    use super::*;

    fn three() -> (Vec<AuditEntry>, AuditChain) {
        let mut chain = AuditChain::new(&mesh());
        assert!(chain.is_empty());
        let entries = ["invited", "joined", "evicted"]
            .map(|what| chain.entry(NOW, "administrator ann".into(), what.into()).unwrap());
        (entries.into(), chain)
    }

    fn broken(entries: &[AuditEntry]) -> Option<u64> {
        match AuditChain::new(&mesh()).verify(entries) {
            Err(IdentityError::BrokenAudit { seq, .. }) => Some(seq),
            _ => None,
        }
    }

    #[test]
    fn a_chain_ends_where_it_ended() {
        let (entries, end) = three();
        let text = serde_json::to_string(&entries).unwrap();
        let read: Vec<AuditEntry> = serde_json::from_str(&text).unwrap();
        assert_eq!(AuditChain::new(&mesh()).verify(&read).unwrap(), end);
        assert_eq!(end.len(), 3);
        let (before, after) = entries.split_at(1);
        let half = AuditChain::new(&mesh()).verify(before).unwrap();
        assert_eq!(half.verify(after).unwrap(), end);
    }

    #[test]
    fn every_change_of_the_past_is_found() {
        let (entries, end) = three();
        let changes: [fn(&mut AuditEntry); 4] = [
            |entry| entry.who.push('x'),
            |entry| entry.what.push('x'),
            |entry| entry.at.0 += 1,
            |entry| std::mem::swap(&mut entry.who, &mut entry.what),
        ];
        for change in changes {
            for at in 0..2 {
                let mut forged = entries.clone();
                change(&mut forged[at]);
                assert_eq!(broken(&forged), Some(at as u64 + 1));
            }
            // The last entry is held by nobody but who kept the end.
            let mut forged = entries.clone();
            change(&mut forged[2]);
            assert_ne!(AuditChain::new(&mesh()).verify(&forged).unwrap(), end);
        }
    }

    #[test]
    fn what_was_taken_out_or_moved_is_missed() {
        let (entries, _) = three();
        assert_eq!(broken(&entries[1..]), Some(0));
        assert_eq!(broken(&[entries[0].clone(), entries[2].clone()]), Some(1));
        assert_eq!(broken(&[entries[0].clone(), entries[0].clone()]), Some(1));
        let other = AuditChain::new(&MeshId::from_bytes([9; 16])).verify(&entries);
        assert!(matches!(other, Err(IdentityError::BrokenAudit { seq: 0, .. })));
    }

    #[test]
    fn an_entry_is_bounded() {
        let mut chain = AuditChain::new(&mesh());
        assert!(chain.entry(NOW, "a".repeat(LONGEST_TEXT + 1), String::new()).is_err());
        assert!(chain.is_empty(), "what was refused leaves no trace");
    }
}
