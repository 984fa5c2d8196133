//! The calling side.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::{CallError, LeaseLeft, Membership, PeerHandler, PeerIdentity, PeerTls, PeerUrl};
use crate::cluster::raft::wire::Message;
use crate::cluster::store::hash::HashKv;
use crate::cluster::store::id::{LeaseId, MemberId, Revision};

/// The other members, as this one reaches them.
pub struct Peers {}

impl Peers {
    /// Nobody yet. To be called within a tokio runtime, which will carry the connections.
    pub fn new(identity: PeerIdentity, tls: Option<Arc<PeerTls>>, handler: Arc<dyn PeerHandler>) -> Self {
        let _ = (identity, tls, handler);
        Self {}
    }

    /// Who the others are from now on, and where: connections to who is no longer there, or elsewhere, end. This
    /// member itself is passed over.
    pub fn set_members(&self, members: &[(MemberId, Vec<PeerUrl>)]) {
        let _ = members;
    }

    /// Sends a message to `message.to`, soon. Never waits; what cannot be sent is lost, see
    /// [`PeerHandler::unreachable`].
    pub fn send(&self, message: Message) {
        let _ = message;
    }

    /// Sends a file and then the message that it belongs to; answered by [`PeerHandler::snapshot_sent`].
    pub fn send_snapshot(&self, message: Message, file: PathBuf) {
        let _ = (message, file);
    }

    /// Since when this member has been connected to another without a break; `None`: it is not.
    pub fn active_since(&self, member: MemberId) -> Option<Instant> {
        let _ = member;
        None
    }

    /// Has the leader let a lease live for its whole time again; returns that time, in seconds.
    pub async fn renew_lease(&self, leader: MemberId, lease: LeaseId) -> Result<Option<i64>, CallError> {
        let _ = lease;
        Err(CallError::UnknownMember(leader))
    }

    /// Asks the leader how long a lease still lives.
    pub async fn lease_left(&self, leader: MemberId, lease: LeaseId) -> Result<Option<LeaseLeft>, CallError> {
        let _ = lease;
        Err(CallError::UnknownMember(leader))
    }

    /// Asks a member for a digest of its keys up to a revision; `None`: its current one.
    pub async fn hash_kv(&self, member: MemberId, revision: Option<Revision>) -> Result<HashKv, CallError> {
        let _ = revision;
        Err(CallError::UnknownMember(member))
    }

    /// Ends all connections. What is sent afterwards is lost.
    pub fn close(&self) {}
}

/// Asks the members at these URLs, one after the other, who the members of their cluster are: for a member that is to
/// join it, and so has no [`Peers`] yet.
pub async fn members_at(urls: &[PeerUrl], tls: Option<&Arc<PeerTls>>) -> Result<Membership, CallError> {
    let _ = (urls, tls);
    Err(CallError::NobodyToAsk)
}
