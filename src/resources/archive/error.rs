//! Why an archive is not unpacked.

use std::path::Path;

use super::rules::Refusal;
use crate::engine::{Class, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::download::DownloadError;

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It holds what it may not.
    #[error("unpack {source_name}")]
    Refused {
        /// The archive.
        source_name: Box<str>,
        /// Why.
        #[source]
        source: Refusal,
    },
    /// It is damaged, or no archive.
    #[error("unpack {source_name}")]
    Damaged {
        /// The archive.
        source_name: Box<str>,
        /// What the reader said.
        #[source]
        source: std::io::Error,
    },
    /// It is not what was declared.
    #[error("{source_name} has the SHA-256 {found}, not {wanted}")]
    Checksum {
        /// The archive.
        source_name: Box<str>,
        /// What it has.
        found: String,
        /// What it should have.
        wanted: String,
    },
    /// It could not be fetched.
    #[error("fetch {source_name}")]
    Download {
        /// The archive.
        source_name: Box<str>,
        /// Why.
        #[source]
        source: DownloadError,
    },
    /// The target cannot be replaced.
    #[error("put the unpacked files at {path}", path = .path.display())]
    Swap {
        /// Where.
        path: Box<Path>,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Something is mounted in what would be replaced.
    #[error("{path} cannot be replaced: something is mounted at {mount}", path = .path.display())]
    Mounted {
        /// The target.
        path: Box<Path>,
        /// The mount point.
        mount: Box<str>,
    },
    /// The file system.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl ArchiveError {
    /// The same, where a name beside the target stands for the target.
    pub fn seen_at(self, fresh: &Path, target: &Path) -> Self {
        let seen = |path: Box<Path>| match path.strip_prefix(fresh) {
            Ok(rest) if rest.as_os_str().is_empty() => target.into(),
            Ok(rest) => target.join(rest).into(),
            Err(_) => path,
        };
        match self {
            Self::Host(HostError::Io { op, path, source }) => {
                HostError::Io { op, path: seen(path), source }.into()
            }
            Self::Host(HostError::Cancelled { op, path }) => {
                HostError::Cancelled { op, path: seen(path) }.into()
            }
            Self::Host(HostError::Raced { op, path }) => HostError::Raced { op, path: seen(path) }.into(),
            other => other,
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Refused { .. } | Self::Damaged { .. } | Self::Checksum { .. } => Class::User,
            Self::Download { source, .. } => source.class(),
            Self::Swap { .. } | Self::Mounted { .. } => Class::Transient,
            Self::Host(error) => error.class(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Refused { source: Refusal::Size { .. }, .. } => "`max_mib` allows more",
            Self::Refused { source: Refusal::Stripped { .. }, .. } => {
                "`tar -tf` and `unzip -l` list its names"
            }
            Self::Refused { .. } => "see what is in it (tar -tvf, unzip -l), and who made it",
            Self::Damaged { .. } => {
                "tar, alone or packed with gzip, bzip2, xz or zstd, and zip are unpacked: is it one, and whole?"
            }
            Self::Checksum { .. } => "if the new archive is the right one, declare its checksum",
            Self::Download { source, .. } => return source.hint(),
            Self::Swap { .. } => "nothing may be mounted at or below it",
            Self::Mounted { .. } => {
                "unmount it first (findmnt shows it), or have it mounted elsewhere: the directory is swapped as a whole"
            }
            Self::Host(_) => return None,
        })
    }
}

impl From<ArchiveError> for ResourceError {
    fn from(error: ArchiveError) -> Self {
        match error {
            // With the hints of its own.
            ArchiveError::Host(error) => error.into(),
            error => Self::of(error.class(), error.hint(), error),
        }
    }
}
