//! Why a mount cannot be put right.

use std::time::Duration;

use crate::engine::{Class, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::tool::ToolError;

/// Why a mount cannot be put right.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// A tool failed.
    #[error("{doing} {point}")]
    Tool {
        /// Such as `mount`.
        doing: &'static str,
        /// The mount point.
        point: Box<str>,
        /// What it said.
        #[source]
        source: Box<ToolError>,
    },
    /// A tool refused.
    #[error("{doing} {point}: {why}")]
    Refused {
        /// Such as `mount`.
        doing: &'static str,
        /// The mount point.
        point: Box<str>,
        /// What it said.
        why: Box<str>,
        /// What to do about it.
        hint: Option<Box<str>>,
    },
    /// There is nothing to mount it on.
    #[error("mount {point}: there is no such directory")]
    NoPoint {
        /// The mount point.
        point: Box<str>,
    },
    /// The file system is in use.
    #[error("unmount {point}: it is in use{}", users(.by))]
    Busy {
        /// The mount point.
        point: Box<str>,
        /// Whose working directory, root or program is in it, as `PID (name)`.
        by: Vec<String>,
    },
    /// A tool took too long.
    #[error("{doing} {point}: not done within {} ms", .limit.as_millis())]
    Slow {
        /// Such as `mount`.
        doing: &'static str,
        /// The mount point.
        point: Box<str>,
        /// The limit.
        limit: Duration,
    },
    /// A tool ended well, and the mount is as before.
    #[error("mount {point}: the tools ended well, but it still differs: {what}")]
    NoEffect {
        /// The mount point.
        point: Box<str>,
        /// What differs.
        what: Box<str>,
    },
    /// Nothing here can mount it.
    #[error("mount {point}: neither the kernel nor a program mount.{fstype} knows the type {fstype}")]
    NoType {
        /// The mount point.
        point: Box<str>,
        /// The type.
        fstype: Box<str>,
    },
    /// The system refuses.
    #[error(transparent)]
    Host(#[from] HostError),
}

fn users(by: &[String]) -> String {
    if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) }
}

impl MountError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Tool { source, .. } => source.hint(),
            Self::Refused { hint, .. } => hint.as_deref().map(str::to_owned),
            Self::Busy { .. } => Some("end what uses it; `fuser -vm` and `lsof` tell more".into()),
            Self::Slow { .. } => Some(
                "is the device or server there? `nofail: true` keeps the machine booting without it".into(),
            ),
            Self::NoEffect { .. } => Some(
                "something else may undo it, or the kernel not know an option, or show it in another way"
                    .into(),
            ),
            Self::NoType { .. } => {
                Some("is the type right? a package may bring the program or the kernel's module".into())
            }
            Self::NoPoint { .. } => Some("add `mkdir: true`, or have a `file` resource make it".into()),
            Self::Host(_) => None,
        }
    }
}

impl From<MountError> for ResourceError {
    fn from(error: MountError) -> Self {
        match error {
            MountError::Host(error) => error.into(),
            other => Self::of(Class::Transient, other.hint(), other),
        }
    }
}
