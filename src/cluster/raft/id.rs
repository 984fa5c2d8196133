//! Ids, so that none is taken for another.

use std::fmt;

/// A member of the cluster; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(pub u64);

/// A proposal, unique in the life of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProposalId(pub u64);

/// A read barrier, unique since this member's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReadId(pub u64);

impl fmt::Display for MemberId {
    /// As etcd prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl From<crate::cluster::store::id::MemberId> for MemberId {
    fn from(id: crate::cluster::store::id::MemberId) -> Self {
        Self(id.0)
    }
}
