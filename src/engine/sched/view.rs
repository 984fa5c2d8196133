//! What others may see of the scheduler.

use std::hint::black_box;

use serde::{Deserialize, Serialize};

use super::step::Scheduler;
use super::vertex::State;
use crate::engine::id::VertexId;

/// How many vertices are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the states")]
pub struct Counts {
    pub waiting: u32,
    pub dirty: u32,
    pub checking: u32,
    pub applying: u32,
    pub ok: u32,
    pub retrying: u32,
    pub failed: u32,
    pub blocked: u32,
}

impl Counts {
    /// One more vertex in a state.
    pub fn add(&mut self, state: State) {
        *match state {
            State::Waiting => &mut self.waiting,
            State::Dirty => &mut self.dirty,
            State::Checking => &mut self.checking,
            State::Applying => &mut self.applying,
            State::Ok => &mut self.ok,
            State::Retrying { .. } => &mut self.retrying,
            State::Failed => &mut self.failed,
            State::Blocked { .. } => &mut self.blocked,
        } += 1;
    }

    /// Each state's name and count.
    pub fn by_state(&self) -> [(&'static str, u32); 8] {
        [
            ("ok", self.ok),
            ("waiting", self.waiting),
            ("dirty", self.dirty),
            ("checking", self.checking),
            ("applying", self.applying),
            ("retrying", self.retrying),
            ("failed", self.failed),
            ("blocked", self.blocked),
        ]
    }

    /// All vertices.
    pub fn total(&self) -> u32 {
        self.settled() + self.waiting + self.dirty + self.checking + self.applying + self.retrying
    }

    /// Vertices to which nothing more will happen by itself.
    pub fn settled(&self) -> u32 {
        self.ok + self.failed + self.blocked
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.waiting += other.waiting;
        self.dirty += other.dirty;
        self.checking += other.checking;
        self.applying += other.applying;
        self.ok += other.ok;
        self.retrying += other.retrying;
        self.failed += other.failed;
        self.blocked += other.blocked;
    }
}

impl Scheduler {
    /// The state of a vertex, if it is there.
    pub fn state(&self, id: VertexId) -> Option<State> {
        self.get(id).map(|v| match v.state {
            // Who was first to fail may have left or recovered since.
            State::Blocked { .. } => State::Blocked { by: self.blocker(id) },
            state => state,
        })
    }

    /// All vertices, leaving ones included, in the order of their ids.
    pub fn vertices(&self) -> impl Iterator<Item = (VertexId, State)> {
        let ids = (0..self.slots.len() as u32).map(VertexId);
        ids.filter_map(|id| Some((id, self.state(id)?)))
    }

    /// The predecessors of a vertex.
    pub fn predecessors(&self, id: VertexId) -> &[VertexId] {
        self.get(id).map_or(&[], |v| &v.predecessors)
    }

    /// Whether a vertex leaves the graph as soon as it can.
    pub fn is_leaving(&self, id: VertexId) -> bool {
        self.get(id).is_some_and(|v| v.leaving)
    }

    /// Reads a little of a vertex, and of so many after it, so that the processor's cache has it when it is needed.
    pub fn fetch(&self, id: VertexId, next: usize) {
        let Some(v) = self.get(id) else { return };
        for after in v.successors.iter().take(next).filter_map(|(id, _)| self.get(*id)) {
            black_box(after.unready);
        }
    }

    /// How many vertices are in each state.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for v in self.slots.iter().flatten() {
            counts.add(v.state);
        }
        counts
    }

    /// Whether no vertex is dirty, queued, running, or waiting for a retry.
    pub fn is_settled(&self) -> bool {
        self.converge.unsettled == 0
    }
}
