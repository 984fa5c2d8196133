//! Files in a vertex's own state folder: for root's eyes only, replaced whole.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::engine::{Cx, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::fs::{At, Body, Dress, Fs, Pace};

/// Only the agent's user may read or write it.
const PRIVATE: u32 = 0o600;

/// What was found in a state file.
#[derive(Debug)]
pub struct Stored {
    /// The content.
    pub bytes: Vec<u8>,
    /// The permission bits.
    pub mode: u32,
}

impl Stored {
    /// Whether nobody else can read it.
    pub fn is_private(&self) -> bool {
        self.mode == PRIVATE
    }
}

/// Where a state file is, whether or not there is one.
pub fn path(cx: &Cx, name: &str) -> PathBuf {
    cx.state_dir_path().join(name)
}

/// Reads a state file; `None`: there is none.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> Result<Option<Stored>, HostError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => Ok(None),
        _ => Err(HostError::io("read", path, source)),
    };
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return failed(error),
    };
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(Stored { bytes, mode: metadata.mode() & 0o7777 })),
        Err(error) => failed(error),
    }
}

/// Removes a state file, if there is one.
///
/// # Errors
/// When the system refuses.
pub fn remove(cx: &Cx, name: &str) -> Result<(), HostError> {
    let path = path(cx, name);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HostError::io("remove", &path, error)),
        _ => Ok(()),
    }
}

/// Writes a state file, and the folder if there is none yet.
///
/// # Errors
/// When the system refuses; then what was there still is.
pub fn write(fs: &Fs, cx: &Cx, name: &str, bytes: Vec<u8>) -> Result<(), ResourceError> {
    let path = cx.state_dir()?.join(name);
    let parent = fs.open_parent(&path)?;
    let dress = Dress { mode: Some(PRIVATE), ..Dress::default() };
    // As if there were no old one, so that nothing of its looks is kept.
    fs.write_file(At::new(&parent, &path), None, &Body::Bytes(bytes), dress, Pace::Short)?;
    Ok(())
}
