//! Why an authorized key cannot be looked at or put right.

use std::path::Path;

use crate::engine::{Class, ResourceError};
use crate::resources::error::HostError;

/// Why an authorized key cannot be looked at or put right.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No such user.
    #[error("there is no user {name:?}")]
    NoUser {
        /// The name.
        name: Box<str>,
    },
    /// The user has no home directory.
    #[error("the home directory {path} of {user} does not exist", path = path.display())]
    NoHome {
        /// Who.
        user: Box<str>,
        /// Where it should be.
        path: Box<Path>,
    },
    /// sshd would not look at the file.
    #[error("sshd ignores the keys of {user}: {path} is {objection}", path = path.display())]
    Objection {
        /// Whose keys.
        user: Box<str>,
        /// The file or directory.
        path: Box<Path>,
        /// What is wrong with it.
        objection: Box<str>,
    },
    /// sshd reads no file of keys at all.
    #[error("sshd reads no authorized keys of {user}: AuthorizedKeysFile is `none`")]
    NoFile {
        /// Whose.
        user: Box<str>,
    },
    /// sshd's own pattern is not understood.
    #[error("the AuthorizedKeysFile of sshd: {why}")]
    Pattern {
        /// Why not.
        why: Box<str>,
    },
    /// The system refuses.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl From<KeyError> for ResourceError {
    fn from(error: KeyError) -> Self {
        let (class, hint) = match error {
            KeyError::Host(error) => return error.into(),
            KeyError::NoUser { .. } => {
                (Class::Transient, "declare it as a user resource: it is ordered before")
            }
            KeyError::NoHome { .. } => (
                Class::Transient,
                "add `create_home: true` to the user, or say where the keys are with `file`",
            ),
            KeyError::Objection { .. } => (Class::User, "add `manage_dir: true` to have it put right"),
            KeyError::NoFile { .. } => (Class::User, "change sshd_config(5), or name a `file`"),
            KeyError::Pattern { .. } => (Class::User, "name the `file`"),
        };
        Self::of(class, Some(hint), error)
    }
}
