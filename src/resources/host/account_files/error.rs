//! What can go wrong with accounts.

use std::path::Path;

use crate::engine::{Class, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::tool::ToolError;

/// Why an account could not be looked at or put right.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A tool of shadow's failed.
    #[error("{doing} {what} {name}{because}")]
    Tool {
        /// What was being done, such as `change`.
        doing: &'static str,
        /// `user` or `group`.
        what: &'static str,
        /// Its name.
        name: Box<str>,
        /// What the exit status means.
        because: Box<str>,
        /// What decides retry.
        class: Class,
        /// What to do about it.
        hint: Option<Box<str>>,
        /// What the tool said.
        #[source]
        source: Box<ToolError>,
    },
    /// A tool ended well, and its work is not to be seen.
    #[error("{tool} ended well, but {what} {name} is as before")]
    NoEffect {
        /// The tool.
        tool: Box<str>,
        /// `user` or `group`.
        what: &'static str,
        /// Its name.
        name: Box<str>,
    },
    /// The account is not in the files of this host.
    #[error("{what} {name} comes from elsewhere, not from the files in /etc")]
    Elsewhere {
        /// `user` or `group`.
        what: &'static str,
        /// Its name.
        name: Box<str>,
    },
    /// What is declared of an account from elsewhere can be neither known nor set here.
    #[error("user {name} comes from elsewhere: {} cannot be seen to here", quoted(.params))]
    OutOfReach {
        /// The user.
        name: Box<str>,
        /// The parameters.
        params: Vec<&'static str>,
    },
    /// What is to be compared is for root's eyes only.
    #[error("read {path} for `{param}`: permission denied", path = path.display())]
    Secret {
        /// The file.
        path: Box<Path>,
        /// What needs it.
        param: &'static str,
    },
    /// A lock without a password.
    #[error("user {name} has no password that could be unlocked")]
    NothingToUnlock {
        /// The user.
        name: Box<str>,
    },
    /// Groups that are nowhere.
    #[error("user {name} is to be in {}", no_groups(.groups))]
    NoGroup {
        /// The user.
        name: Box<str>,
        /// Their names or numbers.
        groups: Vec<Box<str>>,
    },
    /// All numbers are taken.
    #[error("there is no free range of subordinate ids for user {name}")]
    NoIds {
        /// The user.
        name: Box<str>,
    },
    /// The files could not be read.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A tool besides those of shadow failed.
    #[error("make the home directory {path}", path = path.display())]
    Home {
        /// The directory.
        path: Box<Path>,
        /// What the tool said.
        #[source]
        source: Box<ToolError>,
    },
}

fn quoted(params: &[&str]) -> String {
    params.iter().map(|param| format!("`{param}`")).collect::<Vec<_>>().join(", ")
}

fn no_groups(groups: &[Box<str>]) -> String {
    let which = if groups.len() == 1 { "which is no group" } else { "which are no groups" };
    format!("{}, {which}", groups.join(", "))
}

impl AccountError {
    /// What decides retry, exit code and log level.
    pub fn class(&self) -> Class {
        match self {
            Self::Tool { class, .. } => *class,
            Self::Elsewhere { .. }
            | Self::OutOfReach { .. }
            | Self::NothingToUnlock { .. }
            | Self::NoGroup { .. } => Class::User,
            Self::Host(error) => error.class(),
            Self::NoEffect { .. } | Self::Secret { .. } | Self::NoIds { .. } | Self::Home { .. } => {
                Class::Transient
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Tool { hint: Some(hint), .. } => Some(hint.to_string()),
            Self::Tool { source, .. } | Self::Home { source, .. } => source.hint(),
            Self::Elsewhere { .. } => Some(
                "a directory service or systemd answers for it: change it there, or choose another name"
                    .into(),
            ),
            Self::OutOfReach { .. } => Some(
                "a directory service or systemd answers for it: leave these out, and set them there; a resource `group` \
                 puts it into a group of this host"
                    .into(),
            ),
            Self::Secret { .. } => Some("run mgmt as root".into()),
            Self::NoGroup { .. } => Some("is the name right? a resource `group` makes one".into()),
            Self::NothingToUnlock { .. } => Some("give it a `password`".into()),
            Self::NoEffect { .. } => Some("does something else write the account files all the time?".into()),
            Self::NoIds { .. } | Self::Host(_) => None,
        }
    }
}

impl From<AccountError> for ResourceError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Host(error) => error.into(),
            other => Self::of(other.class(), other.hint(), other),
        }
    }
}
