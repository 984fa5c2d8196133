//! What the machine can refuse: the errors of this folder. Each names the operation and holds its object.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::engine::{Class, ResourceError};

/// Why something could not be done on this host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The system refused.
    #[error("{op} {path}", path = path.display())]
    Io {
        /// What was tried.
        op: &'static str,
        /// On what.
        path: Box<Path>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The directory that should hold the object is not there.
    #[error("open the directory of {path}", path = path.display())]
    NoParent {
        /// The object.
        path: Box<Path>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A symbolic link on the way that someone else could have put there.
    #[error("open {path}: the symbolic link {link} may be someone else's and is not followed",
        path = path.display(), link = link.display())]
    UntrustedLink {
        /// What was to be opened.
        path: Box<Path>,
        /// The link.
        link: PathBuf,
    },
    /// A path on whose way somebody else could put something else.
    #[error("open {path}: others can put something else in the place of {at}",
        path = path.display(), at = at.display())]
    Unsteady {
        /// What was to be opened.
        path: Box<Path>,
        /// What could be replaced.
        at: Box<Path>,
    },
    /// A file with several names, one of them where its owner may not have put it.
    #[error("{op} {path}: it has several names, and may be someone else's file", path = path.display())]
    UntrustedName {
        /// What was to be done.
        op: &'static str,
        /// The object.
        path: Box<Path>,
    },
    /// There is nothing, and nothing is made unless asked for.
    #[error("{path} does not exist", path = path.display())]
    Missing {
        /// The object.
        path: Box<Path>,
    },
    /// Something of another type is in the way.
    #[error("{path} is {found}, not {wanted}", path = path.display())]
    WrongType {
        /// The object.
        path: Box<Path>,
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// A directory to remove holds something.
    #[error("remove {path}: the directory is not empty", path = path.display())]
    NotEmpty {
        /// The directory.
        path: Box<Path>,
    },
    /// A directory tree is deeper than is gone into.
    #[error("{op} {path}: more than {limit} directories deep", path = path.display())]
    TooDeep {
        /// What was tried.
        op: &'static str,
        /// Where it stopped.
        path: Box<Path>,
        /// The bound.
        limit: usize,
    },
    /// The file changed under a comparison or a repair.
    #[error("{op} {path}: it was changed at the same time", path = path.display())]
    Raced {
        /// What was tried.
        op: &'static str,
        /// The object.
        path: Box<Path>,
    },
    /// No such user.
    #[error("there is no user {name:?}")]
    NoUser {
        /// The name.
        name: Box<str>,
    },
    /// No such group.
    #[error("there is no group {name:?}")]
    NoGroup {
        /// The name.
        name: Box<str>,
    },
    /// The present state cannot be written down as a declaration.
    #[error("{path} cannot be undone: {reason}", path = path.display())]
    NoUndo {
        /// The object.
        path: Box<Path>,
        /// Why.
        reason: &'static str,
    },
    /// The run was cancelled.
    #[error("{op} {path}: cancelled", path = path.display())]
    Cancelled {
        /// What was being done.
        op: &'static str,
        /// On what.
        path: Box<Path>,
    },
    /// The worker of a long operation panicked.
    #[error("{op} {path}: the worker panicked", path = path.display())]
    Worker {
        /// What was being done.
        op: &'static str,
        /// On what.
        path: Box<Path>,
    },
    /// A path could not be watched.
    #[error(transparent)]
    Watch(#[from] crate::engine::path_watch::PathWatchError),
}

impl HostError {
    /// The system refused `op` on `path`.
    pub fn io(op: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { op, path: path.into(), source: source.into() }
    }

    /// What the system said, if it was the system.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Io { source, .. } | Self::NoParent { source, .. } => Errno::from_io_error(source),
            _ => None,
        }
    }

    /// Whether the system refused this operation with this answer.
    pub fn is(&self, operation: &str, answer: Errno) -> bool {
        matches!(self, Self::Io { op, .. } if *op == operation) && self.errno() == Some(answer)
    }

    /// What decides retry, exit code and log level.
    pub fn class(&self) -> Class {
        match self {
            Self::UntrustedLink { .. }
            | Self::UntrustedName { .. }
            | Self::Unsteady { .. }
            | Self::WrongType { .. }
            | Self::NotEmpty { .. }
            | Self::NoUndo { .. }
            | Self::TooDeep { .. } => Class::User,
            Self::Worker { .. } => Class::Bug,
            _ => Class::Transient,
        }
    }

    /// What to do about it.
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoParent { .. } => Some("parents are not made: declare the directory as a file resource"),
            Self::UntrustedLink { .. } => Some(
                "links are followed only where nobody but root and this user can write: use the real path",
            ),
            Self::Unsteady { .. } => Some(
                "a program follows links by itself: on the way only root and this user may own and write; `file` and `line` need no such care",
            ),
            Self::UntrustedName { .. } => {
                Some("others can write to this directory: look where the other names are (find -samefile)")
            }
            Self::Missing { .. } => Some("add `state: exists` to have it made"),
            Self::WrongType { hint, .. } => Some(hint),
            Self::NotEmpty { .. } => {
                Some("add `recurse: true` and `force: true` to remove all that is in it")
            }
            Self::NoUser { .. } => Some("declare it as a user resource: it is ordered before"),
            Self::NoGroup { .. } => Some("declare it as a group resource: it is ordered before"),
            Self::Io { .. } => self.errno().and_then(hint_of),
            _ => None,
        }
    }
}

fn hint_of(answer: Errno) -> Option<&'static str> {
    Some(match answer {
        Errno::ROFS => "the file system is mounted read-only",
        Errno::ACCESS => "mgmt needs more rights here: is it running as root?",
        Errno::PERM => "mgmt may need to run as root, or the file is immutable (see lsattr)",
        Errno::NOSPC => "the file system is full: see df, and df -i",
        Errno::XDEV => "something is mounted there: unmount it first",
        Errno::DQUOT => "the disk quota is used up",
        _ => return None,
    })
}

impl From<HostError> for ResourceError {
    fn from(error: HostError) -> Self {
        Self::of(error.class(), error.hint(), error)
    }
}
