//! The highest version of each secret that this host has seen: so that an old one in the store is known again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The most that is read of what was kept, in bytes: some ten thousand names.
const MOST_KEPT: u64 = 1 << 20;

/// The highest version of each secret, in memory and on disk. Only what an administrator signed gets here, so that no stranger
/// makes it grow.
#[derive(Debug)]
pub(super) struct SecretVersions {
    path: Option<PathBuf>,
    seen: Mutex<BTreeMap<String, u64>>,
}

impl SecretVersions {
    /// What earlier runs have seen; `None`: nothing is kept.
    pub fn load(path: Option<PathBuf>) -> Self {
        let seen = path.as_deref().map_or_else(BTreeMap::new, |path| match read(path) {
            Ok(seen) => seen,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                tracing::warn!(?path, %error, "how new the secrets were that this host has seen is not known any more");
                BTreeMap::new()
            }
        });
        Self { path, seen: Mutex::new(seen) }
    }

    /// Takes a version of a secret.
    ///
    /// # Errors
    /// A higher one that was seen before.
    pub fn take(&self, name: &str, version: u64) -> Result<(), u64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(name) {
            Some(known) if *known > version => return Err(*known),
            Some(known) if *known == version => return Ok(()),
            _ => drop(seen.insert(name.to_owned(), version)),
        }
        if let Some(path) = &self.path
            && let Err(error) = write(path, &seen)
        {
            tracing::warn!(?path, %error, "cannot keep how new a secret is; after a restart an older one would be taken");
        }
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<BTreeMap<String, u64>> {
    let mut text = Vec::new();
    File::open(path)?.take(MOST_KEPT).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

fn write(path: &Path, seen: &BTreeMap<String, u64>) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(&serde_json::to_vec(seen)?)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_version_is_known_again_also_after_a_restart() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("secret-versions");
        let versions = SecretVersions::load(Some(path.clone()));
        assert_eq!(versions.take("db", 5), Ok(()));
        assert_eq!(versions.take("db", 5), Ok(()));
        assert_eq!(versions.take("db", 4), Err(5));
        assert_eq!(versions.take("api", 1), Ok(()));
        let again = SecretVersions::load(Some(path.clone()));
        assert_eq!(again.take("db", 4), Err(5));
        assert_eq!(again.take("db", 6), Ok(()));
        fs::write(&path, "{").unwrap();
        assert_eq!(SecretVersions::load(Some(path)).take("db", 1), Ok(()));
    }
}
