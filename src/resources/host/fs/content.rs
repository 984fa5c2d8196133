//! What can be written into a file.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::Path;

use super::{Fs, Pace};
use crate::resources::error::HostError;

/// What a file should hold: something at hand, or something that is made while it is written.
pub trait Content: fmt::Debug {
    /// Its size in bytes; `None`: known only once it is written.
    fn size(&self) -> Option<u64>;

    /// Writes it to an open file from its present position on; returns how much. May be called again after a failure.
    ///
    /// # Errors
    /// When the system refuses; when the run is cancelled.
    fn write_to(&self, fs: &Fs, file: &OwnedFd, path: &Path, pace: Pace<'_>) -> Result<u64, HostError>;
}
