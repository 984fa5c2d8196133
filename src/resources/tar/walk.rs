//! What is in an archive: the inputs, and all that is below them, in an order that does not depend on the disk.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use crate::resources::error::HostError;
use crate::resources::host::fs::{At, DEEPEST, Fs, Pace};
use crate::resources::host::temp_name::is_temp;

/// One object of the archive.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// How it looks.
    pub stat: Stat,
    /// What it holds.
    pub holds: Holds,
}

/// What an object holds.
#[derive(Debug)]
pub enum Holds {
    /// Entries that follow.
    Dir,
    /// Bytes: an open file.
    File(OwnedFd),
    /// Where a symbolic link points.
    Link(Vec<u8>),
}

/// Walks through inputs.
#[derive(Debug)]
pub struct Walk<'a> {
    fs: &'a Fs,
    pace: Pace<'a>,
    archive: &'a Path,
    /// What was there already: inputs may lie in one another. The archive itself is in it from the beginning.
    seen: BTreeSet<PathBuf>,
}

/// Is shown each object, a directory before what is in it.
pub type Visit<'v> = dyn FnMut(Entry<'_>) -> Result<(), HostError> + 'v;

impl<'a> Walk<'a> {
    /// A walk that leaves out the archive itself.
    pub fn new(fs: &'a Fs, archive: &'a Path, pace: Pace<'a>) -> Self {
        Self { fs, pace, archive, seen: BTreeSet::from([archive.to_owned()]) }
    }

    /// Shows an input and all below it.
    ///
    /// # Errors
    /// When something cannot be read; what `visit` fails with.
    pub fn input(&mut self, path: &Path, visit: &mut Visit<'_>) -> Result<(), HostError> {
        let parent = self.fs.open_parent(path)?;
        let at = At::new(&parent, path);
        if self.object(at, 0, visit)? {
            return Ok(());
        }
        Err(HostError::io("read", path, Errno::NOENT))
    }

    /// Returns whether there is such an object.
    fn object(&mut self, at: At<'_>, depth: usize, visit: &mut Visit<'_>) -> Result<bool, HostError> {
        self.pace.go_on("walk", at.path)?;
        if depth > DEEPEST {
            return Err(HostError::TooDeep { op: "walk", path: at.path.into(), limit: DEEPEST });
        }
        let Some(stat) = self.fs.lstat(at)? else { return Ok(false) };
        if !self.seen.insert(at.path.to_owned()) {
            return Ok(true);
        }
        let path = at.path;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let dir = self.fs.list_dir(at)?;
                let entries = self.entries(&dir, path)?;
                let mut stat = stat;
                if self.archive.parent() == Some(path) {
                    stat.st_mtime = self.newest(&dir, &entries)?;
                }
                visit(Entry { path, stat, holds: Holds::Dir })?;
                for entry in &entries {
                    // One that has vanished meanwhile is no part of it.
                    self.object(At::new(&dir, entry), depth + 1, visit)?;
                }
            }
            FileType::RegularFile => {
                let file = self.fs.open_at(at)?;
                let stat = rustix::fs::fstat(&file).map_err(|answer| HostError::io("stat", path, answer))?;
                visit(Entry { path, stat, holds: Holds::File(file) })?;
            }
            FileType::Symlink => {
                let target = self.fs.read_link(at)?;
                visit(Entry { path, stat, holds: Holds::Link(target) })?;
            }
            _ => {
                tracing::warn!(path = %path.display(),
                    "it is neither file, directory nor link, and is not archived");
            }
        }
        Ok(true)
    }

    fn entries(&self, dir: &OwnedFd, path: &Path) -> Result<Vec<PathBuf>, HostError> {
        let mut entries = Vec::new();
        self.fs.for_each_entry(dir, path, |entry, _| {
            let is_ours = entry.file_name().is_some_and(|name| is_temp(name.as_encoded_bytes()));
            if !is_ours && entry != self.archive {
                entries.push(entry.to_owned());
            }
            Ok(())
        })?;
        entries.sort();
        Ok(entries)
    }

    /// The time of the directory that holds the archive: that of its newest entry. Its own changes with each archive
    /// that is put there, which so would never be right.
    fn newest(&self, dir: &OwnedFd, entries: &[PathBuf]) -> Result<i64, HostError> {
        let mut newest = 0;
        for entry in entries {
            let stat = self.fs.lstat(At::new(dir, entry))?;
            newest = newest.max(stat.map_or(0, |stat| stat.st_mtime));
        }
        Ok(newest)
    }
}
