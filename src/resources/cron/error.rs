//! Why a timer is not as it should be.

use crate::engine::{Class, ResourceError};

/// Why a timer is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum CronError {
    /// What it runs is not there.
    #[error("{timer} cannot start: there is no unit {service} for it to run")]
    NoService {
        /// The timer.
        timer: Box<str>,
        /// What it runs.
        service: Box<str>,
    },
    /// Its command runs as nobody.
    #[error("{timer} cannot run its command: there is no user {user:?}")]
    NoUser {
        /// The timer.
        timer: Box<str>,
        /// Whom it should run as.
        user: Box<str>,
    },
    /// There is a timer already that is not ours.
    #[error("{timer} cannot be undone: there was one before")]
    NoUndo {
        /// The timer.
        timer: Box<str>,
    },
}

impl From<CronError> for ResourceError {
    fn from(error: CronError) -> Self {
        match error {
            CronError::NoService { .. } => {
                let hint = "add `command` to have it made, or declare its unit file";
                Self::of(Class::Transient, Some(hint), error)
            }
            CronError::NoUser { .. } => {
                Self::of(Class::Transient, Some("declare the user, too: it is made first then"), error)
            }
            CronError::NoUndo { .. } => Self::of(Class::User, Some("remove the timer by hand first"), error),
        }
    }
}
