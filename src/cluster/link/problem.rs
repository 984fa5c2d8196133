//! Why an endpoint is of no use, for people.

use std::time::Duration;

use crate::cluster::peer::ConnectError;
use crate::cluster::store::id::ClusterId;
use crate::cluster::tls::TlsError;

/// Why an endpoint is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Problem {
    #[error("no connection: {0}")]
    Unreachable(String),
    #[error("it takes the connection and says nothing")]
    Silent,
    #[error("something else answers there: {0}")]
    Stranger(String),
    #[error("an etcd answers there, and no host of a mesh")]
    NotOurs,
    #[error("it is a store of another mesh: {found}, not {expected}")]
    OtherMesh { found: ClusterId, expected: ClusterId },
    #[error("it answers as a store does, and no administrator has let it carry one")]
    MayNotServe,
    #[error("no TLS: {0}")]
    NoTls(String),
    #[error("it says that this host was evicted from the mesh")]
    Evicted,
    #[error("it says that whose keys these are administers the mesh no more")]
    Dismissed,
    #[error("it carries no store")]
    NoStore,
    #[error("it has no leader")]
    NoLeader,
    #[error("it is full")]
    Full { retry_after: Option<Duration> },
    #[error("the connection has ended")]
    Ended,
}

impl Problem {
    /// Why TLS has failed.
    pub(super) fn of_tls(error: TlsError) -> Self {
        match error {
            TlsError::OwnEvicted => Self::Evicted,
            TlsError::OwnDismissed => Self::Dismissed,
            error => Self::NoTls(error.to_string()),
        }
    }

    /// What the mesh has decided about who asks: no host of it will say anything else.
    pub fn verdict(&self) -> Option<&'static str> {
        match self {
            Self::Evicted => Some("this host was evicted from the mesh"),
            Self::Dismissed => Some("whose keys these are administers the mesh no more"),
            _ => None,
        }
    }

    /// It stays until somebody does something about it.
    pub fn lasts(&self) -> bool {
        matches!(self, Self::NotOurs | Self::OtherMesh { .. })
    }

    /// After how long it wants to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Full { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// What to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotOurs => Some("to use that etcd as the store, write etcd://HOST:PORT"),
            Self::OtherMesh { .. } => Some(
                "a host stays in the mesh that its folder knows: to change over, `mgmt mesh leave` first; or name another \
                 folder, --prefix",
            ),
            Self::NoTls(_) => Some(
                "hosts of a mesh know one another by certificates: join with a token, `--join TOKEN`; of a mesh without TLS \
                 all are started with --insecure",
            ),
            Self::Evicted => Some(
                "to come back it needs new keys and a new token: put its folder away, and join with what `mgmt mesh invite` \
                 prints elsewhere",
            ),
            Self::Dismissed => Some(
                "name the folder of somebody's keys who does: --keys DIR; they may add you anew, under another name: \
                 `mgmt mesh admin add`",
            ),
            Self::Silent | Self::Stranger(_) => Some(
                "look at the address and its port: hosts of a mesh listen at 2379 unless --listen says otherwise",
            ),
            _ => None,
        }
    }
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        // Whoever tells it names the address.
        match error {
            ConnectError::Tcp { cause, .. } => Self::Unreachable(cause.to_string()),
            ConnectError::Deadline { after, .. } => {
                Self::Unreachable(format!("no answer within {} s", after.as_secs()))
            }
            ConnectError::Tls { cause, .. } => Self::of_tls(cause),
            error @ ConnectError::NoCertificates { .. } => Self::NoTls(error.to_string()),
            error => Self::Unreachable(error.to_string()),
        }
    }
}
