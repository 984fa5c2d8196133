//! Leases: keys that go together.
//!
//! When a lease ends is not decided here: the leader's [`Lessor`](super::lessor::Lessor) has it revoked.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::error::StoreError;
use super::id::LeaseId;
use super::record::{ByKey, Record};

/// The longest life of a lease that etcd grants, in seconds.
pub const MAX_TTL_S: i64 = 9_000_000_000;

/// The leases that are granted.
#[derive(Debug, Default)]
pub struct Leases {
    leases: BTreeMap<LeaseId, Lease>,
}

#[derive(Debug)]
struct Lease {
    ttl_s: i64,
    keys: BTreeSet<ByKey>,
}

impl Leases {
    /// Each lease with how long it lives, in seconds, as granted.
    pub fn all(&self) -> impl Iterator<Item = (LeaseId, i64)> {
        self.leases.iter().map(|(id, lease)| (*id, lease.ttl_s))
    }

    /// How long a lease lives, in seconds, as granted; `None`: no such lease.
    pub fn ttl_s(&self, id: LeaseId) -> Option<i64> {
        self.leases.get(&id).map(|lease| lease.ttl_s)
    }

    /// The keys that hang on a lease, in order.
    pub fn keys(&self, id: LeaseId) -> impl Iterator<Item = Bytes> {
        let keys = self.leases.get(&id).into_iter().flat_map(|lease| &lease.keys);
        keys.map(|ByKey(record)| record.to_kv(false).key)
    }

    pub(super) fn grant(&mut self, id: LeaseId, ttl_s: i64) -> Result<(), StoreError> {
        if id == LeaseId(0) {
            return Err(StoreError::LeaseNotFound);
        }
        if ttl_s > MAX_TTL_S {
            return Err(StoreError::LeaseTtlTooLarge);
        }
        if self.leases.contains_key(&id) {
            return Err(StoreError::LeaseExists);
        }
        self.leases.insert(id, Lease { ttl_s, keys: BTreeSet::new() });
        Ok(())
    }

    /// Whether a key may hang on it; none always may.
    pub(super) fn check(&self, id: LeaseId) -> Result<(), StoreError> {
        if id == LeaseId(0) || self.leases.contains_key(&id) {
            Ok(())
        } else {
            Err(StoreError::LeaseNotFound)
        }
    }

    /// Ends it, and tells its keys in order.
    pub(super) fn remove(&mut self, id: LeaseId) -> Result<impl Iterator<Item = Record> + use<>, StoreError> {
        let lease = self.leases.remove(&id).ok_or(StoreError::LeaseNotFound)?;
        Ok(lease.keys.into_iter().map(|ByKey(record)| record))
    }

    /// Hangs the newest version of a key on the lease that it names.
    pub(super) fn attach(&mut self, record: &Record) {
        if let Some(lease) = self.leases.get_mut(&record.lease()) {
            lease.keys.replace(ByKey(record.clone()));
        }
    }

    pub(super) fn detach(&mut self, id: LeaseId, key: &[u8]) {
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.keys.remove(key);
        }
    }
}
