//! What a transaction must keep to before it is proposed.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::RequestError;
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::store::request::{Op, Txn};
use crate::cluster::store::key::KeyRange;
use pb::request_op::Request;

/// Refuses more operations than `most`, which nested transactions share: what the longest list of a transaction takes is
/// gone for those inside.
pub fn check_txn(txn: &pb::TxnRequest, most: usize) -> Result<(), RequestError> {
    let longest = txn.compare.len().max(txn.success.len()).max(txn.failure.len());
    let left = most.checked_sub(longest).ok_or(RequestError::TooManyOps)?;
    if txn.compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(RequestError::EmptyKey);
    }
    for op in txn.success.iter().chain(&txn.failure) {
        if let Some(Request::RequestTxn(nested)) = &op.request {
            check_txn(nested, left)?;
        } else {
            check_op(op)?;
        }
    }
    Ok(())
}

fn check_op(op: &pb::RequestOp) -> Result<(), RequestError> {
    match op.request.as_ref().ok_or(RequestError::UnsetOp)? {
        Request::RequestRange(range) => super::range(range).map(drop),
        Request::RequestPut(put) => super::put(put).map(drop),
        Request::RequestDeleteRange(delete) => super::delete(delete).map(drop),
        Request::RequestTxn(_) => Ok(()),
    }
}

/// What a list of operations writes.
#[derive(Default)]
struct Writes {
    puts: BTreeSet<Bytes>,
    deletes: Vec<KeyRange>,
}

impl Writes {
    fn clash(&self, other: &Self) -> bool {
        let deleted = |puts: &BTreeSet<Bytes>, deletes: &[KeyRange]| {
            deletes.iter().any(|range| {
                !range.is_empty() && puts.range::<[u8], _>(range.bounds()).next().is_some()
            })
        };
        !self.puts.is_disjoint(&other.puts)
            || deleted(&self.puts, &other.deletes)
            || deleted(&other.puts, &self.deletes)
    }

    fn join(&mut self, other: Self) {
        self.puts.extend(other.puts);
        self.deletes.extend(other.deletes);
    }
}

/// Refuses a transaction that would write a key twice. The two lists of one transaction exclude each other.
pub fn check_writes(txn: &Txn) -> Result<(), RequestError> {
    writes_of_txn(txn).map(drop)
}

fn writes_of_txn(txn: &Txn) -> Result<Writes, RequestError> {
    let mut writes = writes_of(&txn.then)?;
    writes.join(writes_of(&txn.otherwise)?);
    Ok(writes)
}

fn writes_of(ops: &[Op]) -> Result<Writes, RequestError> {
    let mut all = Writes::default();
    for op in ops {
        let writes = match op {
            Op::Range(_) => continue,
            Op::Put(put) => Writes { puts: [put.key.clone()].into(), ..Writes::default() },
            Op::Delete(delete) => Writes { deletes: vec![delete.range.clone()], ..Writes::default() },
            Op::Txn(txn) => writes_of_txn(txn)?,
        };
        if all.clash(&writes) {
            return Err(RequestError::DuplicateKey);
        }
        all.join(writes);
    }
    Ok(all)
}
