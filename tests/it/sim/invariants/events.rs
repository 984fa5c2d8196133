//! No event is lost: whoever changed what a vertex keeps, it has looked again since, and it is as wanted.

use mgmt::engine::sched::policy::WakePolicy;

use super::{Invariant, Scene, Verdict, hold};
use crate::sim::model::Status;

pub struct Events;

impl Invariant for Events {
    fn name(&self) -> &'static str {
        "no event is lost"
    }

    fn end(&mut self, scene: &Scene<'_>) -> Verdict {
        let (model, world) = (scene.model, scene.world);
        if model.stop.is_some() {
            return Ok(());
        }
        let settled = model.vertices.iter().filter(|(_, v)| v.status == Status::Good && !v.policy.hidden);
        for (&id, v) in settled.filter(|(_, v)| v.policy.wake != WakePolicy::Never) {
            let label: u32 = v.label.name[1..].parse().expect("labels are n and a number");
            let (object, looked) = (&world.objects[&label], world.looked[&id]);
            hold(looked >= object.drifted, [id], || {
                format!(
                    "{id} has drifted at {}, and has looked at {looked} for the last time",
                    object.drifted
                )
            })?;
            let sides = v.policy.noop || object.is[0] == object.is[1];
            hold(sides, [id], || {
                format!("{id} is settled, and half of it is not as wanted: {:?}", object.is)
            })?;
        }
        Ok(())
    }
}
