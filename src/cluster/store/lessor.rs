//! When leases end: known to the leader alone.
//!
//! A lease never ends by a clock of the store. The leader keeps deadlines beside it and has revoked what is past them;
//! a new leader gives every lease its whole life again.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::id::LeaseId;
use super::lease::Leases;
use crate::engine::sched::Time;

/// How long after a lease's end was proposed it is proposed again, should it still be there. etcd's 3 s.
const REVOKE_AGAIN: Duration = Duration::from_secs(3);

/// The deadlines of all leases, on the leader; empty on others.
#[derive(Debug, Default)]
pub struct Lessor {
    role: Role,
}

#[derive(Debug, Default)]
enum Role {
    #[default]
    Follower,
    Leader(Deadlines),
}

#[derive(Debug, Default)]
struct Deadlines {
    leases: HashMap<LeaseId, Deadline>,
    /// When to look at which lease.
    order: BTreeSet<(Time, LeaseId)>,
}

#[derive(Clone, Copy, Debug)]
struct Deadline {
    ttl: Duration,
    at: Time,
    /// Past its end: a revoke was proposed, and renewing comes too late.
    ended: bool,
}

impl Lessor {
    /// Off: leases have no deadlines until this member leads.
    pub fn new() -> Self {
        Self::default()
    }

    /// This member leads from now on: every lease lives its whole life from now, and `extend` more (a leader that is
    /// just elected cannot serve renewals at once: etcd gives the election's timeout).
    pub fn promote(&mut self, leases: &Leases, now: Time, extend: Duration) {
        let mut deadlines = Deadlines::default();
        for (id, ttl_s) in leases.all() {
            let ttl = seconds(ttl_s);
            deadlines.set(id, Deadline { ttl, at: now + ttl + extend, ended: false });
        }
        self.role = Role::Leader(deadlines);
    }

    /// This member leads no longer.
    pub fn demote(&mut self) {
        self.role = Role::Follower;
    }

    /// Whether this member leads: others pass renewals and questions on.
    pub fn leads(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// A lease was granted.
    pub fn granted(&mut self, id: LeaseId, ttl_s: i64, now: Time) {
        if let Role::Leader(deadlines) = &mut self.role {
            let ttl = seconds(ttl_s);
            deadlines.set(id, Deadline { ttl, at: now + ttl, ended: false });
        }
    }

    /// A lease was revoked.
    pub fn revoked(&mut self, id: LeaseId) {
        if let Role::Leader(deadlines) = &mut self.role {
            deadlines.remove(id);
        }
    }

    /// Renews a lease: it lives its whole life from now. Returns that, in seconds; `None`: there is no such lease, or it
    /// has ended.
    pub fn renew(&mut self, id: LeaseId, now: Time) -> Option<i64> {
        let Role::Leader(deadlines) = &mut self.role else { return None };
        let deadline = *deadlines.leases.get(&id).filter(|lease| !lease.ended && lease.at > now)?;
        deadlines.set(id, Deadline { at: now + deadline.ttl, ..deadline });
        Some(i64::try_from(deadline.ttl.as_secs()).unwrap_or(i64::MAX))
    }

    /// Up to `max` leases that have ended and are to be revoked. One that is still there after a while is told again.
    pub fn expired(&mut self, now: Time, max: usize) -> Vec<LeaseId> {
        let Role::Leader(deadlines) = &mut self.role else { return Vec::new() };
        let due = deadlines.order.iter().take_while(|(at, _)| *at <= now).take(max);
        let due: Vec<LeaseId> = due.map(|(_, id)| *id).collect();
        for id in &due {
            if let Some(deadline) = deadlines.leases.get(id).copied() {
                deadlines.set(*id, Deadline { at: now + REVOKE_AGAIN, ended: true, ..deadline });
            }
        }
        due
    }

    /// When [`expired`](Self::expired) next has something to tell.
    pub fn next_expiry(&self) -> Option<Time> {
        let Role::Leader(deadlines) = &self.role else { return None };
        deadlines.order.first().map(|(at, _)| *at)
    }

    /// How long a lease still lives; zero when it has ended, `None`: no such lease, or this member does not lead.
    pub fn remaining(&self, id: LeaseId, now: Time) -> Option<Duration> {
        let Role::Leader(deadlines) = &self.role else { return None };
        let deadline = deadlines.leases.get(&id)?;
        Some(if deadline.ended { Duration::ZERO } else { deadline.at.since(now) })
    }

    /// All leases, those that end first coming first.
    pub fn by_expiry(&self) -> Vec<LeaseId> {
        let Role::Leader(deadlines) = &self.role else { return Vec::new() };
        deadlines.order.iter().map(|(_, id)| *id).collect()
    }
}

impl Deadlines {
    fn set(&mut self, id: LeaseId, deadline: Deadline) {
        if let Some(old) = self.leases.insert(id, deadline) {
            self.order.remove(&(old.at, id));
        }
        self.order.insert((deadline.at, id));
    }

    fn remove(&mut self, id: LeaseId) {
        if let Some(old) = self.leases.remove(&id) {
            self.order.remove(&(old.at, id));
        }
    }
}

fn seconds(ttl_s: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl_s).unwrap_or(0))
}
