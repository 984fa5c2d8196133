//! Why a unit is not as it should be.

use crate::engine::{Class, ResourceError};
use crate::resources::host::systemd::{FileState, JobResult, Verb};

/// Why a unit is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum SvcError {
    /// It has no links that could be made.
    #[error("{unit} is static: it has no [Install] section, so it cannot be enabled")]
    Static {
        /// The unit.
        unit: Box<str>,
    },
    /// Others decide what becomes of it.
    #[error("{unit} is {state}: it cannot be disabled")]
    Made {
        /// The unit.
        unit: Box<str>,
        /// What made it.
        state: FileState,
    },
    /// systemd cannot read its file.
    #[error("systemd cannot read the file of {unit}{}", after(.text))]
    Broken {
        /// The unit.
        unit: Box<str>,
        /// What systemd says.
        text: Box<str>,
    },
    /// It ends by itself, and is not active then.
    #[error("{unit} is a oneshot: it does not run on once it has done its work")]
    Oneshot {
        /// The unit.
        unit: Box<str>,
    },
    /// A job did not succeed.
    #[error("{verb} {unit}: {result}{}{}", ended(.why, *.status), after(.said))]
    Job {
        /// What was asked.
        verb: Verb,
        /// The unit.
        unit: Box<str>,
        /// How the job ended.
        result: JobResult,
        /// How the unit ended.
        why: Box<str>,
        /// The exit status of its main process.
        status: i32,
        /// The end of what it wrote.
        said: Box<str>,
    },
    /// systemd called a job done, and then it ended.
    #[error("{verb} {unit}: it ended at once{}{}", ended(.why, *.status), after(.said))]
    Died {
        /// What was asked.
        verb: Verb,
        /// The unit.
        unit: Box<str>,
        /// How it ended.
        why: Box<str>,
        /// The exit status of its main process.
        status: i32,
        /// The end of what it wrote.
        said: Box<str>,
    },
    /// systemd has left the start out, and calls that done.
    #[error("{verb} {unit}: left out by systemd, as one of the unit's conditions is not met")]
    Condition {
        /// What was asked.
        verb: Verb,
        /// The unit.
        unit: Box<str>,
    },
    /// It failed so often that systemd does not start it any more.
    #[error("start {unit}: it failed too often (start-limit-hit); left alone for a minute")]
    StartLimit {
        /// The unit.
        unit: Box<str>,
    },
}

fn after(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn ended(why: &str, status: i32) -> String {
    match why {
        "" | "success" => String::new(),
        "exit-code" => format!(", exit status {status}"),
        other => format!(", {other}"),
    }
}

impl SvcError {
    fn class(&self) -> Class {
        match self {
            Self::Job { .. } | Self::Died { .. } | Self::StartLimit { .. } => Class::Transient,
            _ => Class::User,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Static { .. } => "start it through what pulls it in, or leave out `startup`".to_owned(),
            Self::Made { state: FileState::Generated, .. } => {
                "a generator makes it, from fstab or the kernel's command line: change that, or use `startup: masked`"
                    .to_owned()
            }
            Self::Made { .. } => "it goes when it is stopped".to_owned(),
            Self::Broken { unit, .. } => format!("see systemd-analyze verify {unit}"),
            Self::Oneshot { .. } => "add `RemainAfterExit=yes` to its unit file, or leave out `state`".to_owned(),
            Self::Died { why, .. } if &**why == "success" => {
                "what ends by itself, and well, is of `Type=oneshot`, mostly with `RemainAfterExit=yes`".to_owned()
            }
            Self::Condition { unit, .. } => format!("systemctl status {unit} says which `Condition...=` it is"),
            Self::Job { unit, .. } | Self::Died { unit, .. } | Self::StartLimit { unit } => {
                format!("see systemctl status {unit} and journalctl -u {unit}")
            }
        }
    }
}

impl From<SvcError> for ResourceError {
    fn from(error: SvcError) -> Self {
        Self::of(error.class(), Some(error.hint()), error)
    }
}
