//! `etcdserverpb.Lease`.

use futures_util::stream::{self, BoxStream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::cluster::etcd::node::{Credentials, NodeError};
use crate::cluster::etcd::pb::etcdserverpb::{self as pb, lease_server::Lease};
use crate::cluster::etcd::status::in_gos_words;
use crate::cluster::etcd::surface::{Surface, credentials, wrong_reply};
use crate::cluster::store::auth::Access;
use crate::cluster::store::error::StoreError;
use crate::cluster::store::id::LeaseId;
use crate::cluster::store::reply::Reply;
use crate::cluster::store::request::{Caller, Change};

/// Leases.
pub struct LeaseService(pub Surface);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Lease for LeaseService {
    async fn lease_grant(&self, request: Request<pb::LeaseGrantRequest>) -> Answer<pb::LeaseGrantResponse> {
        let caller = self.0.user(&request)?;
        let wire = request.into_inner();
        let ttl_s = wire.ttl.max(self.0.node.shortest_lease_s());
        let id = if wire.id == 0 { any_lease(&self.0, caller.as_ref())? } else { LeaseId(wire.id) };
        let applied = self.0.propose(Change::LeaseGrant { id, ttl_s }, caller).await?;
        let Reply::LeaseGranted { id, ttl_s } = applied.reply else { return Err(wrong_reply()) };
        let header = self.0.header(applied.revision);
        Ok(Response::new(pb::LeaseGrantResponse { header, id: id.0, ttl: ttl_s, error: String::new() }))
    }

    async fn lease_revoke(
        &self,
        request: Request<pb::LeaseRevokeRequest>,
    ) -> Answer<pb::LeaseRevokeResponse> {
        let caller = self.0.user(&request)?;
        let id = LeaseId(request.into_inner().id);
        let applied = self.0.propose(Change::LeaseRevoke { id }, caller).await?;
        Ok(Response::new(pb::LeaseRevokeResponse { header: self.0.header(applied.revision) }))
    }

    type LeaseKeepAliveStream = BoxStream<'static, Result<pb::LeaseKeepAliveResponse, Status>>;

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<pb::LeaseKeepAliveRequest>>,
    ) -> Answer<Self::LeaseKeepAliveStream> {
        let (surface, credentials) = (self.0.clone(), credentials(&request));
        let answers = stream::unfold(Some(request.into_inner()), move |incoming| {
            let (surface, credentials) = (surface.clone(), credentials.clone());
            async move {
                let mut incoming = incoming?;
                let answer = match incoming.message().await {
                    Ok(None) => return None,
                    Ok(Some(wire)) => keep_alive(&surface, &credentials, LeaseId(wire.id)).await,
                    Err(status) => Err(in_gos_words(status)),
                };
                // An error ends the stream.
                let next = answer.is_ok().then_some(incoming);
                Some((answer, next))
            }
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<pb::LeaseTimeToLiveRequest>,
    ) -> Answer<pb::LeaseTimeToLiveResponse> {
        let caller = self.0.user(&request)?;
        let wire = request.into_inner();
        let view = self.0.node.lease(LeaseId(wire.id), wire.keys, caller.as_ref()).await?;
        let header = self.0.header_now();
        Ok(Response::new(match view {
            Some(view) => pb::LeaseTimeToLiveResponse {
                header,
                id: wire.id,
                ttl: view.left_s,
                granted_ttl: view.granted_s,
                keys: view.keys,
            },
            None => pb::LeaseTimeToLiveResponse { header, id: wire.id, ttl: -1, ..Default::default() },
        }))
    }

    async fn lease_leases(
        &self,
        request: Request<pb::LeaseLeasesRequest>,
    ) -> Answer<pb::LeaseLeasesResponse> {
        let caller = self.0.user(&request)?;
        let leases = self.0.node.leases();
        leases.iter().try_for_each(|id| self.0.node.may_use_lease(*id, Access::Read, caller.as_ref()))?;
        let leases = leases.into_iter().map(|id| pb::LeaseStatus { id: id.0 }).collect();
        Ok(Response::new(pb::LeaseLeasesResponse { header: self.0.header_now(), leases }))
    }
}

async fn keep_alive(
    surface: &Surface,
    credentials: &Credentials,
    id: LeaseId,
) -> Result<pb::LeaseKeepAliveResponse, Status> {
    let caller = surface.node.caller(credentials)?;
    surface.node.may_use_lease(id, Access::Write, caller.as_ref())?;
    // Taken before, so that no client believes that a lease outlived what it has seen.
    let header = surface.header_now();
    let ttl = match surface.node.keep_alive(id).await {
        Ok(ttl_s) => ttl_s,
        Err(NodeError::Store(StoreError::LeaseNotFound)) => 0,
        Err(error) => return Err(error.into()),
    };
    Ok(pb::LeaseKeepAliveResponse { header, id: id.0, ttl })
}

/// A number for a lease that nobody else has chosen: 63 random bits.
pub(super) fn any_lease(surface: &Surface, caller: Option<&Caller>) -> Result<LeaseId, Status> {
    let random = getrandom::u64().map_err(|error| Status::internal(format!("no random number: {error}")))?;
    Ok(surface.node.lease_for(caller, random))
}
