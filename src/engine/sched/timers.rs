//! Deadlines, and the one wish for a wake-up that they add up to.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::command::Command;
use super::time::Time;
use crate::engine::id::{Generation, VertexId};

/// Deadlines. One that has been overtaken stays until it is due and is then found void.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Time, Deadline)>>,
    asked: Option<Time>,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deadline {
    /// A retry, or the end of a pause.
    Vertex(VertexId, Generation),
    /// A poll.
    Poll(VertexId, Generation),
    /// The end of the quiet time.
    Quiet,
}

impl Timers {
    pub fn set(&mut self, at: Time, deadline: Deadline) {
        self.heap.push(Reverse((at, deadline)));
    }

    /// The next deadline that is due.
    pub fn pop_due(&mut self, now: Time) -> Option<Deadline> {
        match self.heap.peek() {
            Some(Reverse((at, _))) if *at <= now => self.heap.pop().map(|Reverse((_, deadline))| deadline),
            _ => None,
        }
    }

    /// A tick has come: the wish is fulfilled.
    pub fn ticked(&mut self) {
        self.asked = None;
    }

    /// Asks for the earliest deadline, unless that has been done.
    pub fn ask(&mut self, out: &mut Vec<Command>) {
        if let Some(Reverse((at, _))) = self.heap.peek()
            && self.asked.is_none_or(|asked| *at < asked)
        {
            self.asked = Some(*at);
            out.push(Command::WakeAt(*at));
        }
    }
}
