//! Small files of configuration that are made whole: what should be in them, and writing them.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use crate::engine::Drift;
use crate::engine::drift::Shown;
use crate::resources::error::HostError;
use crate::resources::host::fs::{At, Body, Dress, Fs, Pace};

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallFile {
    /// Which, for the drift.
    pub what: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What should be in it; `None`: it should not be there.
    pub text: Option<String>,
    /// The permission bits.
    pub mode: u32,
    /// User and group of a new one; `None`: whoever the agent is.
    pub owner: Option<(u32, u32)>,
}

/// How a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What is in it.
    pub bytes: Vec<u8>,
    mode: u32,
    is_link: bool,
}

impl SmallFile {
    /// How the file is; `None`: there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn look(&self) -> Result<Option<Found>, HostError> {
        let failed = |error| HostError::io("read", &self.path, error);
        match std::fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
            Ok(stat) if stat.is_symlink() => Ok(Some(Found { bytes: Vec::new(), mode: 0, is_link: true })),
            Ok(stat) => {
                let bytes = std::fs::read(&self.path).map_err(failed)?;
                Ok(Some(Found { bytes, mode: stat.mode() & 0o7777, is_link: false }))
            }
        }
    }

    /// Whether it is as it should be.
    pub fn is_met_by(&self, found: Option<&Found>) -> bool {
        match (&self.text, found) {
            (None, found) => found.is_none(),
            (Some(text), Some(found)) => {
                !found.is_link && found.bytes == text.as_bytes() && found.mode == self.mode
            }
            (Some(_), None) => false,
        }
    }

    /// Adds how the file differs, if it does.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn compare(&self, drift: &mut Drift) -> Result<(), HostError> {
        let found = self.look()?;
        if self.is_met_by(found.as_ref()) {
            return Ok(());
        }
        // The sizes are mostly the same; what has changed is told by the diff.
        let shown = |bytes: &[u8], mode: u32| Shown::text(format!("{} bytes, {mode:04o}", bytes.len()));
        let found = found.map_or(Shown::Absent, |found| match found.is_link {
            true => Shown::text("a link"),
            false => shown(&found.bytes, found.mode),
        });
        let wanted = self.text.as_ref().map_or(Shown::Absent, |text| shown(text.as_bytes(), self.mode));
        drift.add(self.what, found, wanted);
        Ok(())
    }

    /// Writes it whole, or removes it, if it is not as it should be.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn put(&self, fs: &Fs) -> Result<(), HostError> {
        if self.is_met_by(self.look()?.as_ref()) {
            return Ok(());
        }
        let Some(text) = &self.text else {
            return match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(HostError::io("remove", &self.path, error))
                }
                _ => Ok(()),
            };
        };
        let dir = fs.open_parent(&self.path)?;
        let (uid, gid) = self.owner.unzip();
        let dress = Dress { mode: Some(self.mode), uid, gid, label: None };
        let body = Body::Bytes(text.clone().into_bytes());
        fs.write_file(At::new(&dir, &self.path), None, &body, dress, Pace::Short).map(drop)
    }

    /// How it would change, for people; nothing if it is as it should be.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn diff(&self) -> Result<String, HostError> {
        let found = self.look()?;
        if self.is_met_by(found.as_ref()) {
            return Ok(String::new());
        }
        let old = found.map(|found| found.bytes).unwrap_or_default();
        let new = self.text.as_deref().unwrap_or_default();
        Ok(super::file::diff::unified(&self.path, &old, new.as_bytes()))
    }
}
