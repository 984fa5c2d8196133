//! A file of which a resource knows what should be in it, and not all that is.
//!
//! A symbolic link is followed, for an edit is no replacement. The file is replaced whole, with its owner, mode and
//! extended attributes, one resource of this agent at a time, and not if it changed since it was read.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use crate::engine::Stamp;
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::{At, Body, Dress, Halt, LONG, Pace, Written, size, type_name};
use crate::resources::host::stamp::stamp_of;

/// The longest file that is edited, in bytes.
const LONGEST: u64 = 64 << 20;

/// What a file holds, and what it should.
#[derive(Debug)]
pub struct Rewritten<T> {
    /// What is there; `None`: there is no file.
    pub found: Option<Vec<u8>>,
    /// What should be.
    pub wanted: Vec<u8>,
    /// What whoever edits it says of that.
    pub about: T,
}

/// Makes the new content of a file out of the old one (`None`: there is no file); `None`: it is right.
pub type Rewrite<'a, T, E> = &'a dyn Fn(Option<&[u8]>) -> Result<Option<(Vec<u8>, T)>, E>;

/// How a file is edited, and what that is called where it cannot be.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// What is done with the file.
    pub op: &'static str,
    /// Why it must be a file.
    pub hint: &'static str,
    /// It is on the disk before the edit is done: the machine boots by it.
    pub synced: bool,
    /// A file with nothing left in it is removed. Behind a link it stays, for the link would lead nowhere.
    pub empty_goes: bool,
}

/// The manner of most edits.
pub const PLAIN: Manner =
    Manner { op: "edit", hint: "only files can be edited", synced: false, empty_goes: false };

struct Place {
    dir: OwnedFd,
    path: PathBuf,
    /// The path that was given is a link to it.
    is_behind_link: bool,
}

/// How a file differs from what it should be. The inner error is that of `rewrite`.
///
/// # Errors
/// When it cannot be read. [`Halt::Long`] at a short pace if it is long.
pub fn compare<T, E>(
    host: &Host,
    path: &Path,
    pace: Pace<'_>,
    manner: Manner,
    rewrite: Rewrite<'_, T, E>,
) -> Result<Result<Option<Rewritten<T>>, E>, Halt> {
    let place = find(host, path)?;
    Ok(read(host, &place, pace, manner, rewrite)?.0)
}

/// Puts a file right. Returns its stamp just after where it was written in place.
///
/// # Errors
/// When the system refuses, or someone else writes to the file at the same time.
pub fn repair<T, E>(
    host: &Host,
    path: &Path,
    pace: Pace<'_>,
    manner: Manner,
    rewrite: Rewrite<'_, T, E>,
) -> Result<Result<Option<Stamp>, E>, Halt> {
    let place = find(host, path)?;
    let at = At::new(&place.dir, &place.path);
    let lock = host.locks.of(at)?;
    let _held = lock.hold(pace)?;
    let (rewritten, old) = read(host, &place, pace, manner, rewrite)?;
    let rewritten = match rewritten {
        Ok(Some(rewritten)) => rewritten,
        Ok(None) => return Ok(Ok(None)),
        Err(error) => return Ok(Err(error)),
    };
    let now = host.fs.lstat(at)?;
    if stamp_of(now.as_ref()) != stamp_of(old.as_ref()) {
        return Err(HostError::Raced { op: "edit", path: path.into() }.into());
    }
    if manner.empty_goes && !place.is_behind_link && rewritten.wanted.is_empty() {
        if old.is_some() {
            host.fs.unlink(at)?;
        }
        return Ok(Ok(None));
    }
    let (body, dress) = (Body::Bytes(rewritten.wanted), Dress::default());
    let written = match manner.synced {
        true => host.fs.write_synced(at, old.as_ref(), &body, dress, pace)?,
        false => host.fs.write_file(at, old.as_ref(), &body, dress, pace)?,
    };
    Ok(Ok(match written {
        Written::Renamed => None,
        Written::InPlace(after) => Some(stamp_of(Some(&after))),
    }))
}

fn find(host: &Host, path: &Path) -> Result<Place, HostError> {
    let dir = host.fs.open_parent(path)?;
    let found = host.fs.lstat(At::new(&dir, path))?;
    if !found.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink) {
        return Ok(Place { dir, path: path.to_owned(), is_behind_link: false });
    }
    let opened = host.fs.open_source(path).map_err(|error| match error.errno() {
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
    Ok(Place { dir: host.fs.open_parent(&real)?, path: real, is_behind_link: true })
}

type Read<T, E> = (Result<Option<Rewritten<T>>, E>, Option<Stat>);

fn read<T, E>(
    host: &Host,
    place: &Place,
    pace: Pace<'_>,
    manner: Manner,
    rewrite: Rewrite<'_, T, E>,
) -> Result<Read<T, E>, Halt> {
    let at = At::new(&place.dir, &place.path);
    let stat = host.fs.lstat(at)?;
    let found = match &stat {
        None => None,
        Some(stat) if !FileType::from_raw_mode(stat.st_mode).is_file() => {
            let (found, hint) = (type_name(stat), manner.hint);
            return Err(HostError::WrongType { path: at.path.into(), found, wanted: "a file", hint }.into());
        }
        Some(stat) if size(stat) > LONGEST => {
            return Err(HostError::io(manner.op, at.path, Errno::FBIG).into());
        }
        Some(stat) => {
            if size(stat) > LONG {
                pace.long()?;
            }
            Some(host.fs.read_whole(&host.fs.open_at(at)?, at.path, size(stat))?)
        }
    };
    let rewritten = rewrite(found.as_deref());
    Ok((rewritten.map(|it| it.map(|(wanted, about)| Rewritten { found, wanted, about })), stat))
}
