//! Why the world does not answer.

use std::time::Duration;

use crate::engine::class::Class;
use crate::engine::resource::ResourceError;

/// Why the world does not answer, or refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum WorldError {
    #[error("cannot {operation}: the store is away, for {} s", away.as_secs())]
    Away { operation: &'static str, away: Duration },
    #[error("cannot {operation}: no answer in time")]
    Late { operation: &'static str },
    #[error("cannot {operation}: the store refuses: {why}")]
    Refused { operation: &'static str, why: String },
    #[error("cannot {operation}: {key} holds something that cannot be read: {why}")]
    Unreadable { operation: &'static str, key: String, why: String },
    #[error("cannot {operation}: {bytes} bytes are more than the store takes at once, {limit}")]
    TooLarge { operation: &'static str, bytes: usize, limit: usize },
    #[error("cannot {operation}: {count} writes wait for the store already, {bytes} bytes")]
    OutboxFull { operation: &'static str, count: usize, bytes: u64 },
    #[error("cannot {operation}: what waits for the store cannot be kept on disk: {why}")]
    OutboxDisk { operation: &'static str, why: String },
    #[error("there is no {what}")]
    Missing { what: String },
    #[error("the deploy does not follow the one before: {why}")]
    BrokenChain { why: String },
    #[error("{what} is refused: {why}")]
    Unbelieved { what: String, why: String },
    #[error("cannot {operation}: an administrator must sign it, and there is no administrator's key")]
    NoSigner { operation: &'static str },
    #[error("cannot {operation}: this program runs without a mesh")]
    Nowhere { operation: &'static str },
    #[error("cannot {operation}: the mesh has ended")]
    Ended { operation: &'static str },
}

impl WorldError {
    /// What decides retry, exit code and log level.
    pub fn class(&self) -> Class {
        match self {
            Self::TooLarge { .. }
            | Self::Missing { .. }
            | Self::BrokenChain { .. }
            | Self::Unbelieved { .. }
            | Self::NoSigner { .. }
            | Self::Nowhere { .. } => Class::User,
            _ => Class::Transient,
        }
    }

    /// What to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Away { .. } => Some("`mgmt mesh status` tells which members answer"),
            Self::OutboxFull { .. } => {
                Some("it is written when the store is back; `mgmt mesh status` tells since when it is away")
            }
            Self::OutboxDisk { .. } => Some("make room on the disk of the agent's folder"),
            Self::TooLarge { .. } => Some("split it into several"),
            Self::Refused { why, .. } if why.contains("permission denied") => Some(
                "hosts may change what is their own; for all else come with an administrator's keys: --keys DIR",
            ),
            Self::BrokenChain { .. } => {
                Some("look at `mgmt deploys`, and deploy from the newest; --force does it anyway")
            }
            Self::Unbelieved { .. } => {
                Some("only what an administrator of this mesh has signed runs; `mgmt deploys` lists it")
            }
            Self::NoSigner { .. } => Some("name the folder where an administrator's keys lie: --keys DIR"),
            _ => None,
        }
    }
}

impl From<WorldError> for ResourceError {
    fn from(error: WorldError) -> Self {
        let hint = error.hint();
        Self::of(error.class(), hint, error)
    }
}
