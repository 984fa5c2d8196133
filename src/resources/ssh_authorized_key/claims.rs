//! Which keys the graph declares for which user: `exclusive` spares them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::key_line::Identity;

/// A user as declared, and a key.
pub type Owned = (Arc<str>, Identity);

/// The declared keys, by user. A key is claimed when its resource is built: all are before any runs.
#[derive(Debug, Default)]
pub struct Claims(Mutex<BTreeMap<Owned, u32>>);

/// Keeps a key declared until it is dropped.
#[derive(Debug)]
pub struct Claim {
    owned: Owned,
    claims: Arc<Claims>,
}

impl Claims {
    /// Claims a key for as long as the claim lives.
    pub fn claim(self: &Arc<Self>, user: Arc<str>, key: Identity) -> Claim {
        let owned = (user, key);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(owned.clone()).or_default() += 1;
        Claim { owned, claims: self.clone() }
    }

    /// All keys, each with its user as declared: one account has several words, such as its name, its number, and none.
    pub fn all(&self) -> Vec<Owned> {
        let claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.keys().cloned().collect()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claims = self.claims.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = claims.get_mut(&self.owned) {
            *count -= 1;
            if *count == 0 {
                claims.remove(&self.owned);
            }
        }
    }
}
