//! A vertex runs only for a cause: it is new, an event, a refresh, a received value, a poll, a retry, a cancelled run.
//! Its watch is armed only if it is not armed. So a swap never restarts what it does not touch.

use mgmt::engine::sched::Command;
use mgmt::engine::sched::policy::WakePolicy;

use super::{Invariant, Scene, Verdict, hold, started};
use crate::sim::model::Status;

pub struct Unchanged;

impl Invariant for Unchanged {
    fn name(&self) -> &'static str {
        "an unchanged vertex never restarts"
    }

    fn command(&mut self, command: &Command, scene: &Scene<'_>) -> Verdict {
        let Command::Run { arm, .. } = command else { return Ok(()) };
        for vertex in started(command) {
            let v = &scene.model.vertices[&vertex];
            let status = v.status;
            hold(status == Status::Dirty, [vertex], || {
                format!("{vertex} runs without a cause: it is {status:?}")
            })?;
            hold(!v.policy.hidden, [vertex], || format!("{vertex} is hidden, and runs"))?;
            let should = !v.armed && v.policy.wake == WakePolicy::Watch;
            hold(*arm == should, [vertex], || {
                format!("the watch of {vertex}: arm is {arm}, and not {should}")
            })?;
        }
        Ok(())
    }
}
