//! A run is asked for only of a vertex that is there and does not run; only what runs is cancelled or killed.

use mgmt::engine::sched::{Command, Event, StopLevel};

use super::{Invariant, Scene, Verdict, hold, started};
use crate::sim::model::Status;

pub struct Answers;

impl Invariant for Answers {
    fn name(&self) -> &'static str {
        "one run at a time"
    }

    fn command(&mut self, command: &Command, scene: &Scene<'_>) -> Verdict {
        for vertex in started(command) {
            let known = scene.model.vertices.get(&vertex);
            hold(known.is_some(), [vertex], || format!("{vertex} is not there, but is to run"))?;
            let runs = known.is_some_and(|v| v.status == Status::Running);
            hold(!runs, [vertex], || format!("{vertex} runs, and is to run again at the same time"))?;
        }
        match command {
            Command::Run { vertex, generation, .. } => {
                let known = scene.model.occupant(*vertex, *generation);
                hold(known.is_some(), [*vertex], || format!("an earlier {vertex} is to run"))
            }
            Command::Cancel { vertex } | Command::Kill { vertex } => {
                let runs = scene.model.vertices.get(vertex).is_some_and(|v| v.status == Status::Running);
                hold(runs, [*vertex], || format!("{vertex} is to end, and does not run"))
            }
            _ => Ok(()),
        }
    }

    fn step(&mut self, event: &Event, commands: &[Command], scene: &Scene<'_>) -> Verdict {
        let told = commands.iter().filter(|c| matches!(c, Command::Cancel { .. } | Command::Kill { .. }));
        let told = told.count();
        let expected = match event {
            // A level that was reached before is no news: then nobody is told.
            Event::Stop(StopLevel::Finish) => 0,
            Event::Stop(_) if told > 0 => scene.model.running().count(),
            Event::Stop(_) => return Ok(()),
            _ => 0,
        };
        hold(told == expected, [], || format!("{told} runs are told to end, and not {expected}"))
    }
}
