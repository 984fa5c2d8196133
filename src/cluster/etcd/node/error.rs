//! Why a member could not do what it was asked.

use crate::cluster::store::auth::AuthError;
use crate::cluster::store::error::StoreError;

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

/// Why a change of members is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// URLs that are none.
    #[error("given member URLs are invalid")]
    BadUrls,
    /// A member of this id is there.
    #[error("member ID already exist")]
    IdExists,
    /// A member of one of these URLs is there.
    #[error("Peer URLs already exists")]
    PeerUrlExists,
    /// No such member, or no longer.
    #[error("member not found")]
    NotFound,
    /// It has a vote already.
    #[error("can only promote a learner member")]
    NotLearner,
    /// It has not yet what the leader has.
    #[error("can only promote a learner member which is in sync with leader")]
    LearnerNotReady,
    /// No more learners are allowed.
    #[error("too many learner members in cluster")]
    TooManyLearners,
    /// So few members have started that the change would stop the cluster.
    #[error("re-configuration failed due to not enough started members")]
    NotEnoughStarted,
    /// Too few members are reachable.
    #[error("unhealthy cluster")]
    Unhealthy,
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
