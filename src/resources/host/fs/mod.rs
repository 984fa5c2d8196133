//! The file system, relative to safely opened directories.
//!
//! Every operation names its object by an open directory and one name in it ([`At`]), so that nobody who can write
//! to a parent can swap it meanwhile. Nothing here writes through a symbolic link. Concrete code over `rustix`, with
//! one seam: [`Faults`] may refuse any call, which is how tests see full disks and bind mounts.

mod attributes;
mod body;
mod content;
mod dir_facts;
mod in_place;
mod open;
mod remove;
mod sink;
mod synced;
mod write;
mod xattr;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::engine::Cancel;
use crate::resources::error::HostError;
use dir_facts::DirFacts;

pub use body::{Body, Piece, Source};
pub use content::Content;
pub use remove::DEEPEST;
pub use sink::{Sink, Sunk, host_error};
pub use write::{Dress, Written};

/// Content above this many bytes is long work: streamed, and never done where an event arrives.
pub const LONG: u64 = 1 << 20;

/// The file system.
#[derive(Debug)]
pub struct Fs {
    /// What this process's umask takes from the mode of a new file.
    umask: u32,
    /// The effective user: the owner of what this process makes.
    uid: u32,
    /// Whether files have SELinux labels here.
    selinux: bool,
    /// Whether `openat2` is known to be missing (before Linux 5.6, or refused by a sandbox).
    no_openat2: AtomicBool,
    dirs: Mutex<HashMap<u64, DirFacts>>,
    faults: Option<Arc<dyn Faults>>,
}

/// Refuses calls, for tests of failure.
pub trait Faults: fmt::Debug + Send + Sync + 'static {
    /// Called before each system call; an error is what the call answers.
    ///
    /// # Errors
    /// What the system should seem to say.
    fn before(&self, op: &'static str, path: &Path) -> Result<(), Errno>;
}

/// An object: an open directory, and the whole path, of which the last name is looked up in the directory and the
/// rest is for messages.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The open directory.
    pub dir: BorrowedFd<'a>,
    /// The whole path.
    pub path: &'a Path,
}

impl<'a> At<'a> {
    /// The object of the last name of `path` in `dir`.
    pub fn new(dir: &'a impl AsFd, path: &'a Path) -> Self {
        Self { dir: dir.as_fd(), path }
    }

    /// The name in the directory.
    pub fn name(&self) -> &'a OsStr {
        self.path.file_name().unwrap_or_else(|| OsStr::new("."))
    }

    /// A path for calls that take no directory.
    fn proc_path(&self) -> PathBuf {
        proc_path(self.dir).join(self.name())
    }
}

/// How long a piece of work may take.
#[derive(Clone, Copy, Debug)]
pub enum Pace<'a> {
    /// It runs where an event arrived: long work is refused with [`Halt::Long`].
    Short,
    /// It may take long, and ends early when this is cancelled.
    Long(&'a Cancel),
}

/// Why a piece of work stopped.
#[derive(Debug)]
pub enum Halt {
    /// It is long work, to be done again at [`Pace::Long`].
    Long,
    /// It failed.
    Failed(HostError),
}

impl From<HostError> for Halt {
    fn from(error: HostError) -> Self {
        Self::Failed(error)
    }
}

impl Pace<'_> {
    /// Asks for leave to take long.
    ///
    /// # Errors
    /// [`Halt::Long`] where there is none.
    pub fn long(self) -> Result<(), Halt> {
        match self {
            Self::Short => Err(Halt::Long),
            Self::Long(_) => Ok(()),
        }
    }

    /// To be called between the chunks of long work.
    ///
    /// # Errors
    /// When the run was cancelled.
    pub fn go_on(self, op: &'static str, path: &Path) -> Result<(), HostError> {
        match self {
            Self::Long(cancel) if cancel.is_cancelled() => {
                Err(HostError::Cancelled { op, path: path.into() })
            }
            _ => Ok(()),
        }
    }
}

impl Default for Fs {
    fn default() -> Self {
        Self::new()
    }
}

impl Fs {
    /// This machine's file system.
    pub fn new() -> Self {
        Self {
            umask: read_umask().unwrap_or(0o777),
            uid: rustix::process::geteuid().as_raw(),
            selinux: Path::new("/sys/fs/selinux/enforce").exists(),
            no_openat2: AtomicBool::new(false),
            dirs: Mutex::default(),
            faults: None,
        }
    }

    /// The same, asking `faults` before each call.
    pub fn with_faults(faults: Arc<dyn Faults>) -> Self {
        Self { faults: Some(faults), ..Self::new() }
    }

    /// Whether files have SELinux labels here.
    pub fn has_selinux(&self) -> bool {
        self.selinux
    }

    /// What an object is, links not followed; `None`: there is none.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn lstat(&self, at: At<'_>) -> Result<Option<Stat>, HostError> {
        let found = self.call("stat", at.path, || {
            rustix::fs::statat(at.dir, at.name(), AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT)
        });
        match found {
            Ok(stat) => Ok(Some(stat)),
            Err(error) if error.errno() == Some(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens an object for reading, links not followed. Does not wait for the other end of a FIFO.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn open_at(&self, at: At<'_>) -> Result<OwnedFd, HostError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        self.call("open", at.path, || rustix::fs::openat(at.dir, at.name(), flags, Mode::empty()))
    }

    /// Where a symbolic link points.
    ///
    /// # Errors
    /// When it is none, or the system refuses.
    pub fn read_link(&self, at: At<'_>) -> Result<Vec<u8>, HostError> {
        let target =
            self.call("read the link", at.path, || rustix::fs::readlinkat(at.dir, at.name(), Vec::new()))?;
        Ok(target.into_bytes())
    }

    /// Does a call, again if a signal came in between, and names it in the error.
    fn call<T>(
        &self,
        op: &'static str,
        path: &Path,
        mut run: impl FnMut() -> rustix::io::Result<T>,
    ) -> Result<T, HostError> {
        if let Some(faults) = &self.faults {
            faults.before(op, path).map_err(|answer| HostError::io(op, path, answer))?;
        }
        loop {
            match run() {
                Err(Errno::INTR) => {}
                other => return other.map_err(|answer| HostError::io(op, path, answer)),
            }
        }
    }
}

/// What sort of object this is, in words.
pub fn type_name(stat: &Stat) -> &'static str {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => "a file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "of an unknown type",
    }
}

/// The permission bits of an object, setuid, setgid and sticky included.
pub fn permissions(stat: &Stat) -> u32 {
    stat.st_mode & 0o7777
}

/// The size of an object in bytes.
pub fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

/// The path of an open descriptor, for calls that know only paths.
pub fn proc_path(fd: BorrowedFd<'_>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

/// The umask, which has no call that only reads it.
fn read_umask() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(line.trim(), 8).ok()
}
