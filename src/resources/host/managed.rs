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
    claims: Mutex<BTreeMap<Arc<str>, Count>>,
}

/// How many claim a path, and how many of them all that is below it.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: u32,
    whole: u32,
}

/// Keeps a path managed until it is dropped.
#[derive(Debug)]
pub struct Claim {
    path: Arc<str>,
    is_whole: bool,
    managed: Arc<Managed>,
}

impl Managed {
    /// Claims a path for as long as the claim lives. Several may claim one path.
    pub fn claim(self: &Arc<Self>, path: Arc<str>) -> Claim {
        self.claim_as(path, false)
    }

    /// Claims a directory with all that is below it.
    pub fn claim_whole(self: &Arc<Self>, path: Arc<str>) -> Claim {
        self.claim_as(path, true)
    }

    fn claim_as(self: &Arc<Self>, path: Arc<str>, is_whole: bool) -> Claim {
        let mut claims = self.claims();
        let count = claims.entry(path.clone()).or_default();
        count.all += 1;
        count.whole += u32::from(is_whole);
        Claim { path, is_whole, managed: self.clone() }
    }

    /// Whether this very path is managed.
    pub fn has(&self, path: &str) -> bool {
        self.claims().contains_key(path)
    }

    /// Whether a path below `root` is looked after by somebody else than who looks after all of `root`: as itself, or
    /// with all of a directory on the way to it.
    pub fn spares(&self, root: &str, path: &str) -> bool {
        let claims = self.claims();
        let Some(below) = path.strip_prefix(root).filter(|below| below.starts_with('/')) else {
            return false;
        };
        let ends = below.match_indices('/').skip(1).map(|(at, _)| root.len() + at);
        claims.contains_key(path)
            || ends.into_iter().any(|end| claims.get(&path[..end]).is_some_and(|count| count.whole > 0))
    }

    /// The managed paths below this one.
    pub fn below(&self, path: &str) -> Vec<Arc<str>> {
        let prefix = format!("{path}/");
        let claims = self.claims();
        let after = claims.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
        after.map(|(claimed, _)| claimed.clone()).take_while(|claimed| claimed.starts_with(&prefix)).collect()
    }

    /// Whether something below this path is managed.
    pub fn has_below(&self, path: &str) -> bool {
        let prefix = format!("{path}/");
        let claims = self.claims();
        let mut after = claims.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
        after.next().is_some_and(|(claimed, _)| claimed.starts_with(&prefix))
    }

    fn claims(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Count>> {
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
            count.all -= 1;
            count.whole -= u32::from(self.is_whole);
            if count.all == 0 {
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

    #[test]
    fn what_others_look_after_below_a_directory_is_spared_by_who_has_the_whole() {
        let managed = Arc::new(Managed::default());
        let claim = |path: &str| managed.claim(path.into());
        let (_own, _file, _dir) = (managed.claim_whole("/a".into()), claim("/a/f"), claim("/a/d"));
        let whole = managed.claim_whole("/a/w".into());
        let spared = |path: &str| managed.spares("/a", path);
        assert!(spared("/a/f") && spared("/a/d") && spared("/a/w") && spared("/a/w/x/y"));
        assert!(!spared("/a/d/x") && !spared("/a") && !spared("/a/ff") && !spared("/b/w/x"));
        assert_eq!(managed.below("/a"), ["/a/d".into(), "/a/f".into(), Arc::<str>::from("/a/w")]);
        drop(whole);
        assert!(!spared("/a/w/x"));
    }
}
