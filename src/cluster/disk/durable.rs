//! Directories: what is renamed into them stays there, and one process has them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

/// Makes names that were made, renamed or removed in a directory survive a crash.
///
/// # Errors
/// When the directory cannot be opened or synced.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The directory that a file is in; of a bare name the current one.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A directory that only this process writes in, until it is dropped or the process ends however it ends. The lock is on the
/// directory itself, so it leaves no file behind and goes along when the directory is renamed.
#[derive(Debug)]
pub struct DirLock {
    dir: File,
    path: PathBuf,
}

/// A directory cannot be had.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum DirLockError {
    #[error("another process uses this data directory: {path:?}")]
    InUse { path: PathBuf },
    #[error("cannot lock {path:?}")]
    Lock { path: PathBuf, source: io::Error },
}

impl DirLock {
    /// Takes a directory that exists.
    ///
    /// # Errors
    /// When another process (or another part of this one) has it, or it cannot be opened.
    pub fn take(path: &Path) -> Result<Self, DirLockError> {
        let failed = |source| DirLockError::Lock { path: path.to_owned(), source };
        let dir = File::open(path).map_err(failed)?;
        match rustix::fs::flock(&dir, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { dir, path: path.to_owned() }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(DirLockError::InUse { path: path.to_owned() }),
            Err(errno) => Err(failed(errno.into())),
        }
    }

    /// Syncs the directory that is held.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn sync(&self) -> io::Result<()> {
        self.dir.sync_all()
    }

    /// Where the directory is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory was renamed.
    pub fn moved(&mut self, path: &Path) {
        path.clone_into(&mut self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_holder_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = DirLock::take(dir.path()).unwrap();
        let second = DirLock::take(dir.path()).unwrap_err();
        assert!(second.to_string().starts_with("another process uses this data directory"), "{second}");
        drop(first);
        DirLock::take(dir.path()).unwrap();
    }
}
