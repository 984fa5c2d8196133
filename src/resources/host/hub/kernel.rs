//! The system calls of the hub, behind a trait: tests make the kernel run out of watches.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::inotify::{self, WatchFlags};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::file_system::FileSystem;

/// What the hub asks of the kernel.
pub(super) trait Kernel: Send {
    /// Watches what is at `path`; a second watch of the same thing has the same number.
    fn add_watch(&mut self, path: &Path, flags: WatchFlags) -> Result<i32, Errno>;

    /// Ends a watch. One that the kernel has ended already is none of our concern.
    fn remove_watch(&mut self, wd: i32);

    /// What is at `path` itself; `None`: nothing, or nothing that we may see.
    fn lstat(&self, path: &Path) -> Option<Stat> {
        rustix::fs::lstat(path).ok()
    }

    /// Where the link at `path` leads: as written, which may be relative.
    fn read_link(&self, path: &Path) -> Option<PathBuf> {
        let target = rustix::fs::readlink(path, Vec::new()).ok()?;
        Some(PathBuf::from(OsStr::from_bytes(target.to_bytes())))
    }

    /// What file system `path` leads to, links followed.
    fn file_system(&self, path: &Path) -> Result<FileSystem, Errno> {
        FileSystem::of(path)
    }

    /// The names of the directories in the directory at `path`, links left out.
    fn directories(&self, path: &Path) -> Vec<Box<[u8]>> {
        let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
        entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.file_name().as_bytes().into())
            .collect()
    }
}

/// The kernel itself.
#[derive(Debug)]
pub(super) struct Inotify {
    /// Shared with the thread that reads it.
    pub(super) queue: Arc<OwnedFd>,
}

impl Kernel for Inotify {
    fn add_watch(&mut self, path: &Path, flags: WatchFlags) -> Result<i32, Errno> {
        inotify::add_watch(&*self.queue, path, flags)
    }

    fn remove_watch(&mut self, wd: i32) {
        let _ = inotify::remove_watch(&*self.queue, wd);
    }
}

/// The type of file in a mode.
pub(super) fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}
