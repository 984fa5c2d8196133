//! What the store promises, a sentence each.

use bytes::Bytes;

use super::Store;
use super::error::StoreError;
use super::id::{LeaseId, Revision};
use super::key::KeyRange;
use super::reply::{Applied, DeleteReply, KeyValue, PutReply, RangeReply, Reply, TxnReply};
use super::request::{Change, Command, Delete, Filter, Op, Put, Range, Txn, Wanted};

mod compaction;
mod keys;
mod leaping;
mod leases;
mod model;
mod saving;
mod trouble;
mod txns;

pub(super) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(super) fn put_of(key: &str, value: &str) -> Put {
    Put { key: bytes(key), value: Some(bytes(value)), lease: Some(LeaseId(0)), previous: true }
}

/// The range of `key` and `end` as clients write it.
pub(super) fn range_of(key: &str, end: &str) -> Range {
    Range::of(KeyRange::of(bytes(key), bytes(end)))
}

pub(super) fn delete_of(key: &str, end: &str) -> Delete {
    Delete { range: KeyRange::of(bytes(key), bytes(end)), previous: true }
}

pub(super) fn apply(store: &mut Store, change: Change) -> Result<Applied, StoreError> {
    let index = store.applied_index() + 1;
    store.apply(index, Command { id: index, caller: None, change })
}

pub(super) fn done(store: &mut Store, change: Change) -> Applied {
    apply(store, change).unwrap()
}

pub(super) fn put(store: &mut Store, key: &str, value: &str) -> PutReply {
    match done(store, Change::Put(put_of(key, value))).reply {
        Reply::Put(reply) => reply,
        other => panic!("{other:?}"),
    }
}

pub(super) fn delete(store: &mut Store, key: &str, end: &str) -> DeleteReply {
    match done(store, Change::Delete(delete_of(key, end))).reply {
        Reply::Delete(reply) => reply,
        other => panic!("{other:?}"),
    }
}

pub(super) fn txn(store: &mut Store, txn: Txn) -> Result<TxnReply, StoreError> {
    match apply(store, Change::Txn(txn))?.reply {
        Reply::Txn(reply) => Ok(reply),
        other => panic!("{other:?}"),
    }
}

pub(super) fn then(ops: Vec<Op>) -> Txn {
    Txn { then: ops, ..Txn::default() }
}

pub(super) fn compact(store: &mut Store, revision: i64) -> Result<Applied, StoreError> {
    apply(store, Change::Compact { revision: Revision(revision) })
}

pub(super) fn grant(store: &mut Store, id: i64) {
    done(store, Change::LeaseGrant { id: LeaseId(id), ttl_s: 10 });
}

pub(super) fn get(store: &Store, key: &str) -> Option<KeyValue> {
    store.range(&range_of(key, "")).unwrap().kvs.pop()
}

pub(super) fn all(store: &Store) -> RangeReply {
    store.range(&range_of("\0", "\0")).unwrap()
}

/// The keys found, for comparison.
pub(super) fn keys(reply: &RangeReply) -> Vec<String> {
    reply.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned()).collect()
}
