//! A failure is followed by as many retries as were asked for, each after its delay, and each is announced.

use mgmt::engine::sched::{Command, Event, Notice, Outcome};

use super::{Invariant, Scene, Verdict, hold};
use crate::sim::model::Status;

pub struct Retries;

impl Invariant for Retries {
    fn name(&self) -> &'static str {
        "retries"
    }

    fn step(&mut self, event: &Event, commands: &[Command], scene: &Scene<'_>) -> Verdict {
        let mut notices = 0;
        for command in commands {
            let Command::Notice(notice) = command else { continue };
            match notice {
                Notice::Retrying { vertex, at, left } => {
                    notices += 1;
                    let Some(v) = scene.model.vertices.get(vertex) else { continue };
                    let earliest = scene.now + v.policy.retry_delay;
                    hold(*at >= earliest, [*vertex], || format!("{vertex} is retried at {at}, too early"))?;
                    // One that is blocked at once has its count all the same.
                    let known = v.retries_left;
                    hold(*left == known, [*vertex], || format!("{vertex} has {left:?} left, not {known:?}"))?;
                }
                Notice::Failed { .. } => notices += 1,
                Notice::Blocked { .. } | Notice::Contended { .. } => {}
            }
        }
        let Event::Finished { vertex, outcome: Outcome::Failed { .. }, .. } = event else { return Ok(()) };
        hold(notices <= 1, [*vertex], || format!("one failure of {vertex} is announced {notices} times"))?;
        let failed = scene.model.vertices.get(vertex).is_some_and(|v| v.status == Status::Bad);
        let said = |c: &Command| matches!(c, Command::Notice(Notice::Failed { vertex: v }) if v == vertex);
        // It may have failed before, and this be a stale answer.
        let silent = notices == 0 || !failed || commands.iter().any(said);
        hold(silent, [*vertex], || format!("{vertex} has failed, and something else is announced"))
    }
}
