//! Which keys the graph declares for which user: `exclusive` spares them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::key_line::Identity;

type Owned = (Arc<str>, Identity);

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

    /// All keys of a user.
    pub fn of(&self, user: &str) -> Vec<Identity> {
        let claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.keys().filter(|(of, _)| **of == *user).map(|(_, key)| key.clone()).collect()
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
