//! Writing whole: a temporary file in the same directory, with its final owner and mode, renamed onto its name.
//!
//! Readers see the old file or the new one, never a part. There is no fsync: after a power failure either may be
//! there, as with any file written a moment before. Other names of the same inode (hard links) keep the old content.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, FlockOperation, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use super::{At, Content, Fs, LONG, Pace, permissions};
use crate::resources::error::HostError;
use crate::resources::host::temp_name::next_temp_name;

/// How often a write is done again whose temporary file was taken away (see `dir_facts`).
const TRIES: usize = 3;
/// What only the owner may do: the mode of a file that does not have its final owner yet.
const PRIVATE: u32 = 0o600;

/// The mode of a new file for which none is declared, whatever the umask.
const NEW_FILE: u32 = 0o644;

/// How a file should look, besides its content. `None`: as it was, or as it comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dress<'a> {
    /// Permission bits, setuid, setgid and sticky included.
    pub mode: Option<u32>,
    /// The owner.
    pub uid: Option<u32>,
    /// The group.
    pub gid: Option<u32>,
    /// The SELinux label.
    pub label: Option<&'a str>,
}

/// How a file was written.
#[derive(Debug)]
pub enum Written {
    /// By a rename of a temporary file.
    Renamed,
    /// In place; the file just after.
    InPlace(Box<Stat>),
}

