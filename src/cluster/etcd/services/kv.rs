//! `etcdserverpb.KV`.

use tonic::{Request, Response, Status};

use crate::cluster::etcd::convert;
use crate::cluster::etcd::pb::etcdserverpb::{self as pb, kv_server::Kv, request_op};
use crate::cluster::etcd::surface::{Surface, wrong_reply};
use crate::cluster::store::id::Revision;
use crate::cluster::store::reply::Reply;
use crate::cluster::store::request::Change;
use crate::cluster::store::validate::check_txn;

/// Keys and values.
pub struct KvService(pub Surface);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Kv for KvService {
    async fn range(&self, request: Request<pb::RangeRequest>) -> Answer<pb::RangeResponse> {
        // What is wrong with a request by its form is told to whoever asks.
        let range = convert::range(request.get_ref())?;
        let caller = self.0.caller(&request)?;
        if !request.get_ref().serializable {
            self.0.barrier().await?;
        }
        let (revision, reply) = self.0.node.range(&range, caller.as_ref())?;
        Ok(Response::new(convert::range_reply(reply, self.0.header(revision))))
    }

    async fn put(&self, request: Request<pb::PutRequest>) -> Answer<pb::PutResponse> {
        let put = convert::put(request.get_ref())?;
        let caller = self.0.caller(&request)?;
        self.0.fits(request.get_ref(), caller.as_ref())?;
        let applied = self.0.propose(Change::Put(put), caller).await?;
        let Reply::Put(reply) = applied.reply else { return Err(wrong_reply()) };
        Ok(Response::new(convert::put_reply(reply, self.0.header(applied.revision))))
    }

    async fn delete_range(
        &self,
        request: Request<pb::DeleteRangeRequest>,
    ) -> Answer<pb::DeleteRangeResponse> {
        let delete = convert::delete(request.get_ref())?;
        let caller = self.0.caller(&request)?;
        self.0.fits(request.get_ref(), caller.as_ref())?;
        let applied = self.0.propose(Change::Delete(delete), caller).await?;
        let Reply::Delete(reply) = applied.reply else { return Err(wrong_reply()) };
        Ok(Response::new(convert::delete_reply(reply, self.0.header(applied.revision))))
    }

    async fn txn(&self, request: Request<pb::TxnRequest>) -> Answer<pb::TxnResponse> {
        let txn = convert::txn(request.get_ref(), self.0.limits.txn_ops)?;
        check_txn(&txn)?;
        let caller = self.0.caller(&request)?;
        let applied = if txn.only_reads() {
            if !serializable(request.get_ref()) {
                self.0.barrier().await?;
            }
            self.0.node.read_txn(&txn, caller.as_ref())?
        } else {
            self.0.fits(request.get_ref(), caller.as_ref())?;
            self.0.propose(Change::Txn(txn), caller).await?
        };
        let Reply::Txn(reply) = applied.reply else { return Err(wrong_reply()) };
        Ok(Response::new(convert::txn_reply(reply, self.0.header(applied.revision))))
    }

    async fn compact(&self, request: Request<pb::CompactionRequest>) -> Answer<pb::CompactionResponse> {
        let caller = self.0.user(&request)?;
        let wire = request.into_inner();
        let change = Change::Compact { revision: Revision(wire.revision) };
        let applied = self.0.propose(change, caller).await?;
        if wire.physical {
            self.0.node.swept().await;
        }
        Ok(Response::new(pb::CompactionResponse { header: self.0.header(applied.revision) }))
    }
}

/// Whether a transaction that only reads may be answered from what is here.
fn serializable(txn: &pb::TxnRequest) -> bool {
    txn.success
        .iter()
        .chain(&txn.failure)
        .all(|op| matches!(&op.request, Some(request_op::Request::RequestRange(range)) if range.serializable))
}
