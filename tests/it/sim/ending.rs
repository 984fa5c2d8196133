//! How a life ended, and what is told of it.

use std::sync::{Arc, Mutex};

use mgmt::engine::sched::{Added, Event};

use super::invariants::Violation;

/// What happened, line by line; it outlives a panic.
pub type Trace = Arc<Mutex<Vec<String>>>;

/// How a life ended.
#[derive(Debug, Default)]
pub struct Ended {
    pub violation: Option<Violation>,
}

impl Ended {
    /// The scheduler panicked.
    pub fn panicked() -> Self {
        let text = "the scheduler panicked".to_owned();
        let violation = Violation { invariant: "no panic", text, concerns: Vec::new() };
        Self { violation: Some(violation) }
    }
}

/// An event in one line; what it adds to the graph, in one each.
pub fn told(event: &Event) -> String {
    let Event::Swap(delta) = event else { return format!("{event:?}") };
    let mut text = format!("Swap: remove {:?}, disconnect {:?}", delta.remove, delta.disconnect);
    text += &format!(", connect {:?}, renotify {:?}", delta.connect, delta.renotify);
    text += &format!(", rebind {:?}", delta.rebind);
    for added in &delta.add {
        let Added { vertex, generation, label, policy, receives, replaces, team } = added;
        text += &format!("\n         + {vertex:?} {generation:?} {} {policy:?}", label.name);
        text += &format!(" receives {receives:?} replaces {replaces:?} team {team:?}");
    }
    text
}
