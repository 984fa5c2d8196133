//! Removing: names, and trees of directories without leaving them or following a link.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::{At, Fs, Pace};
use crate::resources::error::HostError;

/// How deep directories may be nested; each level holds a descriptor.
pub const DEEPEST: usize = 200;
const LIST: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// How often a directory is emptied that others fill meanwhile.
const TRIES: usize = 3;

impl Fs {
    /// Moves an object from one directory to another of the same file system, in place of whatever has that name there
    /// that is no directory.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn move_name(&self, from: At<'_>, to: At<'_>) -> Result<(), HostError> {
        self.call("carry over", to.path, || rustix::fs::renameat(from.dir, from.name(), to.dir, to.name()))
    }

    /// Removes a name that is no directory. That it has gone already is no error.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn unlink(&self, at: At<'_>) -> Result<(), HostError> {
        self.remove_name(at, AtFlags::empty())
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// [`HostError::NotEmpty`]; when the system refuses.
    pub fn remove_empty_dir(&self, at: At<'_>) -> Result<(), HostError> {
        self.remove_name(at, AtFlags::REMOVEDIR).map_err(|error| match error.errno() {
            Some(Errno::NOTEMPTY | Errno::EXIST) => HostError::NotEmpty { path: at.path.into() },
            _ => error,
        })
    }

    /// Removes an object with all that is in it, but not what `spare` says of a path below it, nor the directories
    /// that lead there. Never goes into a mounted file system. Returns whether all went.
    ///
    /// # Errors
    /// At a mount point; when the system refuses; when the run is cancelled.
    pub fn remove_tree(
        &self,
        at: At<'_>,
        found: &Stat,
        spare: &dyn Fn(&Path) -> bool,
        pace: Pace<'_>,
    ) -> Result<bool, HostError> {
        self.remove_level(at, FileType::from_raw_mode(found.st_mode), spare, pace, 0)
    }

    /// Removes whatever is at a path, with all that is in it. That there is nothing is no error.
    ///
    /// # Errors
    /// As those of [`remove_tree`](Self::remove_tree).
    pub fn remove_whole(&self, path: &Path, pace: Pace<'_>) -> Result<(), HostError> {
        let parent = self.open_parent(path)?;
        let at = At::new(&parent, path);
        if let Some(found) = self.lstat(at)? {
            self.remove_tree(at, &found, &|_| false, pace)?;
        }
        Ok(())
    }

    fn remove_level(
        &self,
        at: At<'_>,
        file_type: FileType,
        spare: &dyn Fn(&Path) -> bool,
        pace: Pace<'_>,
        depth: usize,
    ) -> Result<bool, HostError> {
        if file_type != FileType::Directory {
            return self.unlink(at).map(|()| true);
        }
        if depth > DEEPEST {
            return Err(HostError::TooDeep { op: "remove", path: at.path.into(), limit: DEEPEST });
        }
        let dir = self.open_dir_at(at)?;
        let mut tries = 1;
        loop {
            let mut emptied = true;
            self.for_each_entry(&dir, at.path, |path, file_type| {
                pace.go_on("remove", path)?;
                let gone = !spare(path)
                    && self.remove_level(At::new(&dir, path), file_type, spare, pace, depth + 1)?;
                emptied &= gone;
                Ok(())
            })?;
            if !emptied {
                return Ok(false);
            }
            match self.remove_empty_dir(at) {
                Ok(()) => return Ok(true),
                Err(HostError::NotEmpty { .. }) if tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Opens a directory to list it, unless it is a link or something is mounted there.
    ///
    /// # Errors
    /// When the system refuses; at a mount point.
    pub fn open_dir_at(&self, at: At<'_>) -> Result<OwnedFd, HostError> {
        let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
        let opened = self
            .call("open", at.path, || rustix::fs::openat2(at.dir, at.name(), LIST, Mode::empty(), resolve));
        match opened {
            Err(error) if matches!(error.errno(), Some(Errno::NOSYS | Errno::PERM)) => {}
            other => return other,
        }
        // Without openat2, bind mounts of the same file system cannot be told.
        let dir = self.list_dir(at)?;
        let inside = self.call("stat", at.path, || rustix::fs::fstat(&dir))?;
        let outside = self.call("stat", at.path, || rustix::fs::fstat(at.dir))?;
        if inside.st_dev != outside.st_dev {
            return Err(HostError::io("open", at.path, Errno::XDEV));
        }
        Ok(dir)
    }

    /// Opens a directory to list it, unless it is a link.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn list_dir(&self, at: At<'_>) -> Result<OwnedFd, HostError> {
        self.call("open", at.path, || rustix::fs::openat(at.dir, at.name(), LIST, Mode::empty()))
    }

    /// Calls `see` with the path and type of each entry of an open directory.
    ///
    /// # Errors
    /// When it cannot be listed; what `see` fails with.
    pub fn for_each_entry(
        &self,
        dir: &OwnedFd,
        path: &Path,
        mut see: impl FnMut(&Path, FileType) -> Result<(), HostError>,
    ) -> Result<(), HostError> {
        let failed = |answer: Errno| HostError::io("list", path, answer);
        let mut entries = Dir::read_from(dir).map_err(failed)?;
        while let Some(entry) = entries.read() {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let below = path.join(OsStr::from_bytes(name));
            let file_type = match entry.file_type() {
                FileType::Unknown => match self.lstat(At::new(dir, &below))? {
                    Some(stat) => FileType::from_raw_mode(stat.st_mode),
                    None => continue,
                },
                known => known,
            };
            see(&below, file_type)?;
        }
        Ok(())
    }

    fn remove_name(&self, at: At<'_>, flags: AtFlags) -> Result<(), HostError> {
        match self.call("remove", at.path, || rustix::fs::unlinkat(at.dir, at.name(), flags)) {
            Err(error) if error.errno() == Some(Errno::NOENT) => Ok(()),
            other => other,
        }
    }
}
