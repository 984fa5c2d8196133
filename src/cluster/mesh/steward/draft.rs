//! What one step comes to, while it is being made.

use super::command::{Command, Order};
use super::reason::Reason;
use super::remark::Remark;
use crate::engine::sched::Time;

/// What one step comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// What to do now. At most one order changes members or moves the leader.
    pub orders: Vec<Order>,
    /// What would be changed and cannot.
    pub remarks: Vec<Remark>,
    /// When to ask again, should nothing change before.
    pub wake_at: Option<Time>,
}

/// A step while it is being made.
#[derive(Default)]
pub(super) struct Draft {
    /// Changes of members, and of the leader, the most urgent first: at most one is given.
    pub changes: Vec<Order>,
    /// All of these are given.
    pub notes: Vec<Order>,
    pub remarks: Vec<Remark>,
    pub wake_at: Option<Time>,
}

impl Draft {
    pub fn change(&mut self, command: Command, reason: Reason) {
        self.changes.push(Order { command, reason });
    }

    pub fn note(&mut self, command: Command, reason: Reason) {
        self.notes.push(Order { command, reason });
    }

    pub fn remark(&mut self, remark: Remark) {
        self.remarks.push(remark);
    }

    /// Asks for another step at a time that is still to come.
    pub fn wake_at(&mut self, at: Time, now: Time) {
        if at > now {
            self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
        }
    }
}
