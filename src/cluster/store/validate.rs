//! What is wrong with a request by its form alone: looked at before anything is proposed.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::key::KeyRange;
use super::request::{Op, Txn};

/// What is wrong with a request by its form. The texts are etcd's, without its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// More requests or comparisons than a transaction may have.
    #[error("too many operations in txn request")]
    TooManyOps,
    /// A transaction that writes a key twice.
    #[error("duplicate key given in txn request")]
    DuplicateKey,
}

/// Refuses a transaction that writes a key twice whichever way it goes.
pub fn check_txn(txn: &Txn) -> Result<(), FormError> {
    writes(&txn.then)?;
    writes(&txn.otherwise)?;
    Ok(())
}

/// What a list of requests may write.
#[derive(Default)]
struct Writes<'a> {
    puts: BTreeSet<&'a [u8]>,
    deletes: Vec<&'a KeyRange>,
}

/// As etcd looks at them: puts of this list against all other writes, puts of a transaction within against the deletions
/// of this list and all writes of transactions before it. So one may delete what another before it puts.
fn writes(ops: &[Op]) -> Result<Writes<'_>, FormError> {
    let mut all = Writes { deletes: ops.iter().filter_map(deleted).collect(), ..Writes::default() };
    for op in ops {
        let Op::Txn(txn) = op else { continue };
        let (then, otherwise) = (writes(&txn.then)?, writes(&txn.otherwise)?);
        if all.clashes(&then.puts) || all.clashes(&otherwise.puts) {
            return Err(FormError::DuplicateKey);
        }
        // Only one of the two is done: they may write the same.
        all.add(then);
        all.add(otherwise);
    }
    for op in ops {
        let Op::Put(put) = op else { continue };
        let one = BTreeSet::from([&*put.key]);
        if all.clashes(&one) {
            return Err(FormError::DuplicateKey);
        }
        all.puts.insert(&put.key);
    }
    Ok(all)
}

/// What an operation deletes. To etcd, a deletion without an end deletes nothing here: what comes after it may be put
/// again.
fn deleted(op: &Op) -> Option<&KeyRange> {
    match op {
        Op::Delete(delete) => Some(&delete.range).filter(|range| !matches!(range, KeyRange::From(_))),
        _ => None,
    }
}

impl<'a> Writes<'a> {
    fn add(&mut self, mut other: Writes<'a>) {
        self.puts.append(&mut other.puts);
        self.deletes.append(&mut other.deletes);
    }

    /// Whether it puts or deletes one of these.
    fn clashes(&self, puts: &BTreeSet<&[u8]>) -> bool {
        if puts.is_empty() {
            return false;
        }
        puts.iter().any(|key| self.puts.contains(key))
            || self.deletes.iter().any(|range| {
                let (start, end): (Bound<&[u8]>, Bound<&[u8]>) = range.bounds();
                !range.is_empty() && puts.range::<[u8], _>((start, end)).next().is_some()
            })
    }
}
