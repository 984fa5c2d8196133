//! What package tools can refuse.

use crate::engine::{Class, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::process::{Ending, Outcome, ProcessError};

/// Lines shown of what a tool wrote.
const LINES: usize = 12;
/// Bytes shown of it.
const BYTES: usize = 4 * 1024;

/// Why something about packages could not be done.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
    /// No tool that we know.
    #[error("this host has no package tool that mgmt knows")]
    NoTool,
    /// The tool that was asked for is not here.
    #[error("the package tool {name} is not on this host")]
    NotHere {
        /// Its name.
        name: &'static str,
    },
    /// Someone else changes packages, and does not end.
    #[error("the package database is in use by {holder}")]
    Locked {
        /// Who.
        holder: String,
    },
    /// The tool could not be run.
    #[error("run {tool}")]
    Start {
        /// Its name.
        tool: &'static str,
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// The tool failed.
    #[error("{tool}: {ending}{}", because(.said))]
    Failed {
        /// What was run.
        tool: &'static str,
        /// How it ended.
        ending: Ending,
        /// The end of what it wrote.
        said: Box<str>,
    },
    /// What the tool wrote cannot be understood.
    #[error("{tool}: cannot understand its answer: {what}")]
    Answer {
        /// What was run.
        tool: &'static str,
        /// What is wrong with it.
        what: Box<str>,
    },
    /// The tool cannot do that.
    #[error("{tool} cannot {what}")]
    Unable {
        /// Its name.
        tool: &'static str,
        /// What.
        what: &'static str,
    },
    /// Packages would go of which nobody has said so.
    #[error("it would take {} along, which nobody has declared uninstalled", .others.join(", "))]
    TakesOthers {
        /// These.
        others: Vec<String>,
    },
    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The system refused.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// The most telling line of what a tool wrote.
fn because(said: &str) -> String {
    let telling =
        |line: &&str| line.starts_with("E: ") || line.contains("error:") || line.contains("error processing");
    let line = said.lines().find(telling).or_else(|| said.lines().rev().find(|line| !line.trim().is_empty()));
    line.map(|line| format!(": {}", line.trim_start_matches("E: ").trim())).unwrap_or_default()
}

impl PackagesError {
    /// A tool that could not be run.
    pub fn start(tool: &'static str) -> impl FnOnce(ProcessError) -> Self {
        move |source| match source {
            ProcessError::Cancelled => Self::Cancelled,
            source => Self::Start { tool, source },
        }
    }

    /// A tool that failed.
    pub fn failed(tool: &'static str, outcome: &Outcome) -> Self {
        if outcome.cancelled {
            return Self::Cancelled;
        }
        let mut said = outcome.output.last_lines(LINES, BYTES);
        if said.is_empty() {
            said = outcome.stderr.last_lines(LINES, BYTES);
        }
        match held_by(&said) {
            Some(holder) => Self::Locked { holder },
            None => Self::Failed { tool, ending: outcome.ending, said: said.into() },
        }
    }

    /// What decides retry, exit code and log level.
    pub fn class(&self) -> Class {
        match self {
            Self::NoTool | Self::NotHere { .. } | Self::Unable { .. } | Self::TakesOthers { .. } => {
                Class::User
            }
            Self::Host(error) => error.class(),
            _ => Class::Transient,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoTool => "apt, dnf, pacman and PackageKit are known".to_owned(),
            Self::NotHere { .. } => "leave `backend` out to have the host's own tool".to_owned(),
            Self::TakesOthers { .. } => {
                "they need what is to go, or cannot be beside what comes: declare them with `state: uninstalled`, too"
                    .to_owned()
            }
            Self::Locked { .. } => "`lock_timeout_ms` says how long to wait".to_owned(),
            Self::Start { source, .. } => return source.hint(),
            Self::Failed { said, .. } if !said.is_empty() => format!("it said:\n{said}"),
            _ => return None,
        })
    }
}

impl From<PackagesError> for ResourceError {
    fn from(error: PackagesError) -> Self {
        Self::of(error.class(), error.hint(), error)
    }
}

/// Who holds the lock, by the words of apt, dpkg and pacman.
fn held_by(said: &str) -> Option<String> {
    let line = said.lines().find(|line| {
        (line.contains("ould not get lock")
            || line.contains("unable to lock database")
            || line.contains("lock was locked by")
            || line.contains("locked by another process"))
            && !line.contains("Waiting")
    })?;
    let by = ["held by ", "locked by "].iter().find_map(|words| line.split_once(words)).map(|(_, by)| by);
    // "It is held by process 12 (dpkg)", "locked by another process with pid 12".
    Some(by.map_or("another program", |by| by.trim_end_matches(['.', ' '])).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_told_from_other_failures_with_its_holder() {
        let apt = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 77 (apt-get)\nE: Unable to";
        assert_eq!(held_by(apt).as_deref(), Some("process 77 (apt-get)"));
        let dpkg = "dpkg: error: dpkg frontend lock was locked by another process with pid 77";
        assert_eq!(held_by(dpkg).as_deref(), Some("another process with pid 77"));
        assert_eq!(
            held_by("Waiting for cache lock: Could not get lock X. It is held by process 1 (a)... 3s"),
            None
        );
        let pacman =
            "error: failed to init transaction (unable to lock database)\nerror: could not lock database";
        assert_eq!(held_by(pacman).as_deref(), Some("another program"));
        assert_eq!(held_by("E: Sub-process /usr/bin/dpkg returned an error code (1)"), None);
    }

    #[test]
    fn the_most_telling_line_is_the_cause() {
        assert_eq!(because("Reading\nE: Unable to locate package x\nmore"), ": Unable to locate package x");
        assert_eq!(because("one\ntwo\n\n"), ": two");
        assert_eq!(because(""), "");
    }
}
