//! What a steward keeps from step to step. All of it only slows things down, so a new leader may start without.

use std::collections::BTreeMap;

use super::command::{Command, Order};
use super::limits;
use super::pace::Pace;
use super::reason::Reason;
use crate::cluster::mesh::HostName;
use crate::engine::sched::Time;

/// What a steward keeps from step to step.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub pace: Pace,
    /// Hosts whose nomination came to nothing, and until when they are left alone.
    pub resting: BTreeMap<HostName, Time>,
    /// Since when a voter that leaves waits for a successor.
    pub hands_over_since: Option<Time>,
    /// Since when there is nothing else to do.
    pub calm_since: Option<Time>,
    /// When a better place was last looked for among hosts that do not serve.
    pub looked_at: Option<Time>,
    /// Since when there are more learners than are needed.
    pub surplus_since: Option<Time>,
}

impl Memory {
    pub fn forget_old(&mut self, now: Time) {
        self.pace.forget_old(now);
        self.resting.retain(|_, until| now < *until);
    }

    /// A note was given.
    pub fn note_given(&mut self, order: &Order, now: Time) {
        let failed = matches!(order.reason, Reason::NotInTime { .. } | Reason::Unfit { .. });
        if let (Command::Withdraw { host }, true) = (&order.command, failed) {
            self.resting.insert(host.clone(), now + limits::REST);
        }
    }
}
