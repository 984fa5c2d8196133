//! Why a member does not do what another asks.

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

/// The metadata that carries [`Refusal::word`].
const KEY: &str = "mgmt-refusal";

/// Why a member does not do what another asks. It travels as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The two are of different clusters.
    #[error("it is a member of another cluster")]
    WrongCluster,
    /// Another member is at this address.
    #[error("another member is at this address")]
    WrongMember,
    /// The caller was removed from the cluster.
    #[error("the caller was removed from the cluster")]
    Removed,
    /// No administrator has let the caller carry the store, or it is another host than the member that it says it is.
    #[error("the caller's certificate is not that of the member")]
    OtherHost,
    /// The call does not say whose it is, or is not understood.
    #[error("the call is malformed")]
    Malformed,
    /// Only the leader can do that.
    #[error("not leader")]
    NotLeader,
    /// It has not started far enough to know.
    #[error("not ready yet")]
    NotReady,
    /// The revision is compacted.
    #[error("required revision has been compacted")]
    Compacted,
    /// The revision is not there yet.
    #[error("required revision is a future revision")]
    FutureRevision,
    /// It could not be done; its log says why.
    #[error("it failed there")]
    Failed,
}

impl Refusal {
    const ALL: [Self; 10] = [
        Self::WrongCluster,
        Self::WrongMember,
        Self::Removed,
        Self::OtherHost,
        Self::Malformed,
        Self::NotLeader,
        Self::NotReady,
        Self::Compacted,
        Self::FutureRevision,
        Self::Failed,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::WrongCluster => "wrong-cluster",
            Self::WrongMember => "wrong-member",
            Self::Removed => "removed",
            Self::OtherHost => "other-host",
            Self::Malformed => "malformed",
            Self::NotLeader => "not-leader",
            Self::NotReady => "not-ready",
            Self::Compacted => "compacted",
            Self::FutureRevision => "future-revision",
            Self::Failed => "failed",
        }
    }

    fn code(self) -> Code {
        match self {
            Self::WrongCluster | Self::WrongMember | Self::Removed | Self::OtherHost => {
                Code::PermissionDenied
            }
            Self::Malformed => Code::InvalidArgument,
            Self::NotLeader | Self::NotReady => Code::FailedPrecondition,
            Self::Compacted | Self::FutureRevision => Code::OutOfRange,
            Self::Failed => Code::Internal,
        }
    }

    /// What a status says that a member answered with; `None`: it is no refusal.
    pub(super) fn of(status: &Status) -> Option<Self> {
        let word = status.metadata().get(KEY)?.to_str().ok()?;
        Self::ALL.into_iter().find(|refusal| refusal.word() == word)
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let mut metadata = MetadataMap::new();
        metadata.insert(KEY, MetadataValue::from_static(refusal.word()));
        Self::with_metadata(refusal.code(), refusal.to_string(), metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_survives_the_way() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::of(&Status::from(refusal)), Some(refusal));
        }
        assert_eq!(Refusal::of(&Status::unavailable("gone")), None);
    }
}
