//! What is found out once a directory and process, at the first write there.
//!
//! Leftovers of dead runs are removed then. Whose a temporary file is cannot be known, but whether it is *written
//! now* can: a long write holds a lock on its file, which ends with its process however that ends. A short write
//! holds none, as it is over in microseconds: if another agent's sweep does take its file away, the rename fails and
//! the write is done again. So the common write costs nothing for this.
//!
//! A run that is killed leaves its file where a target still waits to be written, so that the next run of the same
//! graph writes there, and sweeps. Where nothing is written, nothing is swept: checks only read.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::PoisonError;

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::{At, Fs};
use crate::resources::error::HostError;
use crate::resources::host::temp_name::{is_own_temp, is_temp};

/// What is remembered of a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct DirFacts {
    /// New files get an access list of the directory's making, so that their mode is not what was asked for.
    pub(super) default_acl: bool,
}

impl Fs {
    /// The facts of the directory that holds `at`; at the first call, leftovers in it are removed.
    pub(super) fn facts_of_dir(&self, at: At<'_>) -> DirFacts {
        let parent = at.path.parent().unwrap_or(Path::new("/"));
        let mut hash = DefaultHasher::new();
        parent.as_os_str().as_bytes().hash(&mut hash);
        let key = hash.finish();
        if let Some(facts) = self.dirs.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return *facts;
        }
        let listed = self.list_handle(at.dir, parent);
        let default_acl = listed.as_ref().is_ok_and(has_default_acl);
        let facts = DirFacts { default_acl };
        self.dirs.lock().unwrap_or_else(PoisonError::into_inner).insert(key, facts);
        if let Err(error) = listed.and_then(|dir| self.sweep(dir, parent)) {
            tracing::debug!(%error, "leftovers of earlier runs were not looked for");
        }
        facts
    }

    /// Removes temporary files of runs that are dead.
    fn sweep(&self, dir: OwnedFd, path: &Path) -> Result<(), HostError> {
        let failed = |answer: Errno| HostError::io("list", path, answer);
        let mut entries = Dir::read_from(&dir).map_err(failed)?;
        while let Some(entry) = entries.read() {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if !is_temp(name.to_bytes()) || is_own_temp(name.to_bytes()) {
                continue;
            }
            if entry.file_type() == FileType::RegularFile && is_being_written(&dir, name) {
                continue;
            }
            let flags = match entry.file_type() {
                FileType::Directory => AtFlags::REMOVEDIR,
                _ => AtFlags::empty(),
            };
            match rustix::fs::unlinkat(&dir, name, flags) {
                Ok(()) => {
                    tracing::info!(dir = %path.display(), ?name, "removed a leftover of an earlier run")
                }
                Err(error) => tracing::debug!(dir = %path.display(), ?name, %error, "a leftover stays"),
            }
        }
        Ok(())
    }
}

fn is_being_written(dir: &OwnedFd, name: &std::ffi::CStr) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::empty())
        .and_then(|file| rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive))
        .is_err_and(|answer| answer == Errno::WOULDBLOCK)
}

fn has_default_acl(dir: &OwnedFd) -> bool {
    rustix::fs::fgetxattr_query(dir.as_fd(), c"system.posix_acl_default").is_ok_and(|size| size > 0)
}
