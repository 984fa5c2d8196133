//! What is ready starts at once, unless something holds it up: no wake-up of a queue is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use mgmt::engine::id::{Generation, VertexId};
use mgmt::engine::sched::{Command, Event, Notice, Time};

use super::{Invariant, Scene, Verdict, hold};
use crate::sim::known::{Known, Status};

/// After so long no pause of `limit` or contention is an excuse: a token at half a check a second, ticks that are late.
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Default)]
pub struct Idle {
    ready_since: BTreeMap<(VertexId, Generation), Time>,
    contended: BTreeMap<(VertexId, Generation), ()>,
}

impl Invariant for Idle {
    fn name(&self) -> &'static str {
        "what is ready starts"
    }

    fn step(&mut self, _: &Event, commands: &[Command], scene: &Scene<'_>) -> Verdict {
        for command in commands {
            if let Command::Notice(Notice::Contended { vertex }) = command
                && let Some(v) = scene.model.vertices.get(vertex)
            {
                self.contended.insert((*vertex, v.generation), ());
            }
        }
        let model = scene.model;
        if model.stop.is_some() {
            return Ok(());
        }
        let ready = |id: &VertexId, v: &Known| {
            let may = v.status == Status::Dirty && model.may_run(*id) && !model.blocked(*id);
            may && model.may_start(*id)
        };
        let running = model.running().filter(|(_, v)| !v.rides).count();
        let waiting = model.running().filter(|(_, v)| v.policy.waits && !v.rides).count();
        let full = running >= model.limits.jobs as usize;
        let waits_full = waiting >= model.limits.waiting as usize;
        for (&id, v) in &model.vertices {
            let key = (id, v.generation);
            if !ready(&id, v) {
                self.ready_since.remove(&key);
                continue;
            }
            // A semaphore with room may have been promised to one that waits for its lane.
            let held_up = full
                || (v.policy.waits && waits_full)
                || v.policy.semaphores.iter().any(|semaphore| {
                    let shares = |other: &Known| other.policy.semaphores.contains(semaphore);
                    let holders = model.running().filter(|(_, other)| shares(other) && !other.rides).count();
                    holders >= semaphore.count as usize
                        || waits_full && model.vertices.values().any(|o| o.policy.waits && shares(o))
                });
            if held_up {
                self.ready_since.remove(&key);
                continue;
            }
            let paced = v.policy.limit.is_some() || self.contended.contains_key(&key);
            let since = *self.ready_since.entry(key).or_insert(scene.now);
            let excused = paced && scene.now.since(since) < PATIENCE;
            hold(excused, [id], || format!("{id} is ready, nothing holds it up, and it does not start"))?;
        }
        Ok(())
    }
}
