//! Mode, owner and label of what is there already; new directories.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use super::write::is_regular;
use super::{At, Dress, Fs, permissions, proc_path};
use crate::resources::error::HostError;

impl Fs {
    /// Repairs the looks of the object that `old` describes, in place. Works on the very inode that it opens, which
    /// must be of the same type; never follows a link. Returns the object just after.
    ///
    /// # Errors
    /// When the system refuses, or something else has taken the object's place.
    pub fn set_looks(&self, at: At<'_>, old: &Stat, dress: Dress<'_>) -> Result<Stat, HostError> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle =
            self.call("open", at.path, || rustix::fs::openat(at.dir, at.name(), flags, Mode::empty()))?;
        self.set_looks_of(&handle, at, old, dress)
    }

    /// The same, of what was opened there already.
    ///
    /// # Errors
    /// Likewise.
    pub fn set_looks_of(
        &self,
        handle: &OwnedFd,
        at: At<'_>,
        old: &Stat,
        dress: Dress<'_>,
    ) -> Result<Stat, HostError> {
        let now = self.call("stat", at.path, || rustix::fs::fstat(handle))?;
        if FileType::from_raw_mode(now.st_mode) != FileType::from_raw_mode(old.st_mode) {
            return Err(HostError::Raced { op: "chmod", path: at.path.into() });
        }
        self.refuse_planted(at, &now)?;
        self.dress_handle(at, handle, &now, dress)?;
        self.call("stat", at.path, || rustix::fs::fstat(handle))
    }

    /// Refuses a file that someone who can write to the directory may have linked there from elsewhere, so as to be
    /// given it. (The kernel's `protected_hardlinks` prevents that, where it is on.)
    fn refuse_planted(&self, at: At<'_>, now: &Stat) -> Result<(), HostError> {
        if now.st_nlink < 2 || !is_regular(now) {
            return Ok(());
        }
        let holder = self.call("stat", at.path, || rustix::fs::fstat(at.dir))?;
        if self.is_private(&holder) || now.st_uid == holder.st_uid && holder.st_mode & 0o022 == 0 {
            return Ok(());
        }
        Err(HostError::UntrustedName { op: "chmod", path: at.path.into() })
    }

    /// Makes a directory that looks so. Returns it just after.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn make_dir(&self, at: At<'_>, dress: Dress<'_>) -> Result<Stat, HostError> {
        let wanted = dress.mode.unwrap_or(0o755);
        let private = dress.uid.is_some() || dress.gid.is_some();
        let mode = if private { wanted & 0o700 } else { wanted & 0o777 };
        self.call("make the directory", at.path, || {
            rustix::fs::mkdirat(at.dir, at.name(), Mode::from_raw_mode(mode))
        })?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle =
            self.call("open", at.path, || rustix::fs::openat(at.dir, at.name(), flags, Mode::empty()))?;
        let made = self.call("stat", at.path, || rustix::fs::fstat(&handle))?;
        // Undeclared, setgid comes from the parent, and stays.
        let mode = dress.mode.unwrap_or(0o755 | permissions(&made) & 0o7000);
        if !self.dress_handle(at, &handle, &made, Dress { mode: Some(mode), ..dress })? {
            return Ok(made);
        }
        self.call("stat", at.path, || rustix::fs::fstat(&handle))
    }

    /// Returns whether anything was changed. A change of owner clears setuid, so that the mode comes after it.
    fn dress_handle(
        &self,
        at: At<'_>,
        handle: &OwnedFd,
        now: &Stat,
        dress: Dress<'_>,
    ) -> Result<bool, HostError> {
        let uid = dress.uid.filter(|uid| *uid != now.st_uid).map(Uid::from_raw);
        let gid = dress.gid.filter(|gid| *gid != now.st_gid).map(Gid::from_raw);
        let owner = uid.is_some() || gid.is_some();
        if owner {
            self.call("change the owner of", at.path, || {
                rustix::fs::chownat(handle, c"", uid, gid, AtFlags::EMPTY_PATH)
            })?;
        }
        let is_link = FileType::from_raw_mode(now.st_mode) == FileType::Symlink;
        let kept = permissions(now);
        let mode = dress.mode.unwrap_or(kept);
        let chmod = !is_link && (mode != kept || owner && mode & 0o6000 != 0);
        if chmod {
            let mode = Mode::from_raw_mode(mode);
            self.call("chmod", at.path, || match rustix::fs::fchmod(handle, mode) {
                // The kernel's fchmod refuses handles of paths; by way of /proc it is the same inode.
                Err(Errno::BADF) => rustix::fs::chmod(proc_path(handle.as_fd()), mode),
                other => other,
            })?;
        }
        if let Some(label) = dress.label.filter(|_| self.selinux) {
            self.set_label_of_handle(handle, at.path, label)?;
        }
        Ok(owner || chmod || dress.label.is_some())
    }
}
