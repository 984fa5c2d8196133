//! What a member does when it is called.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request, Response, Status, Streaming};

use super::identity::{announced, claimed};
use super::pb::peering_server::Peering;
use super::pb::{
    self, Batch, Chunk, HashKvReply, HashKvRequest, LeaseLeftReply, LeaseRequest, LeasesRenewed,
    LeasesRequest,
};
use super::pb::{MembersReply, Nothing};
use super::refusals::Refusals;
use super::{PeerHandler, PeerIdentity, Refusal, snapshot};
use crate::cluster::identity::{Certificate, Principal};
use crate::cluster::store::id::{LeaseId, MemberId, Revision};

/// The call that is no member's yet.
const MEMBERS: &str = "/mgmt.peer.Peering/Members";

/// What a member does when it is called.
#[derive(Clone)]
pub(super) struct PeerService {
    pub identity: PeerIdentity,
    pub snapshots: PathBuf,
    pub handler: Arc<dyn PeerHandler>,
    pub refusals: Arc<Refusals>,
}

impl PeerService {
    /// Who calls, if that is another member of the same cluster that means this one.
    fn admit(&self, metadata: &MetadataMap, extensions: &Extensions) -> Result<MemberId, Refusal> {
        let admitted = self.identity.admit(metadata).and_then(|from| {
            if self.handler.is_removed(from) {
                return Err(Refusal::Removed);
            }
            let shown = extensions.get::<Arc<Certificate>>();
            if shown.is_some_and(|shown| !self.is_of(from, shown)) {
                Err(Refusal::OtherHost)
            } else {
                Ok(from)
            }
        });
        if let Err(why) = admitted {
            let (cluster, member) = claimed(metadata);
            if self.refusals.is_new(format!("{why} {cluster} {member}")) {
                tracing::warn!(cluster, member, %why, "a peer is refused");
            }
        }
        admitted
    }

    /// Whether whoever calls may make this call: another member any, and who may become one may ask who the members are.
    pub(super) fn may_call(
        &self,
        path: &str,
        metadata: &MetadataMap,
        extensions: &Extensions,
    ) -> Result<(), Refusal> {
        if path != MEMBERS {
            return self.admit(metadata, extensions).map(drop);
        }
        let shown = extensions.get::<Arc<Certificate>>();
        if shown.is_some_and(|shown| !shown.may_serve()) { Err(Refusal::OtherHost) } else { Ok(()) }
    }

    /// Whether a certificate is that of a member.
    fn is_of(&self, member: MemberId, shown: &Certificate) -> bool {
        let Principal::Host(host) = shown.principal() else { return false };
        shown.may_serve() && self.handler.is_called(member, host.as_str())
    }

    /// Takes messages until they end, or the member is removed.
    async fn take(
        self,
        (metadata, extensions): (MetadataMap, Extensions),
        mut batches: Streaming<Batch>,
    ) -> Result<(), Status> {
        while let Some(batch) = batches.message().await? {
            self.admit(&metadata, &extensions)?;
            for message in batch.messages {
                if message.to == self.identity.member.0 {
                    self.handler.message(message);
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Peering for PeerService {
    type MessagesStream = BoxStream<'static, Result<Nothing, Status>>;

    async fn messages(
        &self,
        request: Request<Streaming<Batch>>,
    ) -> Result<Response<Self::MessagesStream>, Status> {
        let from = self.admit(request.metadata(), request.extensions())?;
        self.handler.met(from, announced(request.metadata()));
        let (metadata, extensions, batches) = request.into_parts();
        let taken = stream::once(self.clone().take((metadata, extensions), batches));
        let ended = taken.filter_map(async |taken| taken.err().map(Err));
        Ok(Response::new(ended.boxed()))
    }

    async fn snapshot(&self, request: Request<Streaming<Chunk>>) -> Result<Response<Nothing>, Status> {
        let from = self.admit(request.metadata(), request.extensions())?;
        match snapshot::receive(&self.snapshots, from, request.into_inner()).await {
            Ok((message, file)) => {
                tracing::info!(%from, index = message.snapshot.metadata.index, "a snapshot arrived");
                self.handler.snapshot(message, file);
                Ok(Response::new(Nothing {}))
            }
            Err(error) => {
                tracing::warn!(%from, %error, "a snapshot did not arrive");
                Err(error.into())
            }
        }
    }

    async fn renew_leases(&self, request: Request<LeasesRequest>) -> Result<Response<LeasesRenewed>, Status> {
        self.admit(request.metadata(), request.extensions())?;
        let leases: Vec<LeaseId> = request.into_inner().ids.into_iter().map(LeaseId).collect();
        let renewed = self.handler.renew_leases(&leases).await?;
        Ok(Response::new(LeasesRenewed {
            ttls_s: renewed.into_iter().map(|ttl_s| ttl_s.unwrap_or(-1)).collect(),
        }))
    }

    async fn lease_left(&self, request: Request<LeaseRequest>) -> Result<Response<LeaseLeftReply>, Status> {
        self.admit(request.metadata(), request.extensions())?;
        let left = self.handler.lease_left(LeaseId(request.into_inner().id)).await?;
        let found = left.is_some();
        let left = left.unwrap_or_default();
        Ok(Response::new(LeaseLeftReply { found, left_s: left.left_s, granted_s: left.granted_s }))
    }

    async fn members(&self, request: Request<Nothing>) -> Result<Response<MembersReply>, Status> {
        self.may_call(MEMBERS, request.metadata(), request.extensions())?;
        let membership = self.handler.members().await?;
        let members = membership.members.into_iter().map(|member| pb::Member {
            id: member.id.0,
            name: member.name,
            peer_urls: member.peer_urls,
            client_urls: member.client_urls,
            learner: member.learner,
        });
        Ok(Response::new(MembersReply { cluster: membership.cluster.0, members: members.collect() }))
    }

    async fn hash_kv(&self, request: Request<HashKvRequest>) -> Result<Response<HashKvReply>, Status> {
        self.admit(request.metadata(), request.extensions())?;
        let revision = request.into_inner().revision;
        let hash = self.handler.hash_kv((revision != 0).then_some(Revision(revision))).await?;
        let (revision, compacted) = (hash.revision.0, hash.compacted.0);
        Ok(Response::new(HashKvReply { hash: hash.hash, revision, compacted }))
    }
}
