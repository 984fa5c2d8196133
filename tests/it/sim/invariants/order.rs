//! No vertex starts while a predecessor is not `Ok`, or while one that it replaces is still there.

use mgmt::engine::sched::{Command, State};

use super::{Invariant, Scene, Verdict, hold, started};

pub struct Order;

impl Invariant for Order {
    fn name(&self) -> &'static str {
        "order"
    }

    fn command(&mut self, command: &Command, scene: &Scene<'_>) -> Verdict {
        for vertex in started(command) {
            let v = &scene.model.vertices[&vertex];
            for before in &v.before {
                let state = scene.scheduler.state(*before);
                hold(state == Some(State::Ok), [vertex, *before], || {
                    format!("{vertex} starts while its predecessor {before} is {state:?}")
                })?;
            }
            for old in &v.forerunners {
                hold(false, [vertex, *old], || {
                    format!("{vertex} starts before {old}, which it replaces, has gone")
                })?;
            }
        }
        Ok(())
    }
}
