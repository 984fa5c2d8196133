//! `limit` bounds the checks a second, and one that is contended is tried once a second.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mgmt::engine::id::{Generation, VertexId};
use mgmt::engine::sched::{Command, Event, Notice, Outcome, Time};

use super::{Invariant, Scene, Verdict, hold, started};

/// Between tries of one that is contended.
const PAUSE: Duration = Duration::from_secs(1);
/// After so long without trouble it is so no longer.
const QUIET: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Pace {
    /// The starts of those with a limit.
    starts: BTreeMap<(VertexId, Generation), Vec<Time>>,
    trouble: BTreeMap<(VertexId, Generation), Trouble>,
    /// Those whose answer is awaited: others are stale.
    awaited: BTreeSet<(VertexId, Generation)>,
}

impl Pace {
    fn starts(&mut self, vertex: VertexId, scene: &Scene<'_>) -> Verdict {
        let (now, v) = (scene.now, &scene.model.vertices[&vertex]);
        let key = (vertex, v.generation);
        if let Some(trouble) = self.trouble.get(&key) {
            let since = now.since(trouble.last);
            let paced = !trouble.contended || since >= PAUSE;
            hold(paced, [vertex], || format!("{vertex} is contended, and runs again after {since:?}"))?;
        }
        self.awaited.insert(key);
        let Some(limit) = v.policy.limit else { return Ok(()) };
        let starts = self.starts.entry(key).or_default();
        starts.push(now);
        // In no span of time there are more starts than the burst and what drips in meanwhile.
        for (at, start) in starts.iter().rev().enumerate() {
            let most = f64::from(limit.burst) + now.since(*start).as_secs_f64() * limit.per_second;
            let count = at as f64 + 1.0;
            hold(count <= most + 1e-6, [vertex], || {
                format!("{vertex} has started {count} times since {start}, and the limit is {limit:?}")
            })?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Trouble {
    last: Time,
    contended: bool,
}

impl Invariant for Pace {
    fn name(&self) -> &'static str {
        "pace"
    }

    fn command(&mut self, command: &Command, scene: &Scene<'_>) -> Verdict {
        for vertex in started(command) {
            self.starts(vertex, scene)?;
        }
        Ok(())
    }

    fn step(&mut self, event: &Event, commands: &[Command], scene: &Scene<'_>) -> Verdict {
        let now = scene.now;
        let answer = match event {
            Event::Finished { vertex, generation, .. } => self.awaited.remove(&(*vertex, *generation)),
            _ => false,
        };
        for command in commands {
            if let Command::Notice(Notice::Contended { vertex }) = command
                && let Some(v) = scene.model.vertices.get(vertex)
            {
                let trouble = self.trouble.entry((*vertex, v.generation)).or_default();
                trouble.contended = true;
                trouble.last = now;
            }
        }
        let Event::Finished { vertex, generation, outcome } = event else { return Ok(()) };
        let Some(v) = scene.model.occupant(*vertex, *generation) else { return Ok(()) };
        let troubled = match outcome {
            Outcome::Done { changed, .. } => *changed && !v.policy.noop,
            Outcome::Failed { .. } => true,
            Outcome::Cancelled { .. } => false,
        };
        if answer
            && troubled
            && let Some(trouble) = self.trouble.get_mut(&(*vertex, *generation))
        {
            let over = now.since(trouble.last) > QUIET;
            trouble.contended &= !over;
            trouble.last = now;
        }
        Ok(())
    }
}
