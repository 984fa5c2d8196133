//! The seam to the other members.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;

use crate::cluster::raft::wire::Message;
use crate::cluster::store::hash::HashKv;
use crate::cluster::store::id::{LeaseId, MemberId, Revision};
use crate::cluster::store::member::Member;

/// How a member reaches the others. Nothing here waits but what is async.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Who the others are from now on, and where.
    fn set_members(&self, members: &[Member]);

    /// Sends a message to `message.to`, or drops it.
    fn send(&self, message: Message);

    /// Sends a snapshot's file, then the message that tells of it; how that ended is reported.
    fn send_snapshot(&self, message: Message, file: &Path);

    /// For how long a member has been reached without a break.
    fn reached_for(&self, member: MemberId) -> Option<Duration>;

    /// Asks the leader to renew leases: for each its whole time in seconds, `None`: there is no such lease.
    async fn renew_leases(
        &self,
        leader: MemberId,
        leases: Vec<LeaseId>,
    ) -> Result<Vec<Option<i64>>, Unreached>;

    /// Asks the leader how long a lease still lives; `None`: there is no such lease.
    async fn lease_left(&self, leader: MemberId, lease: LeaseId) -> Result<Option<Duration>, Unreached>;

    /// Asks a member for the digest of its keys up to a revision. It applies all that was agreed upon first, if need be.
    async fn hash_kv(&self, member: MemberId, revision: Revision) -> Result<HashKv, NoDigest>;
}

/// A member gives no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDigest {
    /// It does not answer.
    #[error("member {0} does not answer")]
    Unreached(MemberId),
    /// It has applied all, and has no such revision.
    #[error("there is no such revision")]
    Future,
    /// It has compacted that revision.
    #[error("the revision is compacted")]
    Compacted,
}

/// The member did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("member {0} does not answer")]
pub struct Unreached(pub MemberId);

/// Of a member that is alone.
#[derive(Clone, Copy, Debug)]
pub struct NoPeers;

#[async_trait]
impl Transport for NoPeers {
    fn set_members(&self, _members: &[Member]) {}

    fn send(&self, _message: Message) {}

    fn send_snapshot(&self, _message: Message, _file: &Path) {}

    fn reached_for(&self, _member: MemberId) -> Option<Duration> {
        None
    }

    async fn renew_leases(
        &self,
        leader: MemberId,
        _leases: Vec<LeaseId>,
    ) -> Result<Vec<Option<i64>>, Unreached> {
        Err(Unreached(leader))
    }

    async fn lease_left(&self, leader: MemberId, _lease: LeaseId) -> Result<Option<Duration>, Unreached> {
        Err(Unreached(leader))
    }

    async fn hash_kv(&self, member: MemberId, _revision: Revision) -> Result<HashKv, NoDigest> {
        Err(NoDigest::Unreached(member))
    }
}
