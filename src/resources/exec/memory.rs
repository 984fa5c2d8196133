//! What an exec remembers from run to run, in the state folder of its vertex: what it sent, and how new the files of
//! `mtimes` were.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::ExecError;
use crate::engine::Cx;
use crate::engine::ResourceError;

/// What the last run wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Both outputs.
    pub output: String,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

/// When files were last modified: seconds and nanoseconds.
pub type Mtimes = BTreeMap<Arc<str>, (i64, i64)>;

const WRITTEN: &str = "written.json";
const MTIMES: &str = "mtimes.json";

/// What the last successful run wrote; `None`: there was none.
///
/// # Errors
/// When it cannot be read.
pub fn written(cx: &Cx) -> Result<Option<Written>, ExecError> {
    read(&cx.state_dir_path().join(WRITTEN))
}

/// Remembers what a run wrote.
///
/// # Errors
/// When it cannot be written.
pub fn keep_written(cx: &Cx, written: &Written) -> Result<(), ResourceError> {
    write(&cx.state_dir()?, WRITTEN, written)
}

/// What the last run wrote that had a secret, and may have written it: for as long as the agent runs, and never on disk.
#[derive(Default)]
pub struct Unkept(Mutex<Option<Written>>);

impl Unkept {
    /// What it wrote; `None`: there was none since the agent began.
    pub fn get(&self) -> Option<Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers what a run wrote, and forgets what one without secrets has left on disk.
    ///
    /// # Errors
    /// When that cannot be removed.
    pub fn set(&self, cx: &Cx, written: &Written) -> Result<(), ExecError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(written.clone());
        let path = cx.state_dir_path().join(WRITTEN);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(ExecError::Memory { op: "remove", path: path.into(), source })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Unkept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unkept")
    }
}

/// How new the files were when the last run that went well began; `None`: there was none.
///
/// # Errors
/// When it cannot be read.
pub fn mtimes(cx: &Cx) -> Result<Option<Mtimes>, ExecError> {
    read(&cx.state_dir_path().join(MTIMES))
}

/// Remembers how new the files were.
///
/// # Errors
/// When it cannot be written.
pub fn keep_mtimes(cx: &Cx, mtimes: &Mtimes) -> Result<(), ResourceError> {
    write(&cx.state_dir()?, MTIMES, mtimes)
}

/// How new files are now.
///
/// # Errors
/// When one is not there.
pub fn mtimes_now(paths: &[Arc<str>]) -> Result<Mtimes, ExecError> {
    let look = |path: &Arc<str>| {
        let metadata = fs::metadata(&**path).map_err(|source| ExecError::Look {
            param: "mtimes",
            path: Path::new(&**path).into(),
            source,
        })?;
        Ok((path.clone(), (metadata.mtime(), metadata.mtime_nsec())))
    };
    paths.iter().map(look).collect()
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ExecError> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)
            .inspect_err(
                |error| tracing::warn!(path = %path.display(), %error, "forgotten: it cannot be read"),
            )
            .ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ExecError::Memory { op: "read", path: path.into(), source }),
    }
}

/// Whole or not at all, and for nobody else's eyes.
fn write<T: Serialize>(dir: &Path, name: &str, what: &T) -> Result<(), ResourceError> {
    let (fresh, path): (PathBuf, PathBuf) = (dir.join(format!("{name}.new")), dir.join(name));
    let written = serde_json::to_vec(what).map_err(io::Error::from).and_then(|bytes| {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&bytes)?;
        fs::rename(&fresh, &path)
    });
    written.map_err(|source| ExecError::Memory { op: "write", path: path.into(), source }.into())
}
