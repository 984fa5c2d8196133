//! Why a call has no answer.

use std::time::Duration;

use tonic::{Code, Status};

use crate::cluster::etcd::status::RETRY_AFTER;
use crate::engine::world::WorldError;

/// Why a call has no answer, in the one sense that decides what comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The connection, or the member at its end, is of no use now: another one may be.
    Line(String),
    /// The store is there and busy: it is to be asked again, after this time if it said one.
    Busy(Option<Duration>),
    /// Asking again cannot help.
    Refused(String),
}

impl From<Status> for Trouble {
    fn from(status: Status) -> Self {
        let hint = status.metadata().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let said = status.message().to_owned();
        match status.code() {
            // etcd gives its refusal this code.
            Code::Unknown if said.contains("too many requests") => {
                Self::Busy(hint.map(Duration::from_millis))
            }
            Code::ResourceExhausted if said.contains("too many requests") || hint.is_some() => {
                Self::Busy(hint.map(Duration::from_millis))
            }
            // No space, or a quota: nothing that another member could do better, but time may.
            Code::ResourceExhausted => Self::Refused(said),
            Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::OutOfRange
            | Code::NotFound
            | Code::AlreadyExists
            | Code::Unimplemented => Self::Refused(said),
            Code::Unavailable if hint.is_some() => Self::Busy(hint.map(Duration::from_millis)),
            _ => Self::Line(said),
        }
    }
}

impl Trouble {
    /// As those who use the world are told.
    pub fn tell(self, operation: &'static str) -> WorldError {
        match self {
            Self::Line(_) | Self::Busy(_) => WorldError::Late { operation },
            Self::Refused(why) => WorldError::Refused { operation, why },
        }
    }
}
