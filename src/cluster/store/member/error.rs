//! Why a change of the members is refused.

use crate::cluster::store::id::MemberId;
use crate::cluster::store::refusal::Refusal;

/// Why a change of the members is refused. The texts are etcd's, without its prefix, where it knows the change; the
/// list in etcd is `api/v3/v3rpc/rpctypes/error.go`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// No URLs, or one that is none.
    #[error("given member URLs are invalid")]
    BadUrls,
    /// Another member has one of them.
    #[error("Peer URLs already exists")]
    PeerUrlExists,
    /// A member of this number is there.
    #[error("member ID already exist")]
    Exists,
    /// No such member, or no longer.
    #[error("member not found")]
    NotFound,
    /// Too few of the voters have ever started for the cluster to live on.
    #[error("re-configuration failed due to not enough started members")]
    NotEnoughStarted,
    /// It has a vote already.
    #[error("can only promote a learner member")]
    NotLearner,
    /// It has less than nine tenths of what the leader has.
    #[error("can only promote a learner member which is in sync with leader")]
    LearnerNotReady,
    /// It has no vote.
    #[error("can only demote a voting member")]
    NotVoter,
    /// It has not told that it understands such a change in the log: it runs an older version, or has not started yet.
    #[error("member {0} runs a version that does not know this change, or has not started yet")]
    Unaware(MemberId),
    /// There may be no more.
    #[error("too many learner members in cluster")]
    TooManyLearners,
    /// Too few of the voters are reachable for the cluster to live on.
    #[error("unhealthy cluster")]
    Unhealthy,
}

impl MemberError {
    /// How clients see it.
    pub fn refusal(self) -> Refusal {
        match self {
            Self::BadUrls => Refusal::InvalidArgument,
            Self::NotFound => Refusal::NotFound,
            // etcd has a code for it, and does not send it.
            Self::NotEnoughStarted => Refusal::Unknown,
            Self::PeerUrlExists
            | Self::Exists
            | Self::NotLearner
            | Self::NotVoter
            | Self::Unaware(_)
            | Self::LearnerNotReady
            | Self::TooManyLearners => Refusal::FailedPrecondition,
            Self::Unhealthy => Refusal::Unavailable,
        }
    }
}
