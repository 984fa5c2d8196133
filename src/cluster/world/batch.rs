//! Writes of one host as one transaction.
//!
//! It compares the host's number of batches, and raises it: a batch that is sent twice, as its answer was lost, is made
//! once. A key that holds already what it is to hold is not written, so that nobody is told of it; but for long values.

use bytes::Bytes;

use super::outbox::Write;
use super::txn::{delete, holds, is_absent, is_leased, look, put, put_leased, within};
use crate::cluster::etcd::pb::etcdserverpb as pb;
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
    let was = if seq == 0 { is_absent(seq_key) } else { holds(seq_key, number(seq)) };
    let mut success = vec![put(seq_key, number(seq + 1))];
    success.extend(writes.iter().map(|write| one(write, lease)));
    pb::TxnRequest { compare: vec![was], success, failure: vec![look(seq_key)] }
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

fn one(write: &Write, lease: i64) -> pb::RequestOp {
    let key = &write.key;
    let Some(value) = write.value.clone() else { return delete(key) };
    let lease = if write.leased { lease } else { 0 };
    let put = put_leased(key, value.clone(), lease);
    if value.len() > COMPARED_BYTES {
        return put;
    }
    let is_so = vec![holds(key, value), is_leased(key, lease)];
    within(pb::TxnRequest { compare: is_so, success: Vec::new(), failure: vec![put] })
}

fn written(response: &Response) -> Written {
    let same = match response {
        Response::ResponseTxn(txn) => txn.succeeded,
        Response::ResponseDeleteRange(deleted) => deleted.deleted == 0,
        _ => false,
    };
    if same { Written::Same } else { Written::Stored }
}
