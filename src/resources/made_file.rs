//! A file that is made of others: what is there in its place.

use std::path::Path;

use rustix::fs::{FileType, Stat};

use crate::resources::error::HostError;
use crate::resources::host::fs::{At, Body, Fs, Halt, Pace, Piece, Sunk, size, type_name};

/// Looks at the place of a file that is made. `None`: there is nothing; without a content: a symbolic link, which
/// the file replaces.
///
/// # Errors
/// When it cannot be read; when something else is in the way.
pub fn look(fs: &Fs, path: &Path, pace: Pace<'_>) -> Result<Option<(Stat, Option<Sunk>)>, Halt> {
    let parent = fs.open_parent(path)?;
    let at = At::new(&parent, path);
    let Some(stat) = fs.lstat(at)? else { return Ok(None) };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let piece = Piece { path: path.to_owned(), size: size(&stat), fd: Some(fs.open_at(at)?) };
            let found = Body::Files(vec![piece]).measure(fs, pace)?;
            Ok(Some((stat, Some(found))))
        }
        FileType::Symlink => Ok(Some((stat, None))),
        _ => {
            let (found, hint) = (type_name(&stat), "remove it, or choose another path");
            Err(HostError::WrongType { path: path.into(), found, wanted: "a file", hint }.into())
        }
    }
}
