//! Converged is said once the graph is settled and quiet for long enough, not before, and taken back by a change.

use mgmt::engine::sched::{Command, Event, State};

use super::{Invariant, Scene, Verdict, hold};

#[derive(Default)]
pub struct Converged {
    said: bool,
}

impl Invariant for Converged {
    fn name(&self) -> &'static str {
        "converged"
    }

    fn step(&mut self, _: &Event, commands: &[Command], scene: &Scene<'_>) -> Verdict {
        let model = scene.model;
        let quiet = model.quiet_at().is_some_and(|at| scene.now >= at);
        let unsettled = model.vertices.keys().copied().find(|id| {
            let state = scene.scheduler.state(*id);
            !matches!(state, Some(State::Ok | State::Failed | State::Blocked { .. }))
        });
        hold(unsettled.is_none() == scene.scheduler.is_settled(), [], || {
            format!("settled is {}, and {unsettled:?} is not", scene.scheduler.is_settled())
        })?;
        for command in commands {
            match command {
                Command::Converged(true) => {
                    let right = !self.said && quiet && unsettled.is_none();
                    hold(right, [], || {
                        format!("converged is said, but quiet: {quiet}, unsettled: {unsettled:?}")
                    })?;
                    self.said = true;
                }
                Command::Converged(false) => {
                    let right = self.said && model.quiet_since == Some(scene.now);
                    hold(right, [], || "converged is taken back without a change".to_owned())?;
                    self.said = false;
                }
                _ => {}
            }
        }
        let asked = model.limits.converged_after.is_some() && model.stop.is_none();
        let due = asked && quiet && unsettled.is_none();
        hold(!due || self.said, [], || "it is settled and quiet, and converged is not said".to_owned())?;
        let stale = self.said && model.quiet_since == Some(scene.now) && !quiet;
        hold(!stale, [], || "something was changed, and converged is not taken back".to_owned())
    }

    fn end(&mut self, scene: &Scene<'_>) -> Verdict {
        let asked = scene.model.limits.converged_after.is_some() && scene.model.stop.is_none();
        let settled = asked && scene.scheduler.is_settled();
        let quiet = scene.model.quiet_at().is_some_and(|at| scene.now > at);
        hold(!(settled && quiet) || self.said, [], || {
            "it came to rest, and converged was never said".to_owned()
        })
    }
}
