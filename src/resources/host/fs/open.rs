//! Opening what holds the objects, without following links that someone else could have put there.
//!
//! The fast path lets the kernel refuse every symbolic link. Only where it does is the path walked name by name. A
//! link on the way is then followed if nobody but root and this process's user can have made it: the directory that
//! holds it belongs to one of them, and either nobody else may write there, or it is sticky (as `/tmp` is) and the
//! link itself belongs to one of them. This is the kernel's `protected_symlinks`, and a little stricter.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::Ordering;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::{At, Fs};
use crate::resources::error::HostError;

/// How many links one path may lead through, as in the kernel.
const MOST_LINKS: usize = 40;
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

impl Fs {
    /// Opens the directory that holds `path`, as a handle for relative calls.
    ///
    /// # Errors
    /// [`HostError::NoParent`] where there is none; a link that is not to be trusted.
    pub fn open_parent(&self, path: &Path) -> Result<OwnedFd, HostError> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        self.open_absolute(parent, DIRECTORY).map_err(|error| match error {
            HostError::Io { source, .. }
                if matches!(Errno::from_io_error(&source), Some(Errno::NOENT | Errno::NOTDIR)) =>
            {
                HostError::NoParent { path: path.into(), source }
            }
            other => other,
        })
    }

    /// Opens an absolute path for reading: a file, or a directory to list. Links are followed where that is safe,
    /// the last name included.
    ///
    /// # Errors
    /// When there is none; a link that is not to be trusted.
    pub fn open_source(&self, path: &Path) -> Result<OwnedFd, HostError> {
        self.open_absolute(path, READ)
    }

    /// Opens a directory to list it, given a handle of it.
    pub(super) fn list_handle(&self, dir: impl AsFd, path: &Path) -> Result<OwnedFd, HostError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        self.call("open", path, || rustix::fs::openat(dir.as_fd(), c".", flags, Mode::empty()))
    }

    fn open_absolute(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, HostError> {
        if !self.no_openat2.load(Ordering::Relaxed) {
            let opened = self.call("open", path, || {
                rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
            });
            match opened {
                Err(error) if error.errno() == Some(Errno::LOOP) => {}
                // A sandbox that does not know the call answers EPERM.
                Err(error) if matches!(error.errno(), Some(Errno::NOSYS | Errno::PERM)) => {
                    self.no_openat2.store(true, Ordering::Relaxed);
                }
                other => return other,
            }
        }
        self.walk(path, flags, false)
    }

    /// Refuses a path on whose way others could put something else: for what is handed to a program, which looks the
    /// path up by itself, links included. There need not be anything at its end.
    ///
    /// # Errors
    /// [`HostError::Unsteady`]; a link that is not to be trusted; when the system refuses.
    pub fn must_be_steady(&self, path: &Path) -> Result<(), HostError> {
        match self.walk(path, OFlags::PATH | OFlags::CLOEXEC, true) {
            Err(error) if error.errno() == Some(Errno::NOENT) => {}
            other => return other.map(drop),
        }
        let holder = self.walk(path.parent().unwrap_or(Path::new("/")), DIRECTORY, true)?;
        let found = self.call("stat", path, || rustix::fs::fstat(&holder))?;
        if self.is_private(&found) { Ok(()) } else { Err(unsteady(path, path)) }
    }

    /// Opens `path` name by name. `steady`: only if others cannot replace any of them.
    fn walk(&self, path: &Path, flags: OFlags, steady: bool) -> Result<OwnedFd, HostError> {
        let root = || self.call("open", path, || rustix::fs::open("/", DIRECTORY, Mode::empty()));
        let mut names: VecDeque<OsString> = VecDeque::new();
        push_front(&mut names, path);
        let mut dir = root()?;
        let mut walked = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = names.pop_front() {
            let step = self.step(&dir, &name, path)?;
            if steady {
                let holder = self.call("stat", path, || rustix::fs::fstat(&dir))?;
                if !self.is_trusted(&holder, &step.stat) {
                    return Err(unsteady(path, &walked.join(&name)));
                }
            }
            let Some(link) = step.link() else {
                walked.push(&name);
                if names.is_empty() {
                    return self.reopen(&dir, &name, path, flags);
                }
                dir = step.fd;
                continue;
            };
            links += 1;
            let holder = self.call("stat", path, || rustix::fs::fstat(&dir))?;
            if links > MOST_LINKS {
                return Err(HostError::io("open", path, Errno::LOOP));
            }
            if !self.is_trusted(&holder, link) {
                return Err(HostError::UntrustedLink { path: path.into(), link: walked.join(&name) });
            }
            let at = walked.join(&name);
            let target = OsString::from_vec(self.read_link(At::new(&dir, &at))?);
            if target.as_bytes().first() == Some(&b'/') {
                dir = root()?;
                walked = PathBuf::from("/");
            }
            push_front(&mut names, Path::new(&target));
        }
        // Only "/" and what links to it have no names left.
        self.reopen(&dir, OsStr::new("."), path, flags)
    }

    fn step(&self, dir: &OwnedFd, name: &OsStr, path: &Path) -> Result<Step, HostError> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = self.call("open", path, || rustix::fs::openat(dir, name, flags, Mode::empty()))?;
        let stat = self.call("stat", path, || rustix::fs::fstat(&fd))?;
        Ok(Step { fd, stat })
    }

    /// The last name is opened anew with the flags asked for; that it has become a link meanwhile is refused.
    fn reopen(&self, dir: &OwnedFd, name: &OsStr, path: &Path, flags: OFlags) -> Result<OwnedFd, HostError> {
        self.call("open", path, || rustix::fs::openat(dir, name, flags | OFlags::NOFOLLOW, Mode::empty()))
    }

    /// Whether only root and this process's user can have made this object in that directory, or replace it.
    fn is_trusted(&self, holder: &Stat, object: &Stat) -> bool {
        const STICKY: u32 = 0o1000;
        self.is_private(holder)
            || self.is_ours(holder) && holder.st_mode & STICKY != 0 && self.is_ours(object)
    }

    /// Whether only root and this process's user can make names in this directory.
    pub(super) fn is_private(&self, holder: &Stat) -> bool {
        const WRITABLE_BY_OTHERS: u32 = 0o022;
        self.is_ours(holder) && holder.st_mode & WRITABLE_BY_OTHERS == 0
    }

    fn is_ours(&self, object: &Stat) -> bool {
        object.st_uid == 0 || object.st_uid == self.uid
    }
}

struct Step {
    fd: OwnedFd,
    stat: Stat,
}

impl Step {
    /// The same, if it is a link.
    fn link(&self) -> Option<&Stat> {
        (FileType::from_raw_mode(self.stat.st_mode) == FileType::Symlink).then_some(&self.stat)
    }
}

fn unsteady(path: &Path, at: &Path) -> HostError {
    HostError::Unsteady { path: path.into(), at: at.into() }
}

fn push_front(names: &mut VecDeque<OsString>, path: &Path) {
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => names.push_front(name.to_owned()),
            Component::ParentDir => names.push_front("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
}
