//! Writes of one host as one transaction.
//!
//! It compares the host's number of batches, and raises it: a batch that is sent twice, as its answer was lost, is made
//! once. A key that holds already what it is to hold is not written, so that nobody is told of it; but for long values.

use bytes::Bytes;

use super::outbox::Write;
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::etcd::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::cluster::etcd::pb::etcdserverpb::request_op::Request;
use crate::cluster::etcd::pb::etcdserverpb::response_op::Response;
use crate::engine::world::Written;

/// Writes at once: etcd takes 128 operations, one of which is the number's.
pub const COUNT: usize = 120;
/// Bytes at once: etcd takes requests of 1.5 MiB, and each value is in there twice.
pub const BYTES: u64 = 512 << 10;
/// A longer value is written without being compared: there is no room for it twice.
const COMPARED_BYTES: usize = 512 << 10;

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was made; what became of each write.
    Made(Vec<Written>),
    /// The host's number of batches is another one.
    Elsewhere(u64),
}

/// The transaction that makes the batch after `seq` others.
pub fn txn(seq_key: &str, seq: u64, writes: &[Write], lease: i64) -> pb::TxnRequest {
    let key = Bytes::copy_from_slice(seq_key.as_bytes());
    let was = if seq == 0 {
        compare(&key, CompareTarget::Version, TargetUnion::Version(0))
    } else {
        compare(&key, CompareTarget::Value, TargetUnion::Value(number(seq)))
    };
    let raise = pb::PutRequest { key: key.clone(), value: number(seq + 1), ..Default::default() };
    let look = pb::RangeRequest { key, ..Default::default() };
    let mut success = vec![op(Request::RequestPut(raise))];
    success.extend(writes.iter().map(|write| one(write, lease)));
    pb::TxnRequest { compare: vec![was], success, failure: vec![op(Request::RequestRange(look))] }
}

/// Reads the answer to it.
pub fn outcome(answer: pb::TxnResponse) -> Outcome {
    let responses = answer.responses.into_iter().filter_map(|response| response.response);
    if answer.succeeded {
        return Outcome::Made(responses.skip(1).map(|response| written(&response)).collect());
    }
    let mut found = responses.filter_map(|response| match response {
        Response::ResponseRange(range) => Some(range.kvs.first().map_or(0, |kv| seq_of(&kv.value))),
        _ => None,
    });
    Outcome::Elsewhere(found.next().unwrap_or_default())
}

/// The number that a host's key holds.
pub fn seq_of(value: &[u8]) -> u64 {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn number(seq: u64) -> Bytes {
    seq.to_string().into()
}

fn op(request: Request) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}

fn compare(key: &Bytes, target: CompareTarget, union: TargetUnion) -> pb::Compare {
    pb::Compare {
        result: CompareResult::Equal.into(),
        target: target.into(),
        key: key.clone(),
        target_union: Some(union),
        ..Default::default()
    }
}

fn one(write: &Write, lease: i64) -> pb::RequestOp {
    let key = write.key.clone();
    let Some(value) = write.value.clone() else {
        return op(Request::RequestDeleteRange(pb::DeleteRangeRequest { key, ..Default::default() }));
    };
    let lease = if write.leased { lease } else { 0 };
    let put = pb::PutRequest { key: key.clone(), value: value.clone(), lease, ..Default::default() };
    let put = op(Request::RequestPut(put));
    if value.len() > COMPARED_BYTES {
        return put;
    }
    let is_so = vec![
        compare(&key, CompareTarget::Value, TargetUnion::Value(value)),
        compare(&key, CompareTarget::Lease, TargetUnion::Lease(lease)),
    ];
    op(Request::RequestTxn(pb::TxnRequest { compare: is_so, success: Vec::new(), failure: vec![put] }))
}

fn written(response: &Response) -> Written {
    let same = match response {
        Response::ResponseTxn(txn) => txn.succeeded,
        Response::ResponseDeleteRange(deleted) => deleted.deleted == 0,
        _ => false,
    };
    if same { Written::Same } else { Written::Stored }
}
