//! Who waits for whom.
//!
//! Each vertex counts its predecessors that are not `Ok` (`unready`) and those that have failed or are blocked
//! (`bad`). The counts change only where a vertex enters or leaves a state, so that a change costs its own edges.

use super::command::{Command, Notice};
use super::step::Scheduler;
use super::time::Time;
use super::vertex::{Again, State};
use crate::engine::id::VertexId;

impl Scheduler {
    /// Something may differ now.
    pub(super) fn mark_dirty(&mut self, id: VertexId, now: Time, out: &mut Vec<Command>) {
        let v = self.vertex(id);
        match v.state {
            _ if v.leaving => {}
            State::Checking | State::Applying => v.again = Again::Yes,
            State::Ok | State::Failed => {
                if v.state == State::Failed {
                    v.retries_left = v.policy.retries;
                }
                self.leave_settled(id, now, out);
                self.evaluate(id, now, out);
            }
            State::Waiting | State::Dirty | State::Retrying { .. } | State::Blocked { .. } => {}
        }
    }

    /// From `Ok`, `Failed` or `Blocked` to `Waiting`.
    pub(super) fn leave_settled(&mut self, id: VertexId, now: Time, out: &mut Vec<Command>) {
        let mut leaving = vec![id];
        while let Some(id) = leaving.pop() {
            let v = self.vertex(id);
            let (was_ok, was_bad) = (v.state == State::Ok, v.state.is_bad());
            // One that was freed may have been freed on another path already, or be blocked anew.
            if !(was_ok || was_bad) || (matches!(v.state, State::Blocked { .. }) && v.bad > 0) {
                continue;
            }
            v.state = State::Waiting;
            self.converge.unsettled += 1;
            for at in 0..self.vertex(id).successors.len() {
                let (next, _) = self.vertex(id).successors[at];
                let s = self.vertex(next);
                if was_ok {
                    s.unready += 1;
                    if s.state == State::Dirty {
                        s.state = State::Waiting;
                    }
                }
                if was_bad {
                    s.bad -= 1;
                    if s.bad == 0 && matches!(s.state, State::Blocked { .. }) {
                        leaving.push(next);
                    }
                }
            }
            if was_bad {
                self.evaluate(id, now, out);
            }
        }
    }

    /// From anything to `Ok`.
    pub(super) fn enter_ok(&mut self, id: VertexId, now: Time, out: &mut Vec<Command>) {
        let v = self.vertex(id);
        v.state = State::Ok;
        v.settled_once = true;
        if v.leaving {
            self.departing.push(id);
        }
        self.converge.unsettled -= 1;
        for at in 0..self.vertex(id).successors.len() {
            let (next, _) = self.vertex(id).successors[at];
            let s = self.vertex(next);
            s.unready -= 1;
            if s.state == State::Waiting && s.unready == 0 {
                self.evaluate(next, now, out);
            }
        }
    }

    /// From anything to `Failed` or `Blocked`; those that wait for it are blocked too.
    pub(super) fn enter_bad(&mut self, id: VertexId, state: State, out: &mut Vec<Command>) {
        let epoch = self.epoch;
        let mut entering = vec![(id, state)];
        while let Some((id, state)) = entering.pop() {
            let v = self.vertex(id);
            if v.state.is_bad() {
                continue;
            }
            v.state = state;
            v.blocked_in = epoch;
            v.settled_once = true;
            if v.leaving {
                self.departing.push(id);
            }
            self.converge.unsettled -= 1;
            let by = match state {
                State::Blocked { by } => {
                    Self::notice(out, Notice::Blocked { vertex: id, by });
                    by
                }
                _ => id,
            };
            for at in 0..self.vertex(id).successors.len() {
                let (next, _) = self.vertex(id).successors[at];
                let s = self.vertex(next);
                s.bad += 1;
                if matches!(s.state, State::Waiting | State::Dirty | State::Retrying { .. }) {
                    entering.push((next, State::Blocked { by }));
                }
            }
        }
    }

    /// Where an unsettled vertex that is not running belongs: blocked, waiting, or in line.
    pub(super) fn evaluate(&mut self, id: VertexId, now: Time, out: &mut Vec<Command>) {
        let v = self.vertex(id);
        if !matches!(v.state, State::Waiting | State::Dirty) {
            return;
        }
        if v.bad > 0 {
            self.block_if_bad(id, out);
        } else if v.unready > 0 || !v.forerunners.is_empty() {
            v.state = State::Waiting;
        } else {
            v.state = State::Dirty;
            self.enqueue(id, now);
        }
    }

    /// Blocks a vertex, if a predecessor has failed or is blocked.
    pub(super) fn block_if_bad(&mut self, id: VertexId, out: &mut Vec<Command>) {
        if self.vertex(id).bad > 0 {
            let by = self.blocker(id);
            self.enter_bad(id, State::Blocked { by }, out);
        }
    }

    /// The failed vertex at the root of a vertex's bad predecessors.
    pub(super) fn blocker(&self, id: VertexId) -> VertexId {
        let mut at = id;
        // A walk up an acyclic graph passes each vertex at most once.
        for _ in 0..self.slots.len() {
            let bad = self.get(at).and_then(|v| {
                v.predecessors.iter().find(|p| self.get(**p).is_some_and(|p| p.state.is_bad())).copied()
            });
            let Some(up) = bad else { break };
            match self.get(up).map(|v| (v.state, v.blocked_in)) {
                // What was true when it was blocked still is, unless edges have left since.
                Some((State::Blocked { by }, epoch))
                    if epoch == self.epoch && self.get(by).is_some_and(|v| v.state == State::Failed) =>
                {
                    return by;
                }
                _ => at = up,
            }
        }
        at
    }
}
