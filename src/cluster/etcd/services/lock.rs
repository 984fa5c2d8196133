//! `v3lockpb.Lock`.

use bytes::Bytes;
use tonic::{Request, Response, Status};

use super::turn::{Turn, unknown};
use crate::cluster::etcd::pb::v3lockpb::lock_server::Lock;
use crate::cluster::etcd::pb::v3lockpb::{LockRequest, LockResponse, UnlockRequest, UnlockResponse};
use crate::cluster::etcd::surface::Surface;
use crate::cluster::store::id::LeaseId;
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::request::{Change, Delete};

/// Locks.
pub struct LockService(pub Surface);

#[tonic::async_trait]
impl Lock for LockService {
    async fn lock(&self, request: Request<LockRequest>) -> Result<Response<LockResponse>, Status> {
        let caller = self.0.caller(&request).map_err(unknown)?;
        let wire = request.into_inner();
        let mut turn = Turn::stand(&self.0, caller, &wire.name, LeaseId(wire.lease), &Bytes::new()).await?;
        turn.come().await?;
        Ok(Response::new(LockResponse { header: self.0.header_now(), key: turn.key.clone() }))
    }

    async fn unlock(&self, request: Request<UnlockRequest>) -> Result<Response<UnlockResponse>, Status> {
        if request.get_ref().key.is_empty() {
            return Err(Status::unknown("etcdserver: key is not provided"));
        }
        let caller = self.0.caller(&request).map_err(unknown)?;
        let key = request.into_inner().key;
        let delete = Delete { range: KeyRange::One(key), previous: false };
        let applied = self.0.node.propose(Change::Delete(delete), caller).await.map_err(unknown)?;
        Ok(Response::new(UnlockResponse { header: self.0.header(applied.revision) }))
    }
}
