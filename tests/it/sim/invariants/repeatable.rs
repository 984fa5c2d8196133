//! The same events lead to the same commands, also after they have been written down and read again: what a recording
//! is worth.

use mgmt::engine::sched::{Command, Event, Limits, Scheduler};

use super::{Invariant, Scene, Verdict, hold};

/// One seed in so many is repeated: the others would say the same.
const EACH: u64 = 16;

pub struct Repeatable {
    second: Option<Scheduler>,
}

impl Repeatable {
    pub fn new(seed: u64, limits: Limits) -> Self {
        Self { second: seed.is_multiple_of(EACH).then(|| Scheduler::new(limits)) }
    }
}

impl Invariant for Repeatable {
    fn name(&self) -> &'static str {
        "the same events, the same commands"
    }

    fn step(&mut self, event: &Event, commands: &[Command], scene: &Scene<'_>) -> Verdict {
        let Some(second) = &mut self.second else { return Ok(()) };
        let written = serde_json::to_string(event).expect("events can be written");
        let read: Event = serde_json::from_str(&written).expect("what was written can be read");
        let mut again = Vec::new();
        second.step(read, scene.now, &mut again);
        hold(again == commands, [], || format!("{commands:?}, and from the recording {again:?}"))
    }
}
