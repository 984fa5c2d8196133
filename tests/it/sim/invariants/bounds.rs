//! Jobs, waiting runs and semaphores: never more than there is room for.

use mgmt::engine::sched::Command;

use super::{Invariant, Scene, Verdict, hold};

pub struct Bounds;

impl Invariant for Bounds {
    fn name(&self) -> &'static str {
        "bounds"
    }

    fn command(&mut self, command: &Command, scene: &Scene<'_>) -> Verdict {
        let Command::Run { vertex, .. } = command else { return Ok(()) };
        let (model, v) = (scene.model, &scene.model.vertices[vertex]);
        let running = model.running().filter(|(_, other)| !other.rides).count();
        hold(running < model.limits.jobs as usize, [*vertex], || {
            format!("{vertex} starts beside {running} jobs")
        })?;
        let waiting = model.running().filter(|(_, other)| other.policy.waits && !other.rides).count();
        let fits = !v.policy.waits || waiting < model.limits.waiting as usize;
        hold(fits, [*vertex], || format!("{vertex} starts beside {waiting} that wait"))?;
        for semaphore in &v.policy.semaphores {
            let held = model
                .running()
                .filter(|(_, other)| other.policy.semaphores.contains(semaphore) && !other.rides)
                .count();
            hold(held < semaphore.count as usize, [*vertex], || {
                format!("{vertex} starts though {held} hold {semaphore}")
            })?;
        }
        Ok(())
    }
}
