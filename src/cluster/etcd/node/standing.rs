//! How a member stands to the others.

use crate::cluster::store::id::{ClusterId, MemberId};

/// Who a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Itself.
    pub member: MemberId,
}

/// How a member stands to the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The term of the consensus.
    pub term: u64,
    /// Who leads, as far as this member knows.
    pub leader: Option<MemberId>,
    /// It learns and has no vote.
    pub learner: bool,
    /// It serves what etcd's learners do not: watches, linearizable reads, writes that it forwards.
    pub learner_serves: bool,
    /// The last entry of the log that is agreed upon.
    pub committed: u64,
    /// The last one that is applied here.
    pub applied: u64,
}

/// How much room the data takes, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// All that is taken.
    pub total: u64,
    /// What of it is in use.
    pub in_use: u64,
    /// More is not taken; 0: there is no bound.
    pub quota: u64,
}
