//! One at a time: several resources may change parts of one file.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};

use super::fs::{At, Halt, Pace};
use crate::resources::error::HostError;

/// Locks by object: its directory's identity and its name there, so that it is the same lock by whatever path the
/// directory was reached. Within this process only.
#[derive(Debug, Default)]
pub struct PathLocks {
    locks: Mutex<HashMap<Key, Weak<Mutex<()>>>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    device: u64,
    inode: u64,
    name: OsString,
}

/// The lock of one object.
#[derive(Debug)]
pub struct PathLock(Arc<Mutex<()>>);

impl PathLocks {
    /// The lock of an object, not yet held.
    ///
    /// # Errors
    /// When the system refuses to say which directory it is.
    pub fn of(&self, at: At<'_>) -> Result<PathLock, HostError> {
        let dir =
            rustix::fs::fstat(at.dir.as_fd()).map_err(|answer| HostError::io("stat", at.path, answer))?;
        let key = Key { device: dir.st_dev, inode: dir.st_ino, name: at.name().to_owned() };
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&key).and_then(Weak::upgrade) {
            return Ok(PathLock(lock));
        }
        if locks.len() == locks.capacity() {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        let lock = Arc::default();
        locks.insert(key, Arc::downgrade(&lock));
        Ok(PathLock(lock))
    }
}

impl PathLock {
    /// Holds the lock until the guard is dropped.
    ///
    /// # Errors
    /// [`Halt::Long`] at a short pace, if it would have to be waited for.
    pub fn hold(&self, pace: Pace<'_>) -> Result<MutexGuard<'_, ()>, Halt> {
        match self.0.try_lock() {
            Ok(guard) => return Ok(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => pace.long()?,
        }
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;
    use crate::engine::Cancel;
    use crate::resources::host::fs::Fs;

    #[test]
    fn an_object_has_one_lock_by_whatever_path() {
        let (dir, fs, locks) = (tempfile::tempdir().unwrap(), Fs::new(), PathLocks::default());
        fs::create_dir(dir.path().join("real")).unwrap();
        symlink("real", dir.path().join("link")).unwrap();
        let lock = |path: &Path| {
            let parent = fs.open_parent(path).unwrap();
            locks.of(At::new(&parent, path)).unwrap()
        };
        let (one, same) = (lock(&dir.path().join("real/f")), lock(&dir.path().join("link/f")));
        let other = lock(&dir.path().join("real/g"));
        let held = one.hold(Pace::Short).unwrap();
        assert!(matches!(same.hold(Pace::Short), Err(Halt::Long)));
        assert!(other.hold(Pace::Short).is_ok());
        drop(held);
        assert!(same.hold(Pace::Long(&Cancel::default())).is_ok());
    }
}
