//! Why a kernel parameter cannot be set.

use std::io;

use rustix::io::Errno;

use crate::engine::{Class, ResourceError};

/// Why a kernel parameter cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum SysctlError {
    /// There is no such parameter.
    #[error("there is no kernel parameter {key}")]
    Missing {
        /// Its name.
        key: Box<str>,
        /// What to do about it.
        hint: Box<str>,
    },
    /// Nobody sets it.
    #[error("set the kernel parameter {key}: it can only be read")]
    ReadOnly {
        /// Its name.
        key: Box<str>,
    },
    /// The system refused.
    #[error("{op} the kernel parameter {key}")]
    Refused {
        /// `read` or `set`.
        op: &'static str,
        /// Its name.
        key: Box<str>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The kernel took the value for another one.
    #[error("set the kernel parameter {key} to {wanted:?}: it is {found:?} now")]
    Taken {
        /// Its name.
        key: Box<str>,
        /// What was written.
        wanted: Box<str>,
        /// What is read back.
        found: Box<str>,
    },
}

impl From<SysctlError> for ResourceError {
    fn from(error: SysctlError) -> Self {
        let (class, hint): (Class, Option<String>) = match &error {
            SysctlError::Missing { hint, .. } => (Class::Transient, Some(hint.to_string())),
            SysctlError::ReadOnly { .. } => (
                Class::User,
                Some(
                    "the kernel only tells it; in a container, only its host may set it: leave it out".into(),
                ),
            ),
            SysctlError::Taken { .. } => {
                (Class::User, Some("the kernel has bounds for it, or something else sets it too".into()))
            }
            SysctlError::Refused { source, .. } => match Errno::from_io_error(source) {
                Some(Errno::INVAL | Errno::RANGE) => (
                    Class::User,
                    Some("the kernel does not take this value: is it a number, and within bounds?".into()),
                ),
                Some(Errno::ROFS) => (
                    Class::Transient,
                    Some("/proc/sys is read-only here, as in most containers: set it on the host".into()),
                ),
                Some(Errno::ACCESS | Errno::PERM) => (
                    Class::Transient,
                    Some("only root may, and some parameters only until boot is over".into()),
                ),
                _ => (Class::Transient, None),
            },
        };
        Self::of(class, hint, error)
    }
}
