//! A team has one run at a time: it begins once nobody of the team is about to become ready, and takes along all that
//! are. What becomes of one of them is nobody else's business: that their states are right says `states`.

use mgmt::engine::sched::Command;

use super::{Invariant, Scene, Verdict, hold};
use crate::sim::model::Status;

pub struct Teams;

impl Invariant for Teams {
    fn name(&self) -> &'static str {
        "teams run together"
    }

    fn command(&mut self, command: &Command, scene: &Scene<'_>) -> Verdict {
        let Command::Run { vertex, with, .. } = command else { return Ok(()) };
        let model = scene.model;
        let v = &model.vertices[vertex];
        for rider in with {
            hold(v.mates.contains(rider), [*vertex, *rider], || {
                format!("{rider} runs with {vertex}, and is not of its team")
            })?;
        }
        for mate in &v.mates {
            let m = &model.vertices[mate];
            hold(m.status != Status::Running, [*vertex, *mate], || {
                format!("{vertex} starts while {mate} of its team runs")
            })?;
            let left = m.status == Status::Dirty && model.may_run(*mate) && !with.contains(mate);
            // What is paced is left behind.
            let excused = v.policy.limit.is_some() || m.leaving || m.started.is_some();
            hold(!left || excused, [*vertex, *mate], || format!("{vertex} starts without {mate}"))?;
        }
        // A hidden one settles as it is dispatched: the model learns of it after the step.
        let unsure = model.vertices.values().any(|v| v.policy.hidden && v.status == Status::Dirty);
        hold(unsure || model.may_start(*vertex), [*vertex], || {
            format!("{vertex} starts, and others of its team were about to become ready")
        })
    }
}
