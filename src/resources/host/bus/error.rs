//! Why a call over D-Bus failed.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Class, ResourceError};

/// Why a call failed. `member` is the method.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BusError {
    /// There is no connection.
    #[error("connect to {place}: {cause}")]
    NoConnection {
        /// Where to.
        place: Arc<str>,
        /// What the system said.
        cause: Arc<zbus::Error>,
    },
    /// No connection came about in time.
    #[error("no connection after {} ms", .0.as_millis())]
    StillConnecting(Duration),
    /// The connection broke before the answer came: whether the call was carried out is not known.
    #[error("{member}: the connection was lost before the answer came")]
    Lost {
        /// The method.
        member: &'static str,
    },
    /// No answer came in time.
    #[error("{member}: no answer after {} ms", limit.as_millis())]
    TimedOut {
        /// The method.
        member: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// The daemon refused.
    #[error("{member}: {text} ({name})")]
    Refused {
        /// The method.
        member: &'static str,
        /// The error's name on D-Bus.
        name: Box<str>,
        /// What the daemon said.
        text: Box<str>,
    },
    /// The answer is not what the method answers.
    #[error("{member}: cannot read the answer")]
    Answer {
        /// The method.
        member: &'static str,
        /// Why.
        #[source]
        source: Arc<zbus::Error>,
    },
}

impl BusError {
    /// What a failed call of `member` means.
    pub(super) fn of_call(member: &'static str, error: zbus::Error) -> Self {
        match error {
            zbus::Error::MethodError(name, text, _) => {
                Self::Refused { member, name: name.as_str().into(), text: text.unwrap_or_default().into() }
            }
            zbus::Error::FDO(error) => {
                use zbus::DBusError as _;
                let text = error.description().unwrap_or_default().into();
                Self::Refused { member, name: error.name().as_str().into(), text }
            }
            zbus::Error::InputOutput(_) => Self::Lost { member },
            source => Self::Answer { member, source: Arc::new(source) },
        }
    }

    /// The error's name on D-Bus, without all before its last dot, if it was the daemon that refused.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Self::Refused { name, .. } => name.rsplit('.').next(),
            _ => None,
        }
    }

    /// Whether it is unknown what came of the call.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::TimedOut { .. })
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoConnection { .. } => Some("is systemd running here? see systemctl status"),
            Self::Refused { .. } => match self.refusal()? {
                "AccessDenied" | "InteractiveAuthorizationRequired" => {
                    Some("mgmt needs more rights here: run it as root, or allow it with polkit")
                }
                "ServiceUnknown" => Some("the daemon is not installed, or not running"),
                _ => None,
            },
            _ => None,
        }
    }
}

impl From<BusError> for ResourceError {
    fn from(error: BusError) -> Self {
        Self::of(Class::Transient, error.hint(), error)
    }
}
