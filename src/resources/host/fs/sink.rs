//! Where encoders write: to a file or to nowhere, with size and digest of what went through.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Fs;
use crate::resources::error::HostError;

/// Takes bytes.
#[derive(Debug, Default)]
pub struct Sink<'a> {
    file: Option<(&'a Fs, &'a OwnedFd, &'a Path)>,
    hash: Sha256,
    size: u64,
}

/// What went through a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sunk {
    /// Bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

impl<'a> Sink<'a> {
    /// Writes to an open file, whose path is for messages.
    pub fn file(fs: &'a Fs, file: &'a OwnedFd, path: &'a Path) -> Self {
        Self { file: Some((fs, file, path)), ..Self::nowhere() }
    }

    /// Only takes the digest.
    pub fn nowhere() -> Self {
        Self::default()
    }

    /// What went through.
    pub fn finish(self) -> Sunk {
        Sunk { size: self.size, sha256: self.hash.finalize().into() }
    }
}

impl io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some((fs, file, path)) = self.file {
            fs.write_all(file, path, bytes).map_err(io::Error::other)?;
        }
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The error that an encoder was handed by what it reads or writes, or else its own.
pub fn host_error(op: &'static str, path: &Path, error: io::Error) -> HostError {
    error.downcast::<HostError>().unwrap_or_else(|error| HostError::io(op, path, error))
}
