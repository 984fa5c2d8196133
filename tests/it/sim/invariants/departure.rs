//! A vertex retires once it is to leave and is free to go: not while it runs, nor, with `realize`, before it has settled.

use mgmt::engine::sched::{Command, Event};

use super::{Invariant, Scene, Verdict, hold};
use crate::sim::model::Status;

pub struct Departure;

impl Invariant for Departure {
    fn name(&self) -> &'static str {
        "departure"
    }

    fn command(&mut self, command: &Command, scene: &Scene<'_>) -> Verdict {
        let Command::Retire { vertex } = command else { return Ok(()) };
        let Some(v) = scene.model.vertices.get(vertex) else {
            return hold(false, [*vertex], || format!("{vertex} retires twice"));
        };
        hold(v.leaving, [*vertex], || format!("{vertex} retires, and nobody has removed it"))?;
        hold(v.status != Status::Running, [*vertex], || format!("{vertex} retires while it runs"))?;
        let may = scene.model.stop.is_some() || v.policy.hidden || !scene.model.must_settle(*vertex);
        hold(may, [*vertex], || format!("{vertex} retires before it has settled"))
    }

    fn step(&mut self, _: &Event, _: &[Command], scene: &Scene<'_>) -> Verdict {
        for (&id, v) in scene.model.vertices.iter().filter(|(_, v)| v.leaving) {
            let free = v.status != Status::Running && !scene.model.must_settle(id);
            hold(!free || scene.model.stop.is_some(), [id], || format!("{id} is free to leave, and stays"))?;
        }
        Ok(())
    }
}
