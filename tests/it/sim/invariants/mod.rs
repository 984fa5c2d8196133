//! What always holds, one file each.

mod answers;
mod bounds;
mod converged;
mod departure;
mod events;
mod healthy;
mod idle;
mod order;
mod pace;
mod refresh;
mod repeatable;
mod retries;
mod stale;
mod states;
mod stopped;
mod teams;
mod unchanged;

use mgmt::engine::id::VertexId;
use mgmt::engine::sched::{Command, Event, Limits, Scheduler, Time};

use super::model::Model;
use super::world::World;

/// What an invariant may look at.
pub struct Scene<'a> {
    pub now: Time,
    /// While commands are looked at: before the present command. After a step: after all of them.
    pub model: &'a Model,
    /// After the step, always.
    pub scheduler: &'a Scheduler,
    pub world: &'a World,
}

/// Something that always holds.
pub trait Invariant {
    fn name(&self) -> &'static str;

    /// A command is given.
    fn command(&mut self, _: &Command, _: &Scene<'_>) -> Verdict {
        Ok(())
    }

    /// A step is done.
    fn step(&mut self, _: &Event, _: &[Command], _: &Scene<'_>) -> Verdict {
        Ok(())
    }

    /// A life is over; for long nothing has befallen the graph.
    fn end(&mut self, _: &Scene<'_>) -> Verdict {
        Ok(())
    }
}

/// Whether it holds.
pub type Verdict = Result<(), Complaint>;

/// What is wrong, and with whom.
#[derive(Debug)]
pub struct Complaint {
    text: String,
    about: Vec<VertexId>,
}

/// Those whose run a command begins.
pub fn started(command: &Command) -> Vec<VertexId> {
    match command {
        Command::Run { vertex, with, .. } => std::iter::once(vertex).chain(with).copied().collect(),
        _ => Vec::new(),
    }
}

/// A complaint, unless `holds`.
pub fn hold<const N: usize>(holds: bool, about: [VertexId; N], text: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Complaint { text: text(), about: about.to_vec() }) }
}

/// An invariant that did not hold.
#[derive(Debug)]
pub struct Violation {
    pub invariant: &'static str,
    pub text: String,
    /// Lines of the trace that hold one of these have to do with it.
    pub concerns: Vec<String>,
}

impl Violation {
    pub fn new(invariant: &'static str, complaint: Complaint, model: &Model) -> Self {
        let mut concerns = Vec::new();
        for id in complaint.about {
            concerns.push(format!("VertexId({})", id.0));
            concerns.extend(model.vertices.get(&id).map(|v| format!("{} ", v.label.name)));
        }
        if concerns.is_empty() {
            concerns.push(String::new());
        }
        Self { invariant, text: complaint.text, concerns }
    }
}

/// All invariants, for a new life.
pub fn all(seed: u64, limits: Limits) -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(answers::Answers),
        Box::new(order::Order),
        Box::new(unchanged::Unchanged),
        Box::new(refresh::Refresh),
        Box::new(bounds::Bounds),
        Box::new(pace::Pace::default()),
        Box::new(departure::Departure),
        Box::new(states::States),
        Box::new(retries::Retries),
        Box::new(idle::Idle::default()),
        Box::new(converged::Converged::default()),
        Box::new(stopped::Stopped::default()),
        Box::new(stale::Stale),
        Box::new(teams::Teams),
        Box::new(events::Events),
        Box::new(healthy::Healthy::default()),
        Box::new(repeatable::Repeatable::new(seed, limits)),
    ]
}
