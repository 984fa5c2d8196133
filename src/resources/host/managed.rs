//! Which paths resources of this process look after: a purge spares them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The managed paths, absolute and without trailing slashes.
///
/// A path is claimed when its resource is *built*, and not when its watch is armed: all resources of a new graph are
/// built before any runs, so that a directory that runs first never purges what a later vertex manages.
#[derive(Debug, Default)]
pub struct Managed {
    claims: Mutex<BTreeMap<Arc<str>, u32>>,
}

/// Keeps a path managed until it is dropped.
#[derive(Debug)]
pub struct Claim {
    path: Arc<str>,
    managed: Arc<Managed>,
}

impl Managed {
    /// Claims a path for as long as the claim lives. Several may claim one path.
    pub fn claim(self: &Arc<Self>, path: Arc<str>) -> Claim {
        *self.claims().entry(path.clone()).or_default() += 1;
        Claim { path, managed: self.clone() }
    }

    /// Whether this very path is managed.
    pub fn has(&self, path: &str) -> bool {
        self.claims().contains_key(path)
    }

    /// Whether something below this path is managed.
    pub fn has_below(&self, path: &str) -> bool {
        let prefix = format!("{path}/");
        let claims = self.claims();
        let mut after = claims.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
        after.next().is_some_and(|(claimed, _)| claimed.starts_with(&prefix))
    }

    fn claims(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, u32>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// The path.
    pub fn path(&self) -> &Arc<str> {
        &self.path
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claims = self.managed.claims();
        if let Some(count) = claims.get_mut(&self.path) {
            *count -= 1;
            if *count == 0 {
                claims.remove(&self.path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_managed_while_a_claim_lives_and_covers_its_ancestors() {
        let managed = Arc::new(Managed::default());
        let first = managed.claim("/a/b/c".into());
        let second = managed.claim("/a/b/c".into());
        let _beside = managed.claim("/a/b-".into());
        assert!(managed.has("/a/b/c") && !managed.has("/a/b"));
        assert!(managed.has_below("/a/b") && managed.has_below("/a") && !managed.has_below("/a/b/c"));
        drop(first);
        assert!(managed.has("/a/b/c"));
        drop(second);
        assert!(!managed.has("/a/b/c") && !managed.has_below("/a/b"));
    }
}
