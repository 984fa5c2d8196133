//! Why a working tree is not as it should be.

use std::path::Path;

use super::spec::Spec;
use super::{revision, said};
use crate::engine::{Class, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::process::{Ending, Outcome, ProcessError, masked};

/// Lines shown of what git said.
const LINES: usize = 10;
/// Bytes shown of it.
const BYTES: usize = 2 * 1024;

/// Asking a repository elsewhere.
pub const ASK: &str = "ask";
/// Fetching from a repository elsewhere.
pub const FETCH: &str = "fetch";

/// Why a working tree is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// Git could not be run.
    #[error("run git")]
    Start {
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// Git failed.
    #[error("{op} {}: {}", of_what(.source_name, .path), why(.said, .ending))]
    Failed {
        /// What was to be done.
        op: &'static str,
        /// With which repository elsewhere.
        source_name: Option<Box<str>>,
        /// To which working tree.
        path: Box<Path>,
        /// How it ended.
        ending: Ending,
        /// The end of what it said.
        said: Box<str>,
    },
    /// It was cancelled.
    #[error("{op} {path}: cancelled", path = .path.display())]
    Cancelled {
        /// What was to be done.
        op: &'static str,
        /// To which working tree.
        path: Box<Path>,
    },
    /// Something else lies where the working tree should be.
    #[error("{path} is there, and is not a git repository with a commit", path = .path.display())]
    NotARepository {
        /// Where.
        path: Box<Path>,
    },
    /// The repository has no such branch or tag.
    #[error("{source_name} has no branch or tag {revision:?}")]
    NoRevision {
        /// Which repository.
        source_name: Box<str>,
        /// What was looked for.
        revision: Box<str>,
    },
    /// The repository has nothing yet.
    #[error("{source_name} has no commit yet")]
    Empty {
        /// Which repository.
        source_name: Box<str>,
    },
    /// Another git works there, or died there.
    #[error("{lock} is there: another git works in the tree", lock = .lock.display())]
    Locked {
        /// The lock.
        lock: Box<Path>,
    },
    /// The file system, or an account.
    #[error(transparent)]
    Host(#[from] HostError),
}

fn of_what(source_name: &Option<Box<str>>, path: &Path) -> String {
    match source_name {
        Some(source_name) => format!("{source_name} for {}", path.display()),
        None => path.display().to_string(),
    }
}

fn why(said: &str, ending: &Ending) -> String {
    match said::reason(said) {
        "" => format!("git {ending}"),
        reason => reason.to_owned(),
    }
}

impl GitError {
    /// Git ended badly.
    pub fn failed(op: &'static str, spec: &Spec, outcome: &Outcome) -> Self {
        let said = masked(&outcome.stderr.last_lines(LINES, BYTES)).into();
        let source_name = matches!(op, ASK | FETCH).then(|| masked(&spec.source).into());
        Self::Failed { op, source_name, path: spec.path().into(), ending: outcome.ending, said }
    }

    fn said(&self) -> &str {
        match self {
            Self::Failed { said, .. } => said,
            _ => "",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::NotARepository { .. } | Self::NoRevision { .. } => Class::User,
            Self::Failed { said, .. } if said::is_final(said) => Class::User,
            Self::Empty { .. } => Class::Transient,
            Self::Host(error) => error.class(),
            _ => Class::Transient,
        }
    }

    fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::Start { source: ProcessError::NotFound { .. } } => "install the package git",
            Self::Start { source } => return source.hint(),
            Self::NotARepository { .. } => "move it away, or replace it with `force: true`",
            Self::NoRevision { revision, .. } if revision::is_short_hash(revision) => {
                "if it is a commit, give all 40 digits of its hash (`git rev-parse` says them)"
            }
            Self::NoRevision { .. } => {
                "a revision is a branch, a tag or the 40 digits of a commit: `git ls-remote` lists them"
            }
            Self::Empty { .. } => "push a branch to it",
            Self::Locked { .. } => "it is removed when it is older than 10 minutes and no git runs there",
            _ => said::hint(self.said())?,
        };
        Some(fixed.to_owned())
    }
}

impl From<GitError> for ResourceError {
    fn from(error: GitError) -> Self {
        match error {
            // With the hints of its own.
            GitError::Host(error) => error.into(),
            error => Self::of(error.class(), error.hint(), error),
        }
    }
}
