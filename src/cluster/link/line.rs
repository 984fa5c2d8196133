//! A connection to a member that works, and the calls over it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Request, Response, Status, Streaming};

use super::{Endpoint, Trouble};
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::etcd::pb::etcdserverpb::{
    cluster_client::ClusterClient, kv_client::KvClient, lease_client::LeaseClient,
    maintenance_client::MaintenanceClient, watch_client::WatchClient,
};
use crate::cluster::peer::{Channel, MESSAGE_LIMIT_BYTES, PeerTls};
use crate::cluster::store::id::{ClusterId, MemberId};
use crate::engine::world::Deadline;

/// A call that has no answer after this is given up, and its connection with it: the deadline of whoever asked may be
/// later, and another member may answer until then.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a member may take that is only asked whether it is there.
const KNOCK: Duration = Duration::from_secs(2);

/// Which connection: each has its own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineId(pub u64);

/// A connection to a member. Cheap to clone.
#[derive(Clone)]
pub struct Line {
    pub(super) channel: Channel,
    /// Which connection.
    pub id: LineId,
    /// Where.
    pub endpoint: Endpoint,
    /// The store's id.
    pub cluster: ClusterId,
    /// The member's id.
    pub member: MemberId,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line({} to {})", self.id.0, self.endpoint)
    }
}

/// A client of one of etcd's services over a connection.
macro_rules! client {
    ($client:ident, $channel:expr) => {
        $client::with_origin($channel.clone(), $channel.origin())
            .max_decoding_message_size(MESSAGE_LIMIT_BYTES)
            .max_encoding_message_size(MESSAGE_LIMIT_BYTES)
    };
}

impl Line {
    /// Reads keys.
    pub async fn range(&self, request: pb::RangeRequest, by: Deadline) -> Result<pb::RangeResponse, Trouble> {
        let mut client = client!(KvClient, self.channel);
        self.call(by, async move { client.range(request).await }).await
    }

    /// Makes a transaction.
    pub async fn txn(&self, request: pb::TxnRequest, by: Deadline) -> Result<pb::TxnResponse, Trouble> {
        let mut client = client!(KvClient, self.channel);
        self.call(by, async move { client.txn(request).await }).await
    }

    /// Grants a lease.
    pub async fn grant(&self, ttl_s: i64, by: Deadline) -> Result<pb::LeaseGrantResponse, Trouble> {
        let mut client = client!(LeaseClient, self.channel);
        self.call(by, async move { client.lease_grant(pb::LeaseGrantRequest { ttl: ttl_s, id: 0 }).await })
            .await
    }

    /// Ends a lease, and the keys bound to it.
    pub async fn revoke(&self, id: i64, by: Deadline) -> Result<pb::LeaseRevokeResponse, Trouble> {
        let mut client = client!(LeaseClient, self.channel);
        self.call(by, async move { client.lease_revoke(pb::LeaseRevokeRequest { id }).await }).await
    }

    /// Makes a lease live for its whole time again; how long that is, in seconds; 0: there is no such lease.
    pub async fn keep_alive(&self, id: i64, by: Deadline) -> Result<i64, Trouble> {
        let mut client = client!(LeaseClient, self.channel);
        let asked = futures_util::stream::iter([pb::LeaseKeepAliveRequest { id }]);
        let mut answers = self.call(by, async move { client.lease_keep_alive(asked).await }).await?;
        let first = tokio::time::timeout(by.left().min(PATIENCE), answers.message()).await;
        match first {
            Ok(Ok(Some(answer))) => Ok(answer.ttl),
            Ok(Ok(None)) => Err(Trouble::Line("no answer about a lease".to_owned())),
            Ok(Err(status)) => Err(status.into()),
            Err(_) => Err(late()),
        }
    }

