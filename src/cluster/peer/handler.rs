//! The seam to the node.

use std::path::PathBuf;

use async_trait::async_trait;

use super::{PeerUrl, Refusal};
use crate::cluster::etcd::node::Member;
use crate::cluster::raft::wire::Message;
use crate::cluster::store::hash::HashKv;
use crate::cluster::store::id::{ClusterId, LeaseId, MemberId, Revision};

/// The node, as its peers and the connections to them see it. What is not `async` must return at once: it is called
/// from the connections' tasks, and [`unreachable`](Self::unreachable) and [`snapshot_sent`](Self::snapshot_sent) also
/// from within the methods of [`Peers`](super::Peers).
#[async_trait]
pub trait PeerHandler: Send + Sync + 'static {
    /// A message of Raft arrived for this member. It may be dropped when too much waits.
    fn message(&self, message: Message);

    /// A snapshot arrived whole: the message that it belongs to, and the file with its body, synced, which now belongs
    /// to the handler. What is left in the folder is removed when the next [`PeerServer`](super::PeerServer) starts.
    fn snapshot(&self, message: Message, file: PathBuf);

    /// What was sent last to a member is probably lost. Told once for many messages in a row.
    fn unreachable(&self, member: MemberId);

    /// How a snapshot that [`Peers::send_snapshot`](super::Peers::send_snapshot) was given ended: exactly one for each.
    fn snapshot_sent(&self, to: MemberId, arrived: bool);

    /// A member does not take this one's messages: it is of another cluster, or this member was removed. Told once
    /// for many refusals in a row.
    fn refused(&self, by: MemberId, why: Refusal) {
        let _ = (by, why);
    }

    /// A member that is not removed connected to this one, and says where it is called: one that replays an old log
    /// may not know it yet, and has to answer it all the same.
    fn met(&self, member: MemberId, urls: Vec<PeerUrl>) {
        let _ = (member, urls);
    }

    /// Whether that member was removed: it is refused then. Asked for each batch of messages.
    fn is_removed(&self, member: MemberId) -> bool;

    /// Whether a member is called so, as far as is known here: one that has just been added has no name yet, and a log that
    /// is behind knows of none.
    fn is_called(&self, member: MemberId, host: &str) -> bool {
        let _ = (member, host);
        true
    }

    /// Lets leases live for their whole time again; returns that time in seconds for each, `None`: there is no such
    /// lease. Only the leader can: others answer [`Refusal::NotLeader`].
    async fn renew_leases(&self, leases: &[LeaseId]) -> Result<Vec<Option<i64>>, Refusal>;

    /// How long a lease still lives; `None`: there is no such lease. Only the leader knows.
    async fn lease_left(&self, lease: LeaseId) -> Result<Option<LeaseLeft>, Refusal>;

    /// The members, for one that wants to join; [`Refusal::NotReady`] while they are not known. Needs no consensus.
    async fn members(&self) -> Result<Membership, Refusal>;

    /// A digest of the keys up to a revision; `None`: the current one.
    async fn hash_kv(&self, revision: Option<Revision>) -> Result<HashKv, Refusal>;
}

/// How long a lease still lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseLeft {
    /// In seconds.
    pub left_s: i64,
    /// How long it was granted, in seconds.
    pub granted_s: i64,
}

/// A cluster and its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The cluster.
    pub cluster: ClusterId,
    /// Its members.
    pub members: Vec<Member>,
}
