//! Why a process could not be run. That it ran and failed is no error here.

use std::io;
use std::path::Path;

use super::lookup::DEFAULT_PATH;

/// Why a process could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// No file of that name.
    #[error("there is no command {word:?}")]
    NotFound {
        /// The first word of the command.
        word: Box<str>,
        /// Whether the `PATH` is the command's own.
        own_path: bool,
    },
    /// A file that may not be executed.
    #[error("execute {word}: permission denied")]
    Denied {
        /// The first word of the command.
        word: Box<str>,
    },
    /// The system refused to execute the file.
    #[error("execute {word}")]
    Exec {
        /// The first word of the command.
        word: Box<str>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The command's folder cannot be entered.
    #[error("enter the folder {cwd}", cwd = cwd.display())]
    Cwd {
        /// The folder.
        cwd: Box<Path>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The identity could not be taken on.
    #[error("take on the {what}")]
    Identity {
        /// `user`, `group` or `supplementary groups`.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something around the process failed.
    #[error("{op} for {word}")]
    Around {
        /// What was tried.
        op: &'static str,
        /// The first word of the command.
        word: Box<str>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It was not started, as the run was cancelled before.
    #[error("not started: cancelled")]
    Cancelled,
}

impl ProcessError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::NotFound { word, .. } if word.contains('/') => {
                "is it installed before this runs? a file or package resource would be ordered before"
            }
            Self::NotFound { own_path: true, .. } => {
                "commands are looked up in the PATH of `env`; is it installed before this runs?"
            }
            Self::NotFound { own_path: false, .. } => {
                return Some(format!(
                    "commands are looked up in {DEFAULT_PATH}; is it installed before this runs?"
                ));
            }
            Self::Denied { .. } => "is the file executable (chmod +x), by this user too?",
            Self::Exec { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => {
                    "the file is there, so its interpreter (`#!`) or loader is missing"
                }
                _ if source.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
                    "a script must begin with `#!`, and a program must be one of this machine's"
                }
                _ => return None,
            },
            Self::Cwd { .. } => "a file resource that makes the folder is ordered before this one",
            Self::Identity { .. } => "only root may run commands as someone else",
            Self::Around { .. } | Self::Cancelled => return None,
        };
        Some(fixed.to_owned())
    }
}
