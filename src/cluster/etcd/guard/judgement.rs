//! What a request would do, and whether that is allowed.

use bytes::Bytes;

use super::lease_owner::is_of;
use crate::cluster::identity::rules::{Access, KvGrant, may};
use crate::cluster::identity::{Denied, Principal};
use crate::cluster::store::auth::AuthError;
use crate::cluster::store::id::LeaseId;
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::request::{Change, Compare, Delete, Op, Operand, Put, Range, Test, Txn};
use crate::cluster::world::keys;

/// Judges what one asks.
pub(super) struct Judge<'j> {
    /// Who asks.
    pub who: &'j Principal,
    /// What hosts may write of what is everybody's.
    pub grants: &'j [KvGrant],
}

impl Judge<'_> {
    /// Whether they may make a change.
    pub fn change(&self, change: &Change) -> Result<(), AuthError> {
        match change {
            Change::Put(put) => self.put(put, &[]),
            Change::Delete(delete) => self.delete(delete),
            Change::Txn(txn) => self.txn(txn),
            Change::LeaseGrant { id, .. } | Change::LeaseRevoke { id } => self.lease(*id),
            Change::Compact { .. } | Change::Alarm(_) | Change::Downgrade { .. } => self.administrator(),
            // The rules are what they are; and the last two only members say.
            Change::Auth(_) | Change::MemberAttributes { .. } | Change::ClusterVersion { .. } => {
                Err(AuthError::PermissionDenied)
            }
        }
    }

    /// Whether they may do what only administrators may.
    pub fn administrator(&self) -> Result<(), AuthError> {
        match self.who {
            Principal::Administrator(_) => Ok(()),
            Principal::Host(_) | Principal::Nobody => Err(AuthError::PermissionDenied),
        }
    }

    /// Whether they may read, or watch, all keys of a range.
    pub fn read(&self, range: &KeyRange) -> Result<(), AuthError> {
        self.may(Access::Read, range)
    }

    /// Whether a lease is theirs.
    pub fn lease(&self, id: LeaseId) -> Result<(), AuthError> {
        match self.who {
            Principal::Administrator(_) => Ok(()),
            Principal::Host(host) if is_of(id, host) => Ok(()),
            Principal::Host(_) | Principal::Nobody => Err(AuthError::PermissionDenied),
        }
    }

    /// Whether they may do all that a transaction could do, whichever way it goes.
    pub fn txn(&self, txn: &Txn) -> Result<(), AuthError> {
        txn.compares.iter().try_for_each(|compare| self.compare(compare))?;
        let absent: Vec<&Bytes> = txn.compares.iter().filter_map(absent).collect();
        txn.then.iter().try_for_each(|op| self.op(op, &absent))?;
        txn.otherwise.iter().try_for_each(|op| self.op(op, &[]))
    }

    /// Who may write what nobody has written may ask whether that is so.
    fn compare(&self, compare: &Compare) -> Result<(), AuthError> {
        let read = self.read(&compare.range);
        if read.is_err() && absent(compare).is_some_and(|key| key.starts_with(keys::AUDIT.as_bytes())) {
            return self.may(Access::Write, &compare.range);
        }
        read
    }

    fn op(&self, op: &Op, absent: &[&Bytes]) -> Result<(), AuthError> {
        match op {
            Op::Range(Range { range, .. }) => self.read(range),
            Op::Put(put) => self.put(put, absent),
            Op::Delete(delete) => self.delete(delete),
            Op::Txn(txn) => self.txn(txn),
        }
    }

    fn put(&self, put: &Put, absent: &[&Bytes]) -> Result<(), AuthError> {
        let range = KeyRange::One(put.key.clone());
        self.may(Access::Write, &range)?;
        if put.previous || put.value.is_none() || put.lease.is_none() {
            self.read(&range)?;
        }
        // What was done stays written: an entry is added where there is none, which only a comparison tells.
        let is_entry = put.key.starts_with(keys::AUDIT.as_bytes());
        if is_entry && !absent.contains(&&put.key) {
            return Err(AuthError::PermissionDenied);
        }
        match put.lease {
            Some(lease) if lease != LeaseId(0) => self.lease(lease),
            _ => Ok(()),
        }
    }

    fn delete(&self, delete: &Delete) -> Result<(), AuthError> {
        self.may(Access::Remove, &delete.range)?;
        if delete.previous { self.read(&delete.range) } else { Ok(()) }
    }

    fn may(&self, access: Access, range: &KeyRange) -> Result<(), AuthError> {
        may(self.who, access, range, self.grants).map_err(|denied: Denied| {
            tracing::debug!(%denied, "the rules do not allow it");
            AuthError::PermissionDenied
        })
    }
}

/// The key that must not be there for a comparison to hold.
fn absent(compare: &Compare) -> Option<&Bytes> {
    let (KeyRange::One(key), Test::Equal) = (&compare.range, compare.test) else { return None };
    let none = matches!(compare.with, Operand::Version(0) | Operand::Created(0) | Operand::Modified(0));
    none.then_some(key)
}
