//! What is meant for an earlier occupant of a slot has no effect on the present one.

use mgmt::engine::sched::{Command, Event};

use super::{Invariant, Scene, Verdict, hold};

pub struct Stale;

impl Invariant for Stale {
    fn name(&self) -> &'static str {
        "stale answers are ignored"
    }

    fn step(&mut self, event: &Event, commands: &[Command], scene: &Scene<'_>) -> Verdict {
        let (Event::Wake { vertex, generation, .. }
        | Event::WatchFailed { vertex, generation, .. }
        | Event::Applying { vertex, generation }
        | Event::Finished { vertex, generation, .. }) = event
        else {
            return Ok(());
        };
        // A vertex may have retired in this very step.
        let retired = commands.iter().any(|c| matches!(c, Command::Retire { vertex: v } if v == vertex));
        if retired || scene.model.occupant(*vertex, *generation).is_some() {
            return Ok(());
        }
        let acts = commands.iter().find(|c| !matches!(c, Command::WakeAt(_) | Command::Converged(true)));
        hold(acts.is_none(), [*vertex], || format!("a stale event leads to {acts:?}"))
    }
}
