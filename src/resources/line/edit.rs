//! Comparing a file's lines with what they should be, and putting them right.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::text::Block;
use crate::engine::Stamp;
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::{At, Body, Dress, Halt, LONG, Pace, Written, size, type_name};
use crate::resources::host::stamp::stamp_of;

/// The longest file that is looked through for lines, in bytes.
const LONGEST: u64 = 64 << 20;

/// What should be in which file.
#[derive(Debug)]
pub struct Edit {
    /// The machine.
    pub host: Arc<Host>,
    /// The lines.
    pub block: Block,
    /// Whether they should be there.
    pub present: bool,
}

/// What a file holds, and what it should hold.
#[derive(Debug)]
pub struct Difference {
    /// Whether there is a file.
    pub exists: bool,
    /// What is there.
    pub found: Vec<u8>,
    /// What should be.
    pub wanted: Vec<u8>,
}

/// A file, symbolic links followed.
struct Found {
    dir: OwnedFd,
    path: PathBuf,
}

impl Edit {
    /// How the file differs; `None`: it does not.
    ///
    /// # Errors
    /// When it cannot be read. [`Halt::Long`] at a short pace if it is long.
    pub fn compare(&self, path: &Path, pace: Pace<'_>) -> Result<Option<Difference>, Halt> {
        match self.find(path) {
            Ok(file) => Ok(self.read(&file, pace)?.0),
            Err(HostError::NoParent { .. }) if !self.present => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts the file right, one resource at a time. Returns its stamp just after where it was written in place.
    ///
    /// # Errors
    /// When the system refuses, or someone else writes to the file at the same time.
    pub fn repair(&self, path: &Path, pace: Pace<'_>) -> Result<Option<Stamp>, Halt> {
        let file = self.find(path)?;
        let at = At::new(&file.dir, &file.path);
        let lock = self.host.locks.of(at)?;
        let _held = lock.hold(pace)?;
        // What the check has seen may be changed by now: by another resource that had the lock.
        let (Some(difference), old) = self.read(&file, pace)? else { return Ok(None) };
        let now = self.host.fs.lstat(at)?;
        if stamp_of(now.as_ref()) != stamp_of(old.as_ref()) {
            return Err(HostError::Raced { op: "edit", path: path.into() }.into());
        }
        let body = Body::Bytes(difference.wanted);
        match self.host.fs.write_file(at, old.as_ref(), &body, Dress::default(), pace)? {
            Written::Renamed => Ok(None),
            Written::InPlace(after) => Ok(Some(stamp_of(Some(&after)))),
        }
    }

    /// Finds the file that is meant. A link at the end is followed, for an edit is no replacement.
    fn find(&self, path: &Path) -> Result<Found, HostError> {
        let fs = &self.host.fs;
        let dir = fs.open_parent(path)?;
        let found = fs.lstat(At::new(&dir, path))?;
        if !found.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink) {
            return Ok(Found { dir, path: path.to_owned() });
        }
        let opened = fs.open_source(path).map_err(|error| match error.errno() {
            Some(Errno::NOENT) => HostError::WrongType {
                path: path.into(),
                found: "a symbolic link to nothing",
                wanted: "a file",
                hint: "make what it points to, or remove it",
            },
            _ => error,
        })?;
        let real = std::fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd()))
            .map_err(|error| HostError::io("follow the link", path, error))?;
        Ok(Found { dir: fs.open_parent(&real)?, path: real })
    }

    fn read(&self, file: &Found, pace: Pace<'_>) -> Result<(Option<Difference>, Option<Stat>), Halt> {
        let (fs, at) = (&self.host.fs, At::new(&file.dir, &file.path));
        let Some(stat) = fs.lstat(at)? else {
            let wanted = self.block.added_to(b"");
            let missing = Difference { exists: false, found: Vec::new(), wanted };
            return Ok((self.present.then_some(missing), None));
        };
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            let (found, wanted) = (type_name(&stat), "a file");
            let hint = "only files have lines";
            return Err(HostError::WrongType { path: at.path.into(), found, wanted, hint }.into());
        }
        if size(&stat) > LONGEST {
            return Err(HostError::io("look for lines in", at.path, Errno::FBIG).into());
        }
        if size(&stat) > LONG {
            pace.long()?;
        }
        let found = fs.read_whole(&fs.open_at(at)?, at.path, size(&stat))?;
        if self.block.is_in(&found) == self.present {
            return Ok((None, Some(stat)));
        }
        let wanted = if self.present { self.block.added_to(&found) } else { self.block.removed_from(&found) };
        Ok((Some(Difference { exists: true, found, wanted }), Some(stat)))
    }
}
