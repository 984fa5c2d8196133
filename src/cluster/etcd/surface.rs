//! What all services share: the node behind them, limits, headers, who asks.

use std::sync::Arc;

use prost::Message;
use tonic::{Request, Status};

use super::log_entry::header_room;
use super::node::{Credentials, Node, NodeError};
use super::pb::etcdserverpb::ResponseHeader;
use crate::cluster::store::auth::AuthError;
use crate::cluster::store::id::Revision;
use crate::cluster::store::reply::Applied;
use crate::cluster::store::request::{Caller, Change};

/// The API level that this server keeps to, which clients read as etcd's version.
pub const VERSION: &str = "3.5.30";

/// A store of ours says its own version beside its status, in this field of gRPC's metadata: etcd has none.
pub const VERSION_OF_OURS: &str = "mgmt-version";

/// What a message may be longer than a request, in bytes: room for what gRPC adds, as in etcd.
const MESSAGE_ROOM: usize = 512 * 1024;

/// What is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A longer change is refused, in bytes.
    pub request_bytes: usize,
    /// A transaction with more operations is refused.
    pub txn_ops: usize,
}

impl Default for Limits {
    /// As in etcd.
    fn default() -> Self {
        Self { request_bytes: 1536 * 1024, txn_ops: 128 }
    }
}

impl Limits {
    /// The longest message that is read, in bytes.
    pub fn message_bytes(&self) -> usize {
        self.request_bytes + MESSAGE_ROOM
    }
}

/// The common name of the certificate that a connection came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommonName(pub Arc<str>);

/// What all services share. Cheap to clone.
#[derive(Clone)]
pub struct Surface {
    /// This member.
    pub node: Arc<dyn Node>,
    /// What is not served.
    pub limits: Limits,
}

impl Surface {
    /// The header of an answer.
    pub fn header(&self, revision: Revision) -> Option<ResponseHeader> {
        let identity = self.node.identity();
        Some(ResponseHeader {
            cluster_id: identity.cluster.0,
            member_id: identity.member.0,
            revision: revision.0,
            raft_term: self.node.standing().term,
        })
    }

    /// The header of an answer that is about the store as it is now.
    pub fn header_now(&self) -> Option<ResponseHeader> {
        self.header(self.node.revision())
    }

    /// The header of an answer about members: those have no revision.
    pub fn header_of_cluster(&self) -> Option<ResponseHeader> {
        self.header(Revision(0))
    }

    /// Who asks, as far as it was shown.
    pub fn caller<T>(&self, request: &Request<T>) -> Result<Option<Caller>, AuthError> {
        self.node.caller(&credentials(request))
    }

    /// Who asks: while authentication is on, it must be somebody.
    pub fn user<T>(&self, request: &Request<T>) -> Result<Option<Caller>, AuthError> {
        let caller = self.caller(request)?;
        if caller.is_none() && self.node.auth_state().0 {
            return Err(AuthError::UserEmpty);
        }
        Ok(caller)
    }

    /// Refuses everybody but `root`, while authentication is on.
    pub fn root<T>(&self, request: &Request<T>) -> Result<Option<Caller>, AuthError> {
        let caller = self.caller(request)?;
        self.node.check_root(caller.as_ref())?;
        Ok(caller)
    }

    /// Refuses who may not see how this member stands.
    pub fn may_see<T>(&self, request: &Request<T>) -> Result<(), AuthError> {
        self.node.check_status(self.caller(request)?.as_ref())
    }

    /// Waits until a read is linearizable. What etcd's learners refuse is refused.
    pub async fn barrier(&self) -> Result<(), NodeError> {
        let standing = self.node.standing();
        if standing.learner && !standing.learner_serves {
            return Err(NodeError::NotForLearner);
        }
        self.node.barrier().await
    }

    /// Refuses a request that would make a longer entry of the log than allowed.
    pub fn fits(&self, request: &impl Message, caller: Option<&Caller>) -> Result<(), NodeError> {
        if request.encoded_len() + header_room(caller) > self.limits.request_bytes {
            return Err(NodeError::RequestTooLarge);
        }
        Ok(())
    }

    /// Has a change agreed upon and applied.
    pub async fn propose(&self, change: Change, caller: Option<Caller>) -> Result<Applied, Status> {
        Ok(self.node.propose(change, caller).await?)
    }
}

/// What a client shows to be recognised by.
pub fn credentials<T>(request: &Request<T>) -> Credentials {
    let metadata = request.metadata();
    let token = metadata.get("token").or_else(|| metadata.get("authorization"));
    let token = token.and_then(|token| token.to_str().ok());
    Credentials {
        token: token.map(|token| token.strip_prefix("Bearer ").unwrap_or(token).to_owned()),
        common_name: request.extensions().get::<CommonName>().map(|name| name.0.to_string()),
    }
}

/// An answer of another kind than the request's. No node gives one.
pub fn wrong_reply() -> Status {
    Status::internal("the store gave an answer of another kind")
}
