//! `v3electionpb.Election`.

mod observe;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use tonic::{Request, Response, Status};

use super::turn::{Turn, holder, unknown};
use crate::cluster::etcd::convert::key_value;
use crate::cluster::etcd::pb::v3electionpb::{self as pb, LeaderKey, election_server::Election};
use crate::cluster::etcd::surface::{Surface, wrong_reply};
use crate::cluster::store::id::{LeaseId, Revision};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::reply::Reply;
use crate::cluster::store::request::{Caller, Change, Compare, Delete, Op, Operand, Put, Test, Txn};

/// Elections.
pub struct ElectionService(pub Surface);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Election for ElectionService {
    async fn campaign(&self, request: Request<pb::CampaignRequest>) -> Answer<pb::CampaignResponse> {
        let caller = self.0.caller(&request).map_err(unknown)?;
        let wire = request.into_inner();
        let mut turn =
            Turn::stand(&self.0, caller.clone(), &wire.name, LeaseId(wire.lease), &wire.value).await?;
        let leader =
            LeaderKey { name: wire.name, key: turn.key.clone(), rev: turn.created.0, lease: turn.lease.0 };
        if turn.value != wire.value {
            self.proclaim_as(&leader, wire.value, caller).await?;
        }
        turn.come().await?;
        Ok(Response::new(pb::CampaignResponse { header: self.0.header(turn.stood), leader: Some(leader) }))
    }

    async fn proclaim(&self, request: Request<pb::ProclaimRequest>) -> Answer<pb::ProclaimResponse> {
        let leader = needed(request.get_ref().leader.as_ref())?;
        let caller = self.0.caller(&request).map_err(unknown)?;
        let revision = self.proclaim_as(&leader, request.into_inner().value, caller).await?;
        Ok(Response::new(pb::ProclaimResponse { header: self.0.header(revision) }))
    }

    async fn leader(&self, request: Request<pb::LeaderRequest>) -> Answer<pb::LeaderResponse> {
        let caller = self.0.caller(&request).map_err(unknown)?;
        let (revision, found) = holder(&self.0, caller.as_ref(), &request.get_ref().name).await?;
        let kv = found.ok_or_else(|| Status::unknown("election: no leader"))?;
        Ok(Response::new(pb::LeaderResponse { header: self.0.header(revision), kv: Some(key_value(kv)) }))
    }

    type ObserveStream = BoxStream<'static, Result<pb::LeaderResponse, Status>>;

    async fn observe(&self, request: Request<pb::LeaderRequest>) -> Answer<Self::ObserveStream> {
        let caller = self.0.caller(&request).map_err(unknown)?;
        Ok(Response::new(observe::leaders(self.0.clone(), caller, request.into_inner().name)))
    }

    async fn resign(&self, request: Request<pb::ResignRequest>) -> Answer<pb::ResignResponse> {
        let leader = needed(request.get_ref().leader.as_ref())?;
        let caller = self.0.caller(&request).map_err(unknown)?;
        let delete = Delete { range: KeyRange::One(leader.key.clone()), previous: false };
        let txn = Txn { compares: vec![still(&leader)], then: vec![Op::Delete(delete)], otherwise: vec![] };
        let applied = self.0.node.propose(Change::Txn(txn), caller).await.map_err(unknown)?;
        Ok(Response::new(pb::ResignResponse { header: self.0.header(applied.revision) }))
    }
}

impl ElectionService {
    async fn proclaim_as(
        &self,
        leader: &LeaderKey,
        value: Bytes,
        caller: Option<Caller>,
    ) -> Result<Revision, Status> {
        let put = Put {
            key: leader.key.clone(),
            value: Some(value),
            lease: Some(LeaseId(leader.lease)),
            previous: false,
        };
        let txn = Txn { compares: vec![still(leader)], then: vec![Op::Put(put)], otherwise: vec![] };
        let applied = self.0.node.propose(Change::Txn(txn), caller).await.map_err(unknown)?;
        let Reply::Txn(reply) = applied.reply else { return Err(wrong_reply()) };
        if reply.succeeded { Ok(applied.revision) } else { Err(Status::unknown("election: not leader")) }
    }
}

/// Holds while the key is the one that was made when its owner began to stand in line.
fn still(leader: &LeaderKey) -> Compare {
    Compare {
        range: KeyRange::One(leader.key.clone()),
        test: Test::Equal,
        with: Operand::Created(leader.rev),
    }
}

fn needed(leader: Option<&LeaderKey>) -> Result<LeaderKey, Status> {
    let leader = leader.cloned().ok_or_else(|| Status::unknown("\"leader\" field must be provided"))?;
    if leader.key.is_empty() {
        return Err(Status::unknown("etcdserver: key is not provided"));
    }
    Ok(leader)
}
