//! The requests that the load is made of.

use bytes::Bytes;
use mgmt::cluster::etcd::pb::etcdserverpb::request_op::Request as Op;
use mgmt::cluster::etcd::pb::etcdserverpb::watch_request::RequestUnion;
use mgmt::cluster::etcd::pb::etcdserverpb::{
    PutRequest, RangeRequest, RequestOp, TxnRequest, WatchCreateRequest, WatchRequest,
};

use super::connection::framed;

/// The paths of the methods.
pub const PUT: &str = "etcdserverpb.KV/Put";
pub const RANGE: &str = "etcdserverpb.KV/Range";
pub const TXN: &str = "etcdserverpb.KV/Txn";
pub const WATCH: &str = "etcdserverpb.Watch/Watch";

/// A put without options.
pub fn put(key: Bytes, value: &Bytes) -> Bytes {
    framed(&PutRequest { key, value: value.clone(), ..Default::default() })
}

/// A linearizable get of one key.
pub fn get(key: Bytes) -> Bytes {
    framed(&RangeRequest { key, ..Default::default() })
}

/// Puts of many keys in one transaction.
pub fn put_many(keys: impl Iterator<Item = Bytes>, value: &Bytes) -> Bytes {
    let put = |key| PutRequest { key, value: value.clone(), ..Default::default() };
    let success = keys.map(|key| RequestOp { request: Some(Op::RequestPut(put(key))) }).collect();
    framed(&TxnRequest { success, ..Default::default() })
}

/// The first message of a watch stream: a watch of one key from now on.
pub fn watch(key: Bytes) -> Bytes {
    let create = WatchCreateRequest { key, ..Default::default() };
    framed(&WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) })
}
