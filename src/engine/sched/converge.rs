//! When all is quiet.

use super::command::Command;
use super::step::Scheduler;
use super::time::Time;
use super::timers::Deadline;

/// Whether the graph is settled, for how long nothing was changed, and what has been said of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Converge {
    /// How many vertices are not settled, leaving ones included.
    pub unsettled: usize,
    quiet_since: Time,
    /// The first graph has begun to run: before that the clock stands.
    started: bool,
    said: bool,
    deadline: Option<Time>,
}

impl Converge {
    pub fn start(&mut self, now: Time) {
        if !self.started {
            self.started = true;
            self.quiet_since = now;
        }
    }

    /// Something was changed: the quiet time starts anew.
    pub fn disturbed(&mut self, now: Time, out: &mut Vec<Command>) {
        self.quiet_since = now;
        if std::mem::take(&mut self.said) {
            out.push(Command::Converged(false));
        }
    }
}

impl Scheduler {
    /// Says that the graph has converged, once it has.
    pub(super) fn judge_converged(&mut self, now: Time, out: &mut Vec<Command>) {
        let Some(quiet) = self.limits.converged_after else { return };
        let converge = &mut self.converge;
        if !converge.started || converge.said || converge.unsettled > 0 || self.stop.is_some() {
            return;
        }
        let at = converge.quiet_since + quiet;
        if now >= at {
            converge.said = true;
            out.push(Command::Converged(true));
        } else if converge.deadline != Some(at) {
            converge.deadline = Some(at);
            self.timers.set(at, Deadline::Quiet);
        }
    }
}
