//! The pieces of a transaction, as etcd says them: what it compares, and what it does.

use bytes::Bytes;

use super::keys;
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::etcd::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::cluster::etcd::pb::etcdserverpb::request_op::Request;
use crate::cluster::etcd::pb::etcdserverpb::response_op::Response;

/// Does all of it, at once.
pub fn always(success: Vec<pb::RequestOp>) -> pb::TxnRequest {
    when(Vec::new(), success)
}

/// Does all of it if all that is compared is so, and nothing otherwise.
pub fn when(compare: Vec<pb::Compare>, success: Vec<pb::RequestOp>) -> pb::TxnRequest {
    pb::TxnRequest { compare, success, failure: Vec::new() }
}

/// Writes a key.
pub fn put(key: impl AsRef<[u8]>, value: impl Into<Bytes>) -> pb::RequestOp {
    put_leased(key, value, 0)
}

/// Writes a key that goes with its lease; 0: it stays.
pub fn put_leased(key: impl AsRef<[u8]>, value: impl Into<Bytes>, lease: i64) -> pb::RequestOp {
    op(Request::RequestPut(pb::PutRequest {
        key: owned(key),
        value: value.into(),
        lease,
        ..Default::default()
    }))
}

/// Removes a key.
pub fn delete(key: impl AsRef<[u8]>) -> pb::RequestOp {
    op(Request::RequestDeleteRange(pb::DeleteRangeRequest { key: owned(key), ..Default::default() }))
}

/// Removes all keys with a prefix.
pub fn delete_under(prefix: &str) -> pb::RequestOp {
    let range =
        pb::DeleteRangeRequest { key: owned(prefix), range_end: keys::past(prefix), ..Default::default() };
    op(Request::RequestDeleteRange(range))
}

/// Reads a key.
pub fn look(key: impl AsRef<[u8]>) -> pb::RequestOp {
    op(Request::RequestRange(pb::RangeRequest { key: owned(key), ..Default::default() }))
}

/// Tells whether there is a key, without its value.
pub fn count(key: impl AsRef<[u8]>) -> pb::RequestOp {
    let range = pb::RangeRequest { key: owned(key), count_only: true, ..Default::default() };
    op(Request::RequestRange(range))
}

/// Another transaction within.
pub fn within(txn: pb::TxnRequest) -> pb::RequestOp {
    op(Request::RequestTxn(txn))
}

/// That there is no such key.
pub fn is_absent(key: impl AsRef<[u8]>) -> pb::Compare {
    compare(key, CompareResult::Equal, CompareTarget::Version, TargetUnion::Version(0))
}

/// That no key has this prefix.
pub fn is_empty(prefix: &str) -> pb::Compare {
    pb::Compare { range_end: keys::past(prefix), ..is_absent(prefix) }
}

/// That there is such a key.
pub fn is_present(key: impl AsRef<[u8]>) -> pb::Compare {
    compare(key, CompareResult::Greater, CompareTarget::Version, TargetUnion::Version(0))
}

/// That a key was last written at this revision; 0: that it is not there.
pub fn is_unchanged(key: impl AsRef<[u8]>, written: i64) -> pb::Compare {
    compare(key, CompareResult::Equal, CompareTarget::Mod, TargetUnion::ModRevision(written))
}

/// That no key with a prefix was written after this revision.
pub fn none_since(prefix: &str, seen: i64) -> pb::Compare {
    let union = TargetUnion::ModRevision(seen + 1);
    let compare = compare(prefix, CompareResult::Less, CompareTarget::Mod, union);
    pb::Compare { range_end: keys::past(prefix), ..compare }
}

/// That a key holds exactly this.
pub fn holds(key: impl AsRef<[u8]>, value: Bytes) -> pb::Compare {
    compare(key, CompareResult::Equal, CompareTarget::Value, TargetUnion::Value(value))
}

/// That a key goes with this lease; 0: with none.
pub fn is_leased(key: impl AsRef<[u8]>, lease: i64) -> pb::Compare {
    compare(key, CompareResult::Equal, CompareTarget::Lease, TargetUnion::Lease(lease))
}

/// What a transaction has read, in the order in which it was asked.
pub fn read(answer: pb::TxnResponse) -> impl Iterator<Item = pb::RangeResponse> {
    answer.responses.into_iter().filter_map(|response| match response.response? {
        Response::ResponseRange(range) => Some(range),
        _ => None,
    })
}

fn op(request: Request) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}

fn compare(
    key: impl AsRef<[u8]>,
    result: CompareResult,
    target: CompareTarget,
    union: TargetUnion,
) -> pb::Compare {
    pb::Compare {
        result: result.into(),
        target: target.into(),
        key: owned(key),
        target_union: Some(union),
        ..Default::default()
    }
}

fn owned(key: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(key.as_ref())
}
