//! Why a file cannot be edited.

use std::path::Path;

use crate::engine::{Class, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::process::ProcessError;

/// Why a file cannot be edited.
#[derive(Debug, thiserror::Error)]
pub enum AugeasError {
    /// augtool could not be run.
    #[error("run augtool")]
    Start {
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// augtool did not do what it was told.
    #[error("edit {path} with augtool{}", if .said.is_empty() { String::new() } else { format!(": {}", .said) },
        path = .path.display())]
    Failed {
        /// The file.
        path: Box<Path>,
        /// What it said.
        said: String,
    },
    /// The lens cannot be had, or does not fit the file.
    #[error("read {path} with the lens {lens}: {reason}", path = .path.display())]
    Load {
        /// The file.
        path: Box<Path>,
        /// The lens.
        lens: Box<str>,
        /// What augeas says.
        reason: String,
    },
    /// The lens has no such file.
    #[error("write {path} with the lens {lens}: {reason}", path = .path.display())]
    Save {
        /// The file.
        path: Box<Path>,
        /// The lens.
        lens: Box<str>,
        /// What augeas says.
        reason: String,
    },
    /// A value for several nodes.
    #[error("`{edit}` is about {count} nodes of {path}, not one", path = .path.display())]
    Several {
        /// The file.
        path: Box<Path>,
        /// The edit's path.
        edit: Box<str>,
        /// How many.
        count: usize,
    },
    /// What was written is not what is wanted.
    #[error("{path} differs after it was edited: {what}", path = .path.display())]
    NotThere {
        /// The file.
        path: Box<Path>,
        /// What still differs.
        what: String,
    },
    /// It was cancelled.
    #[error("edit {path}: cancelled", path = .path.display())]
    Cancelled {
        /// The file.
        path: Box<Path>,
    },
    /// The system, or a path that cannot be watched.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl From<AugeasError> for ResourceError {
    fn from(error: AugeasError) -> Self {
        let error = match error {
            // With the hints of its own.
            AugeasError::Host(error) => return error.into(),
            error => error,
        };
        let (class, hint) = match &error {
            AugeasError::Start { source: ProcessError::NotFound { .. } } => {
                (Class::Transient, Some("install the package augeas-tools"))
            }
            AugeasError::Load { reason, .. } if reason.contains("find lens") => {
                (Class::User, Some("lenses lie in /usr/share/augeas/lenses/dist; their names end in .lns"))
            }
            AugeasError::Load { .. } => {
                (Class::User, Some("is it the lens of such files, and the file in order?"))
            }
            AugeasError::Save { .. } => {
                (Class::User, Some("the lens knows no file with such paths and values"))
            }
            AugeasError::Several { .. } => {
                (Class::User, Some("a condition in brackets chooses one, as in *[1]"))
            }
            AugeasError::NotThere { .. } => (Class::User, Some("one edit may take back what another does")),
            _ => (Class::Transient, None),
        };
        Self::of(class, hint, error)
    }
}
