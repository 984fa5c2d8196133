//! Why a member could not do what it was asked.

use std::time::Duration;

use crate::cluster::store::auth::AuthError;
use crate::cluster::store::error::StoreError;
use crate::cluster::store::member::MemberError;

/// Why a member could not do what it was asked. The texts are etcd's, without its prefix: clients compare them.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A change of members is refused.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// A downgrade is refused.
    #[error(transparent)]
    Downgrade(#[from] DowngradeError),
    /// Nobody leads.
    #[error("no leader")]
    NoLeader,
    /// Only the leader can do that.
    #[error("not leader")]
    NotLeader,
    /// The leader was replaced before the change was agreed upon. Whether it will be is not known.
    #[error("leader changed")]
    LeaderChanged,
    /// It took too long.
    #[error("request timed out")]
    Timeout,
    /// It took too long, and the leader was lost meanwhile.
    #[error("request timed out, possibly due to previous leader failure")]
    TimeoutLeaderFailed,
    /// It took too long, and most members cannot be reached.
    #[error("request timed out, possibly due to connection lost")]
    TimeoutConnectionLost,
    /// Too much is waiting already.
    #[error("too many requests")]
    TooManyRequests,
    /// Too much of this client, or of all, is waiting already.
    #[error("too many requests")]
    NoRoom {
        /// When some of it will have been worked off.
        retry_after: Duration,
    },
    /// More bytes than allowed.
    #[error("request is too large")]
    RequestTooLarge,
    /// Leadership cannot be given to that member.
    #[error("bad leader transferee")]
    BadTransferee,
    /// A learner does not serve that.
    #[error("rpc not supported for learner")]
    NotForLearner,
    /// It is shutting down.
    #[error("server stopped")]
    Stopped,
    /// Its files could not be read or written.
    #[error("cannot {operation}: {cause}")]
    Files {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        cause: std::io::Error,
    },
}

impl From<AuthError> for NodeError {
    fn from(error: AuthError) -> Self {
        Self::Store(StoreError::Auth(error))
    }
}

/// Why a downgrade is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DowngradeError {
    /// The members have not yet agreed on a version.
    #[error("cluster version not found during downgrade")]
    NoClusterVersion,
    /// A version that is none.
    #[error("wrong downgrade target version format")]
    WrongFormat,
    /// Only one minor version less is possible.
    #[error("invalid downgrade target version")]
    InvalidTarget,
    /// One is on already.
    #[error("cluster has a downgrade job in progress")]
    InProgress,
    /// None is on.
    #[error("no inflight downgrade job")]
    NoneInFlight,
}