impl Fs {
    /// Writes a file whole. `old` is what it replaces: what `dress` leaves open is kept of a regular file, and of nothing else.
    ///
    /// # Errors
    /// When the system refuses, the run is cancelled, or the content changes while it is copied. What was there then
    /// still is, and no temporary file is left.
    pub fn write_file(
        &self,
        at: At<'_>,
        old: Option<&Stat>,
        content: &dyn Content,
        dress: Dress<'_>,
        pace: Pace<'_>,
    ) -> Result<Written, HostError> {
        // Anybody may do anything with a link: its looks are none for a file.
        let old = old.filter(|old| is_regular(old));
        let mut tries = 1;
        loop {
            match self.write_once(at, old, content, dress, pace) {
                Ok(()) => return Ok(Written::Renamed),
                Err(error) if error.is("rename", Errno::NOENT) && tries < TRIES => tries += 1,
                Err(error) if old.is_some() && error.is("rename", Errno::BUSY) => {
                    tracing::warn!(path = %at.path.display(), "it is a mount point: written in place, not whole");
                    return self.write_in_place(at, content, dress, pace);
                }
                Err(error) if error.is(KEEP_OWNER, Errno::PERM) => {
                    tracing::warn!(path = %at.path.display(),
                        "its owner cannot be kept by replacing it: written in place, not whole");
                    return self.write_in_place(at, content, dress, pace);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn write_once(
        &self,
        at: At<'_>,
        old: Option<&Stat>,
        content: &dyn Content,
        dress: Dress<'_>,
        pace: Pace<'_>,
    ) -> Result<(), HostError> {
        let facts = self.facts_of_dir(at);
        let comes_right = old.is_none() && !facts.default_acl && self.comes_right(dress);
        let mode = if comes_right { dress.mode.unwrap_or(NEW_FILE) } else { PRIVATE };
        let name = next_temp_name();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = self.call("create", at.path, || {
            rustix::fs::openat(at.dir, &*name, flags, Mode::from_raw_mode(mode))
        })?;
        let filled = self.fill(at, &file, old, content, if comes_right { None } else { Some(dress) }, pace);
        // Closed before the rename, lest the watch sees a write to the final name.
        drop(file);
        let done = filled.and_then(|()| self.rename_temp(at, &name));
        if done.is_err() {
            let _ = rustix::fs::unlinkat(at.dir, &*name, AtFlags::empty());
        }
        done
    }

    fn fill(
        &self,
        at: At<'_>,
        file: &OwnedFd,
        old: Option<&Stat>,
        content: &dyn Content,
        dress: Option<Dress<'_>>,
        pace: Pace<'_>,
    ) -> Result<(), HostError> {
        if content.size().is_none_or(|size| size > LONG) {
            // Tells the sweeps of other agents that it is no leftover. Some network file systems have no locks.
            let _ = rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive);
        }
        let written = content.write_to(self, file, at.path, pace)?;
        if content.size().is_some_and(|size| size != written) {
            return Err(HostError::Raced { op: "copy to", path: at.path.into() });
        }
        match dress {
            Some(dress) => self.dress(at, file, old, dress),
            None => Ok(()),
        }
    }

    pub(super) fn rename_temp(&self, at: At<'_>, temp: impl AsRef<OsStr>) -> Result<(), HostError> {
        self.call("rename", at.path, || rustix::fs::renameat(at.dir, temp.as_ref(), at.dir, at.name()))
    }

    /// Whether a new file looks so from its creation on.
    pub(super) fn comes_right(&self, dress: Dress<'_>) -> bool {
        let plain = dress.mode.unwrap_or(NEW_FILE) & (0o7000 | self.umask) == 0;
        plain && dress.uid.is_none() && dress.gid.is_none() && dress.label.is_none()
    }

    /// Gives a temporary file its final owner, attributes and mode, in the order in which none undoes another: a
    /// change of owner clears setuid, an access list sets the mode's group bits.
    fn dress(
        &self,
        at: At<'_>,
        file: &OwnedFd,
        old: Option<&Stat>,
        dress: Dress<'_>,
    ) -> Result<(), HostError> {
        let now = self.call("stat", at.path, || rustix::fs::fstat(file))?;
        let uid = dress.uid.or(old.map(|old| old.st_uid)).filter(|uid| *uid != now.st_uid);
        let gid = dress.gid.or(old.map(|old| old.st_gid)).filter(|gid| *gid != now.st_gid);
        if uid.is_some() || gid.is_some() {
            let kept_uid = uid.is_some() && dress.uid.is_none();
            let kept_gid = gid.is_some() && dress.gid.is_none();
            let op = if kept_uid || kept_gid { KEEP_OWNER } else { "change the owner of" };
            self.call(op, at.path, || {
                rustix::fs::fchown(file, uid.map(Uid::from_raw), gid.map(Gid::from_raw))
            })?;
        }
        let acl = old.is_some() && self.copy_xattrs(at, file)?;
        if let Some(label) = dress.label.filter(|_| self.selinux) {
            self.set_label(file, at.path, label)?;
        }
        let mode = dress.mode.or(old.map(permissions)).unwrap_or(NEW_FILE);
        if acl || permissions(&now) != mode {
            self.call("chmod", at.path, || rustix::fs::fchmod(file, Mode::from_raw_mode(mode)))?;
        }
        Ok(())
    }

    /// Puts a symbolic link in place of whatever is there but a directory.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_link(&self, at: At<'_>, target: &[u8], dress: Dress<'_>) -> Result<(), HostError> {
        use std::os::unix::ffi::OsStrExt;
        let mut tries = 1;
        loop {
            self.facts_of_dir(at);
            let name = next_temp_name();
            self.call("create", at.path, || {
                rustix::fs::symlinkat(OsStr::from_bytes(target), at.dir, &*name)
            })?;
            let (uid, gid) = (dress.uid.map(Uid::from_raw), dress.gid.map(Gid::from_raw));
            let owned = match (uid, gid) {
                (None, None) => Ok(()),
                _ => self.call("change the owner of", at.path, || {
                    rustix::fs::chownat(at.dir, &*name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
                }),
            };
            let done = owned.and_then(|()| self.rename_temp(at, &name));
            let Err(error) = done else { return Ok(()) };
            let _ = rustix::fs::unlinkat(at.dir, &*name, AtFlags::empty());
            if !error.is("rename", Errno::NOENT) || tries == TRIES {
                return Err(error);
            }
            tries += 1;
        }
    }
}

/// The operation that fails where only root could give a new file the owner of the old one.
const KEEP_OWNER: &str = "keep the owner of";

/// Whether this is a regular file, which a rewrite keeps the looks of.
pub(super) fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::resources::host::fs::Body;

    #[test]
    fn a_file_in_place_of_a_link_does_not_take_its_mode() {
        let (dir, fs) = (tempfile::tempdir().unwrap(), Fs::new());
        let path = dir.path().join("x");
        symlink("/nowhere", &path).unwrap();
        let parent = fs.open_parent(&path).unwrap();
        let at = At::new(&parent, &path);
        let old = fs.lstat(at).unwrap();
        fs.write_file(at, old.as_ref(), &Body::Bytes(b"x".into()), Dress::default(), Pace::Short).unwrap();
        assert_eq!(std::fs::symlink_metadata(&path).unwrap().permissions().mode(), 0o100_644);
    }
}
