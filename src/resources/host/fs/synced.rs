//! Writing what must be there after a power failure.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::Stat;

use super::{At, Content, Dress, Fs, Pace, Written};
use crate::resources::error::HostError;

/// Content that is on the disk once it is written.
#[derive(Debug)]
struct Synced<'a>(&'a dyn Content);

impl Content for Synced<'_> {
    fn size(&self) -> Option<u64> {
        self.0.size()
    }

    fn write_to(&self, fs: &Fs, file: &OwnedFd, path: &Path, pace: Pace<'_>) -> Result<u64, HostError> {
        let written = self.0.write_to(fs, file, path, pace)?;
        fs.call("sync", path, || rustix::fs::fsync(file))?;
        Ok(written)
    }
}

impl Fs {
    /// As [`write_file`](Self::write_file), and to the disk: after a power failure there is the old file or the new one.
    ///
    /// # Errors
    /// As those of [`write_file`](Self::write_file).
    pub fn write_synced(
        &self,
        at: At<'_>,
        old: Option<&Stat>,
        content: &dyn Content,
        dress: Dress<'_>,
        pace: Pace<'_>,
    ) -> Result<Written, HostError> {
        let written = self.write_file(at, old, &Synced(content), dress, pace)?;
        let dir = self.list_handle(at.dir, at.path)?;
        self.call("sync the directory of", at.path, || rustix::fs::fsync(&dir))?;
        Ok(written)
    }
}
