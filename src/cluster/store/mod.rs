//! The state machine: keys with their history, transactions, watches, leases, users. Pure: no clock, no I/O.
//!
//! [`Store::apply`] takes changes in the order of the log; whatever it does follows from that order alone. Reads take
//! `&self`, so that many threads can read under a shared lock. What watches see is made by [`watch::WatchHub`] beside
//! the store, when leases end is decided by [`lessor::Lessor`] on the leader.

pub mod auth;
pub mod error;
pub mod facts;
pub mod go_duration;
pub mod hash;
pub mod id;
pub mod key;
pub mod leap;
pub mod lease;
pub mod lessor;
pub mod member;
pub mod refusal;
pub mod reply;
pub mod request;
pub mod restore;
pub mod snapshot;
pub mod validate;
pub mod watch;

mod access;
mod alarms;
mod compact;
mod index;
mod log;
mod read;
mod record;
#[cfg(test)]
pub(crate) mod tests;
mod txn;
mod write;

use std::collections::BTreeSet;

use auth::Auth;
use error::StoreError;
use facts::Facts;
use id::{LeaseId, Mark, Revision};
use index::Index;
use lease::Leases;
use log::Log;
use reply::{Alarm, Applied, Reply};
use request::{Change, Command};
use write::Writing;

/// What the index takes for a key: three words, in nodes that are a little more than half full.
const INDEX_BYTES: usize = 44;

/// An etcd v3 store: the current keys, their history since the last compaction, and what hangs on them.
#[derive(Debug)]
pub struct Store {
    /// The last entry of the consensus log that was applied.
    applied: u64,
    revision: Revision,
    /// -1: never compacted.
    compacted: Revision,
    /// Where the physical work of a compaction has got to; `None`: all is done.
    sweep: Option<Mark>,
    index: Index,
    log: Log,
    leases: Leases,
    alarms: BTreeSet<Alarm>,
    auth: Auth,
    facts: Facts,
    /// Room for building records.
    scratch: Vec<u8>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            applied: 0,
            revision: Revision(1),
            compacted: Revision(-1),
            sweep: None,
            index: Index::default(),
            log: Log::default(),
            leases: Leases::default(),
            alarms: BTreeSet::new(),
            auth: Auth::default(),
            facts: Facts::default(),
            scratch: Vec::new(),
        }
    }
}

/// How many bytes the data takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// By versions that are kept; a quota is held against this.
    pub in_use: usize,
    /// With room that compaction has freed and not given back.
    pub held: usize,
}

impl Store {
    /// An empty store, at revision 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies the change at `index` of the consensus log. The same changes in the same order give the same store and
    /// the same answers everywhere. A change that is refused changes nothing.
    pub fn apply(&mut self, index: u64, command: Command) -> Result<Applied, StoreError> {
        self.applied = index;
        self.not_alarmed(&command.change)?;
        self.allowed(command.caller.as_ref(), &command.change)?;
        let reply = self.change(command.change)?;
        Ok(Applied { revision: self.revision, reply })
    }

    /// Notes that the entry at `index` of the consensus log held nothing for the store.
    pub fn skip(&mut self, index: u64) {
        self.applied = index;
    }

    /// The current revision.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The revision of the last compaction; -1: there was none, as etcd has it.
    pub fn compacted(&self) -> Revision {
        self.compacted
    }

    /// The last entry of the consensus log that was applied.
    pub fn applied_index(&self) -> u64 {
        self.applied
    }

    /// How many bytes the data takes.
    pub fn size(&self) -> Size {
        let in_use = self.log.bytes() + self.index.len() * INDEX_BYTES;
        Size { in_use, held: in_use + self.log.spare_bytes() }
    }

    /// The leases.
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// Who may do what.
    pub fn auth(&self) -> &Auth {
        &self.auth
    }

    /// What the members have told of themselves and agreed on.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    fn change(&mut self, change: Change) -> Result<Reply, StoreError> {
        Ok(match change {
            Change::Put(put) => {
                self.check_put(&put)?;
                Reply::Put(self.put(&mut Writing::after(self.revision), &put))
            }
            Change::Delete(delete) => Reply::Delete(self.delete(&mut Writing::after(self.revision), &delete)),
            Change::Txn(txn) => Reply::Txn(self.txn(&txn)?),
            Change::Compact { revision } => {
                self.compact(revision)?;
                Reply::Done
            }
            Change::LeaseGrant { id, ttl_s } => {
                self.leases.grant(id, ttl_s)?;
                Reply::LeaseGranted { id, ttl_s }
            }
            Change::LeaseRevoke { id } => {
                self.revoke(id)?;
                Reply::Done
            }
            Change::Alarm(change) => Reply::Alarms(self.change_alarms(change)),
            Change::Auth(change) => Reply::Auth(self.change_auth(&change)?),
            Change::MemberAttributes { id, name, client_urls, .. } => {
                self.facts.describe(id, name, client_urls);
                Reply::Done
            }
            Change::ClusterVersion { version } => {
                self.facts.set_version(version);
                Reply::Done
            }
            Change::Downgrade { enabled, target } => {
                self.facts.set_downgrade(enabled, target);
                Reply::Done
            }
        })
    }

    /// Ends a lease: its keys are deleted in their order, in one revision.
    fn revoke(&mut self, id: LeaseId) -> Result<(), StoreError> {
        let keys = self.leases.remove(id)?;
        let mut writing = Writing::after(self.revision);
        for record in keys {
            self.delete_one(&mut writing, record.key());
        }
        Ok(())
    }

    /// The alarms that are on.
    pub fn alarms(&self) -> impl Iterator<Item = Alarm> {
        self.alarms.iter().copied()
    }
}