    /// Opens a stream of watches that ends when the member has no leader.
    pub async fn watch<S>(&self, asked: S, by: Deadline) -> Result<Streaming<pb::WatchResponse>, Trouble>
    where
        S: futures_util::Stream<Item = pb::WatchRequest> + Send + 'static,
    {
        let mut client = client!(WatchClient, self.channel);
        let mut request = Request::new(asked);
        request.metadata_mut().insert("hasleader", tonic::metadata::MetadataValue::from_static("true"));
        self.call(by, async move { client.watch(request).await }).await
    }

    /// How the member stands.
    pub async fn status(&self, by: Deadline) -> Result<pb::StatusResponse, Trouble> {
        Ok(status(&self.channel, by).await?.into_inner())
    }

    /// A snapshot of the store, piece by piece: the file that etcd's tools read, and its digest behind it.
    pub async fn snapshot(&self, by: Deadline) -> Result<Streaming<pb::SnapshotResponse>, Trouble> {
        let mut client = client!(MaintenanceClient, self.channel);
        self.call(by, async move { client.snapshot(pb::SnapshotRequest {}).await }).await
    }

    /// Who the members are, as this one knows.
    pub async fn members(&self, by: Deadline) -> Result<pb::MemberListResponse, Trouble> {
        members(&self.channel, by).await
    }

    /// Returns once the connection holds no longer.
    pub async fn closed(&self) {
        self.channel.closed().await;
    }

    /// Whether its TLS has gone on with an older session.
    pub fn is_resumed(&self) -> bool {
        self.channel.is_resumed()
    }

    /// Whether it holds, as far as is known.
    pub fn is_open(&self) -> bool {
        self.channel.is_open()
    }

    async fn call<T>(
        &self,
        by: Deadline,
        asked: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Trouble> {
        call(by, asked).await
    }
}

/// Whether a member answers at an address, and is of use.
///
/// # Errors
/// What is wrong, in a few words.
pub(super) async fn knock(address: &str, tls: Option<&Arc<PeerTls>>) -> Result<(), String> {
    let endpoint: Endpoint = address.parse().map_err(|_| "it has not started yet".to_owned())?;
    let by = Deadline::after(PATIENCE);
    let connected = tokio::time::timeout(KNOCK, Channel::connect(&endpoint.url, tls)).await;
    let channel = connected.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())?;
    let status = tokio::time::timeout(KNOCK, status(&channel, by)).await;
    match status.map_err(|_| "no answer".to_owned())? {
        Ok(status) if status.get_ref().leader == 0 => Err("it has no leader".to_owned()),
        Ok(status) => status.get_ref().errors.first().map_or(Ok(()), |error| Err(error.clone())),
        Err(_) => Err("it answers, and not as a store does".to_owned()),
    }
}

/// How a member stands, over a connection that is not yet known to be of use.
pub(super) async fn status(channel: &Channel, by: Deadline) -> Result<Response<pb::StatusResponse>, Trouble> {
    let mut client = client!(MaintenanceClient, channel);
    answer(by, async move { client.status(pb::StatusRequest {}).await }).await
}

/// Whether there is a key, over such a connection.
pub(super) async fn has(channel: &Channel, key: String, by: Deadline) -> Result<bool, Trouble> {
    let mut client = client!(KvClient, channel);
    let request = pb::RangeRequest { key: key.into(), count_only: true, ..Default::default() };
    Ok(call(by, async move { client.range(request).await }).await?.count > 0)
}

/// Who the members are, over such a connection.
pub(super) async fn members(channel: &Channel, by: Deadline) -> Result<pb::MemberListResponse, Trouble> {
    let mut client = client!(ClusterClient, channel);
    call(by, async move { client.member_list(pb::MemberListRequest { linearizable: false }).await }).await
}

async fn call<T>(
    by: Deadline,
    asked: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Trouble> {
    Ok(answer(by, asked).await?.into_inner())
}

/// The answer with what came beside it.
async fn answer<T>(
    by: Deadline,
    asked: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<Response<T>, Trouble> {
    match tokio::time::timeout(by.left().min(PATIENCE), asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(late()),
    }
}

fn late() -> Trouble {
    Trouble::Line("no answer in time".to_owned())
}
