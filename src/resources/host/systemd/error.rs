//! Why systemd did not do what it was asked to.

use std::time::Duration;

use crate::engine::path_watch::PathWatchError;
use crate::engine::{Class, ResourceError};
use crate::resources::host::bus::BusError;

use super::{JobResult, Verb};

/// Why systemd did not do what it was asked to.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SystemdError {
    /// The call failed.
    #[error("ask systemd")]
    Bus(#[from] BusError),
    /// There is no such unit.
    #[error("there is no unit {unit}")]
    NoUnit {
        /// The unit.
        unit: Box<str>,
    },
    /// It is masked.
    #[error("{unit} is masked")]
    Masked {
        /// The unit.
        unit: Box<str>,
    },
    /// systemd refused an operation on a unit.
    #[error("{op} {unit}: {text}")]
    Refused {
        /// What was asked.
        op: &'static str,
        /// The unit.
        unit: Box<str>,
        /// The error's name, without what all have in front.
        name: Box<str>,
        /// What systemd said.
        text: Box<str>,
    },
    /// The job ended otherwise than well.
    #[error("{verb} {unit}: the job's result is {result}")]
    Job {
        /// What was asked.
        verb: Verb,
        /// The unit.
        unit: Box<str>,
        /// How it ended.
        result: JobResult,
    },
    /// The job did not end in time, and was cancelled.
    #[error("{verb} {unit}: not done after {} ms, the job is cancelled", limit.as_millis())]
    JobTimeout {
        /// What was asked.
        verb: Verb,
        /// The unit.
        unit: Box<str>,
        /// How long was waited.
        limit: Duration,
    },
    /// The connection broke while the job ran, and the unit is not as it should be.
    #[error("{verb} {unit}: the connection was lost while the job ran")]
    JobLost {
        /// What was asked.
        verb: Verb,
        /// The unit.
        unit: Box<str>,
    },
    /// A unit stays between two states.
    #[error("{unit} is still {state} after {} ms", limit.as_millis())]
    Unsettled {
        /// The unit.
        unit: Box<str>,
        /// The state.
        state: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// The folders of unit files could not be read.
    #[error("look through the unit files")]
    Files(#[source] std::sync::Arc<std::io::Error>),
    /// The folders of unit files could not be watched.
    #[error(transparent)]
    Watch(std::sync::Arc<PathWatchError>),
}

impl SystemdError {
    /// A refusal to do `op` with a unit, or whatever else went wrong with the call.
    pub fn of(op: &'static str, unit: &str, error: BusError) -> Self {
        let BusError::Refused { text, .. } = &error else { return Self::Bus(error) };
        match error.refusal() {
            Some("NoSuchUnit") => Self::NoUnit { unit: unit.into() },
            Some("UnitMasked") => Self::Masked { unit: unit.into() },
            Some(name) if is_about_units(name) => {
                Self::Refused { op, unit: unit.into(), name: name.into(), text: text.clone() }
            }
            _ => Self::Bus(error),
        }
    }

    /// What decides retry, exit code and log level.
    pub fn class(&self) -> Class {
        match self {
            Self::Masked { .. } | Self::Refused { .. } => Class::User,
            _ => Class::Transient,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Bus(error) => return error.hint(),
            Self::NoUnit { .. } => "install the package that brings its unit file, or declare the file",
            Self::Masked { .. } => "`startup: enabled` unmasks it",
            Self::Refused { name, .. } => match &**name {
                "JobTypeNotApplicable" => "it cannot be reloaded: use `refresh: reload-or-restart`",
                "UnitExists" => {
                    "a unit file in /etc/systemd/system hides the mask: move it to /usr/local/lib/systemd/system"
                }
                "BadUnitSetting" | "InconsistentMessage" => "see systemd-analyze verify",
                _ => return None,
            },
            Self::JobTimeout { .. } => "raise `timeout_ms`, or find out what it waits for",
            Self::Job { result: JobResult::Dependency, .. } => {
                "a unit that it needs failed: see systemctl status"
            }
            _ => return None,
        })
    }
}

/// Whether an error's name is about a unit, and not about rights or the bus.
fn is_about_units(name: &str) -> bool {
    matches!(
        name,
        "JobTypeNotApplicable"
            | "UnitExists"
            | "BadUnitSetting"
            | "InconsistentMessage"
            | "InvalidArgs"
            | "UnitLinked"
            | "UnitGenerated"
            | "LoadFailed"
            | "OnlyByDependency"
            | "NoIsolation"
            | "TransactionIsDestructive"
            | "TransactionJobsConflicting"
            | "TransactionOrderIsCyclic"
            | "ShuttingDown"
            | "FileNotFound"
            | "BadUnitFile"
    )
}

impl From<SystemdError> for ResourceError {
    fn from(error: SystemdError) -> Self {
        Self::of(error.class(), error.hint(), error)
    }
}
