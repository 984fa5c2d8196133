//! Why an exec failed.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::command::Command;
use crate::engine::path_watch::PathWatchError;
use crate::engine::{Class, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::process::{Ending, Outcome, ProcessError};

/// Lines shown of what a failed command wrote to standard error.
const LINES: usize = 20;
/// Bytes shown of it.
const BYTES: usize = 4 * 1024;

/// Why an exec failed. `param` is the parameter that holds the command.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// A command could not be run.
    #[error("{param} `{shown}`")]
    Start {
        /// Which command.
        param: &'static str,
        /// Its text.
        shown: Arc<str>,
        /// What only a shell would understand.
        misses_shell: Option<char>,
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// A command failed.
    #[error("{param} `{shown}`: {ending}{}", last_line(.said))]
    Failed {
        /// Which command.
        param: &'static str,
        /// Its text.
        shown: Arc<str>,
        /// What only a shell would understand.
        misses_shell: Option<char>,
        /// How it ended.
        ending: Ending,
        /// The end of what it wrote to standard error.
        said: Box<str>,
    },
    /// The command that should go on for ever ended.
    #[error("{param} `{shown}` ended: {ending}{}", last_line(.said))]
    WatchEnded {
        /// Which command.
        param: &'static str,
        /// Its text.
        shown: Arc<str>,
        /// How it ended.
        ending: Ending,
        /// The end of what it wrote to standard error.
        said: Box<str>,
    },
    /// A command was asked to end, and did.
    #[error("{param} `{shown}`: cancelled, {ending}")]
    Cancelled {
        /// Which command.
        param: &'static str,
        /// Its text.
        shown: Arc<str>,
        /// How it ended.
        ending: Ending,
    },
    /// The file of a guard could not be looked at.
    #[error("look at {path} for {param}", path = path.display())]
    Look {
        /// The guard.
        param: &'static str,
        /// The file.
        path: Box<Path>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What is to be remembered between runs could not be read or written.
    #[error("{op} {path}", path = path.display())]
    Memory {
        /// What was tried.
        op: &'static str,
        /// The file.
        path: Box<Path>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no such user or group.
    #[error(transparent)]
    Account(#[from] HostError),
    /// A path could not be watched.
    #[error(transparent)]
    Watch(#[from] PathWatchError),
}

impl ExecError {
    /// A command could not be run.
    pub fn start(command: &Command, source: ProcessError) -> Self {
        let (param, shown) = (command.param, command.shown.clone());
        Self::Start { param, shown, misses_shell: command.misses_shell, source }
    }

    /// A command failed; what it wrote is shown unless it is `secret`.
    pub fn failed(command: &Command, outcome: &Outcome, secret: bool) -> Self {
        let (param, shown) = (command.param, command.shown.clone());
        let (ending, said) = (outcome.ending, said(outcome, secret));
        Self::Failed { param, shown, misses_shell: command.misses_shell, ending, said }
    }

    /// The watch's command ended; what it wrote is shown unless it is `secret`.
    pub fn watch_ended(command: &Command, outcome: &Outcome, secret: bool) -> Self {
        let (param, shown) = (command.param, command.shown.clone());
        Self::WatchEnded { param, shown, ending: outcome.ending, said: said(outcome, secret) }
    }

    /// A command was cancelled.
    pub fn cancelled(command: &Command, outcome: &Outcome) -> Self {
        Self::Cancelled { param: command.param, shown: command.shown.clone(), ending: outcome.ending }
    }

    /// What decides retry, exit code and log level: commands fail for reasons that may pass.
    pub fn class(&self) -> Class {
        match self {
            Self::Account(error) => error.class(),
            _ => Class::Transient,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let shell = |sign: &char| {
            format!(
                "no shell runs this, so `{sign}` is just a character: add `shell: /bin/sh`, or use `args`"
            )
        };
        match self {
            Self::Start { misses_shell, source, .. } => {
                join([source.hint(), misses_shell.as_ref().map(shell)])
            }
            Self::Failed { misses_shell, said, .. } => {
                join([misses_shell.as_ref().map(shell), more_lines(said)])
            }
            Self::WatchEnded { said, .. } => join([
                Some("a watchcmd goes on for ever; `poll` looks again from time to time instead".to_owned()),
                more_lines(said),
            ]),
            Self::Look { param: "mtimes", source, .. } if source.kind() == io::ErrorKind::NotFound => Some(
                "the files of `mtimes` must be there: declare it as a file with an edge to this".to_owned(),
            ),
            _ => None,
        }
    }
}

fn said(outcome: &Outcome, secret: bool) -> Box<str> {
    if secret { "".into() } else { outcome.stderr.last_lines(LINES, BYTES).into() }
}

fn last_line(said: &str) -> String {
    said.lines().last().map(|line| format!(": {}", line.trim())).unwrap_or_default()
}

/// The lines besides the one that the message shows.
fn more_lines(said: &str) -> Option<String> {
    (said.lines().count() > 1).then(|| format!("its standard error ended with\n{said}"))
}

fn join<const N: usize>(hints: [Option<String>; N]) -> Option<String> {
    let hints: Vec<String> = hints.into_iter().flatten().collect();
    (!hints.is_empty()).then(|| hints.join("\n"))
}

impl From<ExecError> for ResourceError {
    fn from(error: ExecError) -> Self {
        Self::of(error.class(), error.hint(), error)
    }
}
