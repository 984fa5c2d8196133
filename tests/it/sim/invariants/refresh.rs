//! A run is given a refresh once after a change of a notifying predecessor: not under noop, again if it failed, and by
//! the heir if one of both was being replaced.

use mgmt::engine::sched::Command;

use super::{Invariant, Scene, Verdict, hold, started};

pub struct Refresh;

impl Invariant for Refresh {
    fn name(&self) -> &'static str {
        "a refresh is delivered once"
    }

    fn command(&mut self, command: &Command, scene: &Scene<'_>) -> Verdict {
        let Command::Run { vertex, refresh, .. } = command else { return Ok(()) };
        let due = started(command).iter().any(|id| scene.model.vertices[id].refresh);
        hold(*refresh == due, [*vertex], || format!("{vertex} runs with refresh {refresh}, and {due} is due"))
    }
}
