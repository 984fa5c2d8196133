//! `etcdserverpb.Maintenance`.

mod downgrade;
mod snapshot;

use futures_util::stream::BoxStream;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

use crate::cluster::etcd::convert::{alarm_kind, alarm_to_wire};
use crate::cluster::etcd::node::NodeError;
use crate::cluster::etcd::pb::etcdserverpb::{
    self as pb, alarm_request::AlarmAction, downgrade_request::DowngradeAction,
    maintenance_server::Maintenance,
};
use crate::cluster::etcd::status::{PREFIX, untranslated};
use crate::cluster::etcd::surface::{Surface, VERSION, VERSION_OF_OURS, wrong_reply};
use crate::cluster::store::id::{MemberId, Revision};
use crate::cluster::store::reply::Reply;
use crate::cluster::store::request::{AlarmChange, Change};

/// What an administrator asks for.
pub struct MaintenanceService(pub Surface);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Maintenance for MaintenanceService {
    async fn alarm(&self, request: Request<pb::AlarmRequest>) -> Answer<pb::AlarmResponse> {
        let caller = self.0.user(&request)?;
        let wire = request.into_inner();
        let kind = alarm_kind(wire.alarm)?;
        let raise = match AlarmAction::try_from(wire.action) {
            Ok(AlarmAction::Activate) => true,
            Ok(AlarmAction::Deactivate) => false,
            Ok(AlarmAction::Get) => {
                self.0.barrier().await?;
                let wanted = self
                    .0
                    .node
                    .alarms()
                    .into_iter()
                    .filter(|alarm| kind.is_none_or(|kind| kind == alarm.kind));
                let alarms = wanted.map(alarm_to_wire).collect();
                return Ok(Response::new(pb::AlarmResponse { header: self.0.header_now(), alarms }));
            }
            Err(_) => {
                return Ok(Response::new(pb::AlarmResponse {
                    header: self.0.header_now(),
                    alarms: Vec::new(),
                }));
            }
        };
        let change = AlarmChange { raise, member: MemberId(wire.member_id), kind };
        let applied = self.0.propose(Change::Alarm(change), caller).await?;
        let Reply::Alarms(alarms) = applied.reply else { return Err(wrong_reply()) };
        let alarms = alarms.into_iter().map(alarm_to_wire).collect();
        Ok(Response::new(pb::AlarmResponse { header: self.0.header(applied.revision), alarms }))
    }

    async fn status(&self, request: Request<pb::StatusRequest>) -> Answer<pb::StatusResponse> {
        self.0.may_see(&request)?;
        let (standing, sizes) = (self.0.node.standing(), self.0.node.sizes());
        let mut answer = Response::new(pb::StatusResponse {
            header: self.0.header_now(),
            version: VERSION.to_owned(),
            db_size: signed(sizes.total),
            leader: standing.leader.unwrap_or_default().0,
            raft_index: standing.committed,
            raft_term: standing.term,
            raft_applied_index: standing.applied,
            errors: troubles(&self.0),
            db_size_in_use: signed(sizes.in_use),
            is_learner: standing.learner,
        });
        let own = MetadataValue::from_static(env!("CARGO_PKG_VERSION"));
        answer.metadata_mut().insert(VERSION_OF_OURS, own);
        Ok(answer)
    }

    async fn defragment(&self, request: Request<pb::DefragmentRequest>) -> Answer<pb::DefragmentResponse> {
        self.0.root(&request).map_err(untranslated)?;
        self.0.node.defragment().await?;
        // As in etcd, without a header.
        Ok(Response::new(pb::DefragmentResponse { header: None }))
    }

    async fn hash(&self, request: Request<pb::HashRequest>) -> Answer<pb::HashResponse> {
        self.0.root(&request).map_err(untranslated)?;
        let hash = self.0.node.hash().await?;
        Ok(Response::new(pb::HashResponse { header: self.0.header_now(), hash }))
    }

    async fn hash_kv(&self, request: Request<pb::HashKvRequest>) -> Answer<pb::HashKvResponse> {
        self.0.root(&request).map_err(untranslated)?;
        let revision = request.into_inner().revision;
        let revision = (revision > 0).then_some(Revision(revision));
        let (found, current) = self.0.node.hash_kv(revision).await?;
        Ok(Response::new(pb::HashKvResponse {
            header: self.0.header(current),
            hash: found.hash,
            compact_revision: found.compacted.0,
        }))
    }

    type SnapshotStream = BoxStream<'static, Result<pb::SnapshotResponse, Status>>;

    async fn snapshot(&self, request: Request<pb::SnapshotRequest>) -> Answer<Self::SnapshotStream> {
        self.0.root(&request).map_err(untranslated)?;
        let snapshot = self.0.node.snapshot().await?;
        Ok(Response::new(snapshot::blobs(snapshot)))
    }

    async fn move_leader(&self, request: Request<pb::MoveLeaderRequest>) -> Answer<pb::MoveLeaderResponse> {
        self.0.root(&request)?;
        if self.0.node.standing().leader != Some(self.0.node.identity().member) {
            return Err(NodeError::NotLeader.into());
        }
        self.0.node.move_leader(MemberId(request.into_inner().target_id)).await?;
        // As in etcd, without a header.
        Ok(Response::new(pb::MoveLeaderResponse { header: None }))
    }

    async fn downgrade(&self, request: Request<pb::DowngradeRequest>) -> Answer<pb::DowngradeResponse> {
        let caller = self.0.root(&request)?;
        let wire = request.into_inner();
        let version = match DowngradeAction::try_from(wire.action) {
            Ok(DowngradeAction::Validate) => downgrade::validate(&self.0, &wire.version).await?.current,
            Ok(DowngradeAction::Enable) => downgrade::enable(&self.0, &wire.version, caller).await?,
            Ok(DowngradeAction::Cancel) => downgrade::cancel(&self.0, caller).await?,
            Err(_) => return Err(Status::unknown(format!("{PREFIX}unknown method"))),
        };
        Ok(Response::new(pb::DowngradeResponse { header: self.0.header_now(), version }))
    }
}

/// What is wrong, as etcd writes it.
fn troubles(surface: &Surface) -> Vec<String> {
    let mut troubles = Vec::new();
    if surface.node.standing().leader.is_none() {
        troubles.push(format!("{PREFIX}{}", NodeError::NoLeader));
    }
    let alarms = surface.node.alarms().into_iter().map(alarm_to_wire);
    troubles.extend(alarms.map(|wire| {
        // etcd's own printing of the message, which ends with a space.
        format!("memberID:{} alarm:{} ", wire.member_id, wire.alarm().as_str_name())
    }));
    troubles
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
