//! In peace every vertex that nothing is wrong with, nor with any before it, comes to be `Ok`.

use std::collections::BTreeMap;

use mgmt::engine::id::{Generation, VertexId};
use mgmt::engine::sched::{Command, Event, State, Time};

use super::{Invariant, Scene, Verdict, hold};
use crate::sim::world::Fault;

/// From here on it is peace, and the backlog of the troubled times is worked off.
const PEACE: Time = Time::from_secs(40);

#[derive(Default)]
pub struct Healthy {
    /// Those that have been `Ok` in peace: where there is always more to do than may be done at once, not all are at
    /// the end.
    well: BTreeMap<(VertexId, Generation), ()>,
}

impl Invariant for Healthy {
    fn name(&self) -> &'static str {
        "every healthy vertex ends ok"
    }

    fn step(&mut self, _: &Event, _: &[Command], scene: &Scene<'_>) -> Verdict {
        if scene.now >= PEACE {
            for (&id, v) in &scene.model.vertices {
                if scene.scheduler.state(id) == Some(State::Ok) {
                    self.well.insert((id, v.generation), ());
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, scene: &Scene<'_>) -> Verdict {
        if scene.model.stop.is_some() {
            return Ok(());
        }
        for (&id, v) in &scene.model.vertices {
            let state = scene.scheduler.state(id);
            let well = state == Some(State::Ok) || self.well.contains_key(&(id, v.generation));
            hold(well || !healthy(scene, id), [id], || {
                format!("nothing is wrong with {id} nor before it, and it is {state:?}")
            })?;
        }
        Ok(())
    }
}

fn healthy(scene: &Scene<'_>, id: VertexId) -> bool {
    let v = &scene.model.vertices[&id];
    let label: u32 = v.label.name[1..].parse().expect("labels are n and a number");
    let object = &scene.world.objects[&label];
    let whole = v.policy.hidden || (object.fault == Fault::None && !object.unwatched);
    whole && v.before.iter().chain(&v.forerunners).all(|before| healthy(scene, *before))
}
