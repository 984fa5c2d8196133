//! Writing into the file that is there: only where it cannot be replaced, such as a bind-mounted file.

use rustix::fs::{Gid, Mode, OFlags, Uid};

use super::write::is_regular;
use super::{At, Content, Dress, Fs, Pace, Written, permissions, type_name};
use crate::resources::error::HostError;

impl Fs {
    /// Writes over the content, then cuts to size, so that a reader sees as little of an empty file as can be.
    pub(super) fn write_in_place(
        &self,
        at: At<'_>,
        content: &dyn Content,
        dress: Dress<'_>,
        pace: Pace<'_>,
    ) -> Result<Written, HostError> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file =
            self.call("open", at.path, || rustix::fs::openat(at.dir, at.name(), flags, Mode::empty()))?;
        let now = self.call("stat", at.path, || rustix::fs::fstat(&file))?;
        if !is_regular(&now) {
            return Err(HostError::WrongType {
                path: at.path.into(),
                found: type_name(&now),
                wanted: "a file",
                hint: "it was put there at the same time",
            });
        }
        let written = content.write_to(self, &file, at.path, pace)?;
        self.call("cut", at.path, || rustix::fs::ftruncate(&file, written))?;
        let uid = dress.uid.filter(|uid| *uid != now.st_uid).map(Uid::from_raw);
        let gid = dress.gid.filter(|gid| *gid != now.st_gid).map(Gid::from_raw);
        if uid.is_some() || gid.is_some() {
            self.call("change the owner of", at.path, || rustix::fs::fchown(&file, uid, gid))?;
        }
        // A write, too, clears setuid and setgid.
        let mode = dress.mode.unwrap_or(permissions(&now));
        if uid.is_some() || gid.is_some() || mode != permissions(&now) || mode & 0o6000 != 0 {
            self.call("chmod", at.path, || rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)))?;
        }
        if let Some(label) = dress.label.filter(|_| self.selinux) {
            self.set_label(&file, at.path, label)?;
        }
        let after = self.call("stat", at.path, || rustix::fs::fstat(&file))?;
        Ok(Written::InPlace(Box::new(after)))
    }
}
