//! The control socket: what an agent tells those who may ask, and the asking.
//!
//! One JSON object a line, in both directions, with the version of the protocol in each. Only the agent's own user and
//! root may connect. It changes nothing on the host, and costs nothing while nobody asks.
//!
//! | file | what |
//! |---|---|
//! | [`protocol`] | requests and replies |
//! | `line` | lines of a bounded length |
//! | `socket` | the path: made for its owner only, stale ones replaced, long ones reached |
//! | [`server`] | the agent's side |
//! | [`client`] | the command line's side |

pub mod client;
mod line;
pub mod protocol;
pub mod server;
mod socket;

use std::io;
use std::path::PathBuf;

/// The control socket cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ControlError {
    #[error("no agent answers at {socket:?}")]
    NoAgent { socket: PathBuf },
    #[error("not allowed to talk to the agent at {socket:?}")]
    Denied { socket: PathBuf },
    #[error("the agent at {socket:?} gave no answer in {seconds} s")]
    Silent { socket: PathBuf, seconds: u64 },
    #[error("the agent at {socket:?} closed the connection")]
    Closed { socket: PathBuf },
    #[error("the agent speaks version {theirs} of the control protocol, this program version {ours}")]
    Version { theirs: u64, ours: u32 },
    #[error("the agent refuses: {message}")]
    Refused { message: String },
    #[error("the agent's answer cannot be understood: {what}")]
    Answer { what: String },
    #[error("{path:?} is in the way, and is no socket")]
    InTheWay { path: PathBuf },
    #[error("{path:?} belongs to user {owner}, and this is user {own}")]
    Planted { path: PathBuf, owner: u32, own: u32 },
    #[error("another agent answers at {socket:?}")]
    Taken { socket: PathBuf },
    #[error("the path of the control socket has no folder or no name: {path:?}")]
    Nameless { path: PathBuf },
    #[error("cannot {operation} {path:?}: {source}")]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
}

impl ControlError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoAgent { .. } => {
                Some("start one with `mgmt run FILE`, or name the folder of the one you mean: --prefix DIR")
            }
            Self::Denied { .. } => Some("ask as the user that the agent runs as, or as root"),
            Self::Silent { .. } => Some("it may hang, or be stopped: look at its log"),
            Self::Version { .. } | Self::Answer { .. } => {
                Some("use the `mgmt` of the same version as the agent, or restart the agent")
            }
            Self::Taken { .. } => Some("it has another prefix; give one of the two a --prefix of its own"),
            Self::Planted { .. } => Some(
                "somebody else may have put it there to be taken for the agent: name a folder where only its user can write, --prefix DIR",
            ),
            Self::InTheWay { .. } => Some("move it away"),
            _ => None,
        }
    }

    /// Whether it was the agent that is not there, or no longer.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::NoAgent { .. } | Self::Closed { .. } | Self::Silent { .. })
    }
}
