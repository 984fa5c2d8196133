//! What was unpacked, as it lay there right after: by this it is told whether somebody changed it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::resources::error::HostError;

/// All that was unpacked from one archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The archive's SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// What else decides what is unpacked: `strip`, `owner`, `setuid`.
    pub settings: String,
    /// The archive's file when it was read; `None`: it came from elsewhere.
    pub file: Option<FileMark>,
    /// By their paths below the target.
    pub entries: BTreeMap<PathBuf, Mark>,
}

/// By what a file is taken to be the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    inode: u64,
    size: u64,
    mtime: (i64, i64),
}

impl FileMark {
    /// Of a file.
    pub fn of(found: &std::fs::Metadata) -> Self {
        Self { inode: found.ino(), size: found.size(), mtime: (found.mtime(), found.mtime_nsec()) }
    }
}

/// How one thing looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    mode: u32,
    owner: (u32, u32),
    /// Of a file, its size and when it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<(u64, i64, i64)>,
    /// Of a link, where it points.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<PathBuf>,
}

impl Mark {
    /// How it looks now; `None`: it is not there.
    ///
    /// # Errors
    /// When the system refuses to say.
    pub fn of(path: &Path) -> Result<Option<Self>, HostError> {
        let gone = |error: &std::io::Error| {
            matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
        };
        let found = match path.symlink_metadata() {
            Ok(found) => found,
            Err(error) if gone(&error) => return Ok(None),
            Err(error) => return Err(HostError::io("stat", path, error)),
        };
        let content = found.is_file().then(|| (found.size(), found.mtime(), found.mtime_nsec()));
        let target = found.is_symlink().then(|| std::fs::read_link(path)).transpose();
        let target = target.map_err(|error| HostError::io("read the link", path, error))?;
        Ok(Some(Self { mode: found.mode(), owner: (found.uid(), found.gid()), content, target }))
    }
}

impl Manifest {
    /// The paths that are not as they were unpacked.
    ///
    /// # Errors
    /// When the system refuses to say; when the run is cancelled.
    pub fn changed(
        &self,
        target: &Path,
        go_on: &dyn Fn(&Path) -> Result<(), HostError>,
    ) -> Result<Vec<&Path>, HostError> {
        let mut changed = Vec::new();
        for (path, mark) in &self.entries {
            go_on(path)?;
            if Mark::of(&target.join(path))?.as_ref() != Some(mark) {
                changed.push(&**path);
            }
        }
        Ok(changed)
    }

    /// The paths below `target` of which this knows nothing; of a directory, only itself.
    ///
    /// # Errors
    /// When a directory cannot be read; when the run is cancelled.
    pub fn unknown(
        &self,
        target: &Path,
        go_on: &dyn Fn(&Path) -> Result<(), HostError>,
    ) -> Result<Vec<PathBuf>, HostError> {
        let mut unknown = Vec::new();
        let mut dirs = vec![PathBuf::new()];
        while let Some(dir) = dirs.pop() {
            let whole = target.join(&dir);
            go_on(&whole)?;
            let failed = |error| HostError::io("list", &whole, error);
            let listed = match std::fs::read_dir(&whole) {
                Ok(listed) => listed,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in listed {
                let entry = entry.map_err(failed)?;
                let path = dir.join(entry.file_name());
                if !self.entries.contains_key(&path) {
                    unknown.push(path);
                } else if entry.file_type().map_err(failed)?.is_dir() {
                    dirs.push(path);
                }
            }
        }
        unknown.sort();
        Ok(unknown)
    }
}
