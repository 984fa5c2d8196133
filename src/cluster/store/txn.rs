//! Transactions: first all comparisons, then all errors, then the writes.

use super::Store;
use super::error::StoreError;
use super::id::Revision;
use super::reply::{OpReply, TxnReply};
use super::request::{Op, Txn};
use super::write::Writing;

/// Which list a transaction and those within it take, told before anything is written.
struct Path {
    succeeded: bool,
    /// One for each transaction of the list, in order.
    nested: Vec<Path>,
}

impl Store {
    /// Does a transaction that only reads.
    pub fn read_txn(&self, txn: &Txn) -> Result<TxnReply, StoreError> {
        let path = self.path(txn);
        self.check_ranges(txn, &path)?;
        Ok(self.read_ops(txn, &path))
    }

    /// Does a transaction.
    pub(super) fn txn(&mut self, txn: &Txn) -> Result<TxnReply, StoreError> {
        let path = self.path(txn);
        self.check_puts(txn, &path)?;
        self.check_ranges(txn, &path)?;
        Ok(self.do_ops(&mut Writing::after(self.revision), txn, &path))
    }

    fn path(&self, txn: &Txn) -> Path {
        let succeeded = txn.compares.iter().all(|compare| self.holds(compare));
        let nested = txn.list(succeeded).iter().filter_map(|op| match op {
            Op::Txn(txn) => Some(self.path(txn)),
            _ => None,
        });
        Path { succeeded, nested: nested.collect() }
    }

    /// All puts are looked at before any range: which of two errors is told is seen by clients.
    fn check_puts(&self, txn: &Txn, path: &Path) -> Result<(), StoreError> {
        let mut nested = path.nested.iter();
        for op in txn.list(path.succeeded) {
            match op {
                Op::Put(put) => {
                    self.check_kept(put)?;
                    self.leases.check(put.lease.unwrap_or_default())?;
                }
                Op::Txn(txn) => {
                    if let Some(path) = nested.next() {
                        self.check_puts(txn, path)?;
                    }
                }
                Op::Range(_) | Op::Delete(_) => {}
            }
        }
        Ok(())
    }

    fn check_ranges(&self, txn: &Txn, path: &Path) -> Result<(), StoreError> {
        let mut nested = path.nested.iter();
        for op in txn.list(path.succeeded) {
            match op {
                Op::Range(range) => self.check_revision(range.revision)?,
                Op::Txn(txn) => {
                    if let Some(path) = nested.next() {
                        self.check_ranges(txn, path)?;
                    }
                }
                Op::Put(_) | Op::Delete(_) => {}
            }
        }
        Ok(())
    }

    fn do_ops(&mut self, writing: &mut Writing, txn: &Txn, path: &Path) -> TxnReply {
        let mut nested = path.nested.iter();
        let mut replies = Vec::with_capacity(txn.list(path.succeeded).len());
        for op in txn.list(path.succeeded) {
            let reply = match op {
                Op::Range(range) => OpReply::Range(self.read(range)),
                Op::Put(put) => OpReply::Put(self.put(writing, put)),
                Op::Delete(delete) => OpReply::Delete(self.delete(writing, delete)),
                Op::Txn(txn) => {
                    let Some(path) = nested.next() else { continue };
                    OpReply::Txn(self.do_ops(writing, txn, path))
                }
            };
            replies.push((self.revision, reply));
        }
        TxnReply { succeeded: path.succeeded, replies }
    }

    fn read_ops(&self, txn: &Txn, path: &Path) -> TxnReply {
        let mut nested = path.nested.iter();
        let read = |op: &Op| -> Option<(Revision, OpReply)> {
            let reply = match op {
                Op::Range(range) => OpReply::Range(self.read(range)),
                Op::Txn(txn) => OpReply::Txn(self.read_ops(txn, nested.next()?)),
                Op::Put(_) | Op::Delete(_) => return None,
            };
            Some((self.revision, reply))
        };
        TxnReply {
            succeeded: path.succeeded,
            replies: txn.list(path.succeeded).iter().filter_map(read).collect(),
        }
    }
}

impl Txn {
    /// Whether it writes nothing, whichever way it goes: then it needs no place in the log.
    pub fn only_reads(&self) -> bool {
        self.then.iter().chain(&self.otherwise).all(|op| match op {
            Op::Range(_) => true,
            Op::Put(_) | Op::Delete(_) => false,
            Op::Txn(txn) => txn.only_reads(),
        })
    }

    fn list(&self, succeeded: bool) -> &[Op] {
        if succeeded { &self.then } else { &self.otherwise }
    }
}
