//! What the store refuses while a member is in trouble.

use super::Store;
use super::error::StoreError;
use super::reply::Alarm;
use super::request::{AlarmChange, AlarmKind, Change, Op, Txn};

impl Store {
    /// Refuses what the alarms that are on forbid. Reads are never refused, so that data can be saved.
    pub(super) fn not_alarmed(&self, change: &Change) -> Result<(), StoreError> {
        if self.alarms.is_empty() {
            return Ok(());
        }
        let on = |kind| self.alarms.iter().any(|alarm| alarm.kind == kind);
        if touches_data(change) && on(AlarmKind::Corrupt) {
            return Err(StoreError::Corrupt);
        }
        if change.grows() && on(AlarmKind::NoSpace) {
            return Err(StoreError::NoSpace);
        }
        Ok(())
    }

    /// Raises or ends one member's alarm, and tells which. Raising what is on tells it again; ending what is off, or
    /// naming no kind, does nothing.
    pub(super) fn change_alarms(&mut self, change: AlarmChange) -> Vec<Alarm> {
        let Some(kind) = change.kind else { return Vec::new() };
        let alarm = Alarm { member: change.member, kind };
        if change.raise {
            self.alarms.insert(alarm);
        } else if !self.alarms.remove(&alarm) {
            return Vec::new();
        }
        vec![alarm]
    }
}

impl Change {
    /// Whether it needs more space: refused once the quota is used up, before it is proposed and when it is applied.
    pub fn grows(&self) -> bool {
        match self {
            Self::Put(_) | Self::LeaseGrant { .. } => true,
            Self::Txn(txn) => puts(txn),
            _ => false,
        }
    }
}

fn puts(txn: &Txn) -> bool {
    txn.then.iter().chain(&txn.otherwise).any(|op| match op {
        Op::Put(_) => true,
        Op::Txn(txn) => puts(txn),
        Op::Range(_) | Op::Delete(_) => false,
    })
}

fn touches_data(change: &Change) -> bool {
    match change {
        Change::Put(_)
        | Change::Delete(_)
        | Change::Txn(_)
        | Change::Compact { .. }
        | Change::LeaseGrant { .. }
        | Change::LeaseRevoke { .. } => true,
        Change::Alarm(_)
        | Change::Auth(_)
        | Change::MemberAttributes { .. }
        | Change::ClusterVersion { .. }
        | Change::Downgrade { .. } => false,
    }
}
