//! Whether a caller may.

use bytes::Bytes;

use super::{Access, Auth, AuthError, Rights};
use crate::cluster::store::id::LeaseId;
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::request::{Caller, Change, Delete, Op, Put, Txn};

/// Gives the keys of a lease; none of a lease that is not there.
pub type LeaseKeys<'a> = &'a dyn Fn(LeaseId) -> Vec<Bytes>;

impl Auth {
    /// Whether the caller may make a change, when it is applied. What the cluster itself proposes is asked for by
    /// [`Auth::own_caller`].
    pub fn check(
        &self,
        caller: Option<&Caller>,
        change: &Change,
        keys: LeaseKeys<'_>,
    ) -> Result<(), AuthError> {
        if !self.enabled {
            return Ok(());
        }
        match change {
            Change::Put(put) => self.check_put(caller, put, keys),
            Change::Delete(delete) => self.check_delete(caller, delete),
            Change::Txn(txn) => {
                // An empty one has nothing else to fail on.
                if caller.is_some_and(|caller| caller.auth_revision < self.revision) {
                    return Err(AuthError::OldRevision);
                }
                self.check_txn(caller, txn, keys)
            }
            Change::LeaseGrant { .. } => self.check_known(caller),
            Change::LeaseRevoke { id } => self.check_lease(caller, &keys(*id), Access::Write),
            // Whoever has shown the password, which the proposer has verified.
            Change::Auth(super::AuthChange::Authenticate { .. }) => Ok(()),
            Change::Compact { .. } | Change::Alarm(_) | Change::Auth(_) | Change::Downgrade { .. } => {
                self.check_admin(caller)
            }
            // No client can ask for these.
            Change::MemberAttributes { .. } | Change::ClusterVersion { .. } => Ok(()),
        }
    }

    /// Whether the caller may read, or watch, a range.
    pub fn check_range(&self, caller: Option<&Caller>, range: &KeyRange) -> Result<(), AuthError> {
        self.check_keys(caller, Access::Read, range)
    }

    /// Whether the caller may do a transaction that only reads. To be asked again after the reading, if the store can
    /// have changed in between.
    pub fn check_read_txn(&self, caller: Option<&Caller>, txn: &Txn) -> Result<(), AuthError> {
        if !self.enabled {
            return Ok(());
        }
        if caller.is_some_and(|caller| caller.auth_revision != self.revision) {
            return Err(AuthError::OldRevision);
        }
        self.check_txn(caller, txn, &|_| Vec::new())
    }

    /// Whether the caller may do with a lease what needs a right to each of its keys: listing them, listing leases
    /// ([`Access::Read`]), keeping it alive, ending it ([`Access::Write`]).
    pub fn check_lease(
        &self,
        caller: Option<&Caller>,
        keys: &[Bytes],
        access: Access,
    ) -> Result<(), AuthError> {
        self.check_known(caller)?;
        if self.is_admin(caller) {
            return Ok(());
        }
        keys.iter().try_for_each(|key| self.check_keys(caller, access, &KeyRange::One(key.clone())))
    }

    /// Whether it is known who asks; enough for granting a lease, asking how long one lives, listing members and
    /// alarms.
    pub fn check_known(&self, caller: Option<&Caller>) -> Result<(), AuthError> {
        if self.enabled && caller.is_none() {
            return Err(AuthError::UserEmpty);
        }
        Ok(())
    }

    /// Whether the caller has the role `root`: for maintenance, membership, compaction, alarms, users and roles. The
    /// auth revision does not matter: what counts is what the caller is now.
    pub fn check_admin(&self, caller: Option<&Caller>) -> Result<(), AuthError> {
        self.check_known(caller)?;
        if self.is_admin(caller) { Ok(()) } else { Err(AuthError::PermissionDenied) }
    }

    /// Whether the caller may see a user: its own, or as administrator.
    pub fn check_user(&self, caller: Option<&Caller>, name: &str) -> Result<(), AuthError> {
        match caller {
            Some(caller) if &*caller.user == name => Ok(()),
            _ => self.check_admin(caller),
        }
    }

    /// Whether the caller may see a role: one of its own, or as administrator.
    pub fn check_role(&self, caller: Option<&Caller>, name: &str) -> Result<(), AuthError> {
        match caller.and_then(|caller| self.users.get(&caller.user)) {
            Some(user) if user.roles.contains(name) => Ok(()),
            _ => self.check_admin(caller),
        }
    }

    /// Whether every key of a range may be read.
    pub fn may_read(&self, caller: Option<&Caller>, range: &KeyRange) -> bool {
        self.check_keys(caller, Access::Read, range).is_ok()
    }

    /// Whether every key of a range may be written.
    pub fn may_write(&self, caller: Option<&Caller>, range: &KeyRange) -> bool {
        self.check_keys(caller, Access::Write, range).is_ok()
    }

    /// Whether the caller has the role `root`, or nobody is asked.
    pub fn is_admin(&self, caller: Option<&Caller>) -> bool {
        !self.enabled || self.rights(caller).is_some_and(Rights::is_root)
    }

    fn rights(&self, caller: Option<&Caller>) -> Option<&Rights> {
        Some(&self.users.get(&caller?.user)?.rights)
    }

    fn check_keys(&self, caller: Option<&Caller>, access: Access, range: &KeyRange) -> Result<(), AuthError> {
        if !self.enabled {
            return Ok(());
        }
        if caller.ok_or(AuthError::UserEmpty)?.auth_revision < self.revision {
            return Err(AuthError::OldRevision);
        }
        match self.rights(caller) {
            Some(rights) if rights.allow(access, range) => Ok(()),
            _ => Err(AuthError::PermissionDenied),
        }
    }

    fn check_put(&self, caller: Option<&Caller>, put: &Put, keys: LeaseKeys<'_>) -> Result<(), AuthError> {
        let range = KeyRange::One(put.key.clone());
        let access = if put.previous { Access::ReadWrite } else { Access::Write };
        self.check_keys(caller, access, &range)?;
        // Who may not end a lease may not hang a key on it: it would live and die with keys of others.
        match put.lease {
            Some(lease) if lease != LeaseId(0) => self.check_lease(caller, &keys(lease), Access::Write),
            _ => Ok(()),
        }
    }

    fn check_delete(&self, caller: Option<&Caller>, delete: &Delete) -> Result<(), AuthError> {
        let access = if delete.previous { Access::ReadWrite } else { Access::Write };
        self.check_keys(caller, access, &delete.range)
    }

    /// Both branches, whichever will be taken, and those of every transaction within.
    fn check_txn(&self, caller: Option<&Caller>, txn: &Txn, keys: LeaseKeys<'_>) -> Result<(), AuthError> {
        let mut open = vec![txn];
        while let Some(txn) = open.pop() {
            for compare in &txn.compares {
                self.check_range(caller, &compare.range)?;
            }
            for op in txn.then.iter().chain(&txn.otherwise) {
                match op {
                    Op::Range(range) => self.check_range(caller, &range.range)?,
                    Op::Put(put) => self.check_put(caller, put, keys)?,
                    Op::Delete(delete) => self.check_delete(caller, delete)?,
                    Op::Txn(inner) => open.push(inner),
                }
            }
        }
        Ok(())
    }
}
