//! Private folders on disk.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A private folder could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the folder {path:?}")]
pub struct StateDirError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Makes a folder with its parents, 0700.
///
/// # Errors
/// When the system refuses.
pub fn make(path: &Path) -> Result<(), StateDirError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| StateDirError { path: path.to_owned(), source })
}
