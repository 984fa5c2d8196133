//! After a stop nothing starts; once nothing runs, that is said, once.

use mgmt::engine::sched::{Command, Event};

use super::{Invariant, Scene, Verdict, hold};

#[derive(Default)]
pub struct Stopped {
    said: bool,
}

impl Invariant for Stopped {
    fn name(&self) -> &'static str {
        "stopped"
    }

    fn command(&mut self, command: &Command, scene: &Scene<'_>) -> Verdict {
        match command {
            Command::Run { vertex, .. } => {
                let stopping = scene.model.stop.is_some();
                hold(!stopping, [*vertex], || format!("{vertex} starts after a stop"))
            }
            Command::Stopped => {
                hold(!self.said, [], || "stopped is said twice".to_owned())?;
                self.said = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn step(&mut self, _: &Event, _: &[Command], scene: &Scene<'_>) -> Verdict {
        let over = scene.model.stop.is_some() && scene.model.running().next().is_none();
        hold(over == self.said || (self.said && scene.model.stop.is_some()), [], || {
            format!("nothing runs after a stop: {over}; said: {}", self.said)
        })
    }
}
