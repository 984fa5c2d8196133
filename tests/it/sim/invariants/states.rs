//! The state of every vertex after every step is what a simple account of its life says. Above all: blocked are those
//! that wait behind a failed one, and only those; failed are those whose last try has failed.

use mgmt::engine::id::VertexId;
use mgmt::engine::sched::{Command, Event, State};

use super::{Invariant, Scene, Verdict, hold};
use crate::sim::model::Status;

pub struct States;

impl Invariant for States {
    fn name(&self) -> &'static str {
        "states"
    }

    fn step(&mut self, _: &Event, _: &[Command], scene: &Scene<'_>) -> Verdict {
        let model = scene.model;
        let known = scene.scheduler.vertices().map(|(id, _)| id);
        hold(known.eq(model.vertices.keys().copied()), [], || "other vertices are there".to_owned())?;
        for (&id, v) in &model.vertices {
            let Some(state) = scene.scheduler.state(id) else { continue };
            let expected = match v.status {
                _ if model.blocked(id) => "blocked",
                Status::Running => "checking",
                Status::Good => "ok",
                Status::Bad => "failed",
                Status::Retry(_) => "retrying",
                Status::Dirty if model.may_run(id) => "dirty",
                Status::Dirty => "waiting",
            };
            let is = if state == State::Applying { "checking" } else { state.name() };
            hold(is == expected, [id], || format!("{id} is {state:?}, and should be {expected}"))?;
            if let State::Blocked { by } = state {
                let failed = model.vertices.get(&by).is_some_and(|v| v.status == Status::Bad);
                hold(failed && above(scene, id, by), [id, by], || {
                    format!(
                        "{id} is said to be blocked by {by}, which has not failed or does not come before it"
                    )
                })?;
            }
        }
        Ok(())
    }
}

fn above(scene: &Scene<'_>, id: VertexId, by: VertexId) -> bool {
    scene.model.vertices[&id].before.iter().any(|before| *before == by || above(scene, *before, by))
}
