//! One event: which part of the scheduler answers.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::command::{Command, Notice};
use super::converge::Converge;
use super::event::{Event, Outcome, StopLevel};
use super::semaphores::Semaphores;
use super::time::Time;
use super::timers::{Deadline, Timers};
use super::vertex::{Again, State, Ticket, Vertex};
use crate::engine::id::{Generation, VertexId};
use crate::engine::resource::Wake;

/// How much may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// All runs together (`--jobs`).
    pub jobs: u32,
    /// Runs that may wait for long, such as processes.
    pub waiting: u32,
    /// Quiet time after which the graph is converged; `None`: nobody asked.
    pub converged_after: Option<Duration>,
}

impl Default for Limits {
    /// Short local runs only queue for a few threads, so all that can may be handed over. 256 processes at once are
    /// more than hosts stand for long, and fewer than their default limits of open files.
    fn default() -> Self {
        Self { jobs: u32::MAX, waiting: 256, converged_after: None }
    }
}

/// The scheduler: all that decides.
#[derive(Clone, Debug)]
pub struct Scheduler {
    pub(super) limits: Limits,
    pub(super) slots: Vec<Option<Vertex>>,
    /// Dirty vertices that may start, short ones and those that may wait for long.
    pub(super) ready: [VecDeque<Ticket>; 2],
    pub(super) running: u32,
    pub(super) running_waits: u32,
    pub(super) semaphores: Semaphores,
    pub(super) timers: Timers,
    pub(super) converge: Converge,
    pub(super) stop: Option<StopLevel>,
    /// How many swaps have taken edges away: who blocks whom is looked up anew after each.
    pub(super) epoch: u32,
    /// Dirty vertices that wait for others of their team.
    pub(super) parked: Vec<Ticket>,
    /// Leaving vertices that may have become free to go.
    pub(super) departing: Vec<VertexId>,
    /// Leaving vertices that must settle first.
    pub(super) realizing: Vec<Ticket>,
    stop_said: bool,
}

impl Scheduler {
    /// A scheduler of the empty graph.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            slots: Vec::new(),
            ready: Default::default(),
            running: 0,
            running_waits: 0,
            semaphores: Semaphores::default(),
            timers: Timers::default(),
            converge: Converge::default(),
            stop: None,
            epoch: 0,
            parked: Vec::new(),
            departing: Vec::new(),
            realizing: Vec::new(),
            stop_said: false,
        }
    }

    /// Takes one event at a time that never goes back, and appends what is to be done.
    pub fn step(&mut self, event: Event, now: Time, out: &mut Vec<Command>) {
        match event {
            Event::Swap(delta) => self.swap(delta, now, out),
            Event::Wake { vertex, generation, wake } => {
                self.with_team((vertex, generation), |this, id, generation| {
                    this.wake(id, generation, wake, now, out);
                });
            }
            Event::WatchFailed { vertex, generation, retryable } => {
                self.with_team((vertex, generation), |this, id, generation| {
                    this.watch_failed(id, generation, retryable, now, out);
                });
            }
            Event::Applying { vertex, generation } => {
                self.with_team((vertex, generation), |this, id, generation| {
                    if let Some(v) = this.occupant(id, generation).filter(|v| v.state == State::Checking) {
                        v.state = State::Applying;
                    }
                });
            }
            Event::Finished { vertex, generation, outcome } => {
                self.finished(vertex, generation, outcome, now, out)
            }
            Event::Tick => self.tick(now, out),
            Event::Stop(level) => self.stop(level, out),
        }
        self.depart(now, out);
        self.dispatch(now, out);
        // A hidden vertex settles as it is dispatched, and may be free to leave then, and its heirs to start.
        while !self.departing.is_empty() {
            self.depart(now, out);
            self.dispatch(now, out);
        }
        self.judge_converged(now, out);
        self.timers.ask(out);
        self.say_stopped(out);
    }

    /// The vertex in a slot, if it is still the one that is meant.
    pub(super) fn occupant(&mut self, id: VertexId, generation: Generation) -> Option<&mut Vertex> {
        self.slots.get_mut(id.index())?.as_mut().filter(|v| v.generation == generation)
    }

    pub(super) fn vertex(&mut self, id: VertexId) -> &mut Vertex {
        self.get_mut(id).expect("edges and queues that are followed lead to vertices that are there")
    }

    pub(super) fn get_mut(&mut self, id: VertexId) -> Option<&mut Vertex> {
        self.slots.get_mut(id.index())?.as_mut()
    }

    pub(super) fn get(&self, id: VertexId) -> Option<&Vertex> {
        self.slots.get(id.index())?.as_ref()
    }

    fn wake(&mut self, id: VertexId, generation: Generation, wake: Wake, now: Time, out: &mut Vec<Command>) {
        let Some(v) = self.occupant(id, generation) else { return };
        if v.leaving || (wake.stamp.is_some() && wake.stamp == v.wrote) {
            return;
        }
        if v.state.is_running() {
            v.again = match (v.again, wake.stamp) {
                (Again::No, Some(stamp)) => Again::Stamped(stamp),
                // Had the object been in two states, one of them would be another's doing, and might be what this
                // run has not looked at.
                (Again::Stamped(known), Some(stamp)) if known == stamp => Again::Stamped(stamp),
                _ => Again::Yes,
            };
            return;
        }
        self.mark_dirty(id, now, out);
    }

    fn watch_failed(
        &mut self,
        id: VertexId,
        generation: Generation,
        retryable: bool,
        now: Time,
        out: &mut Vec<Command>,
    ) {
        let Some(v) = self.occupant(id, generation) else { return };
        v.armed = false;
        if v.state.is_running() {
            v.again = Again::Yes;
        } else if v.state == State::Ok {
            self.leave_settled(id, now, out);
            self.fail(id, retryable, false, now, out);
        } else if v.state == State::Failed && retryable {
            self.mark_dirty(id, now, out);
        }
    }

    fn tick(&mut self, now: Time, out: &mut Vec<Command>) {
        self.timers.ticked();
        while let Some(deadline) = self.timers.pop_due(now) {
            match deadline {
                Deadline::Vertex(id, generation) => self.vertex_due(id, generation, now, out),
                Deadline::Poll(id, generation) => self.poll_due(id, generation, now, out),
                Deadline::Quiet => {}
            }
        }
    }

    fn vertex_due(&mut self, id: VertexId, generation: Generation, now: Time, out: &mut Vec<Command>) {
        let Some(v) = self.occupant(id, generation) else { return };
        match v.state {
            State::Retrying { at } if at <= now => {
                v.state = State::Waiting;
                self.evaluate(id, now, out);
            }
            State::Dirty => self.enqueue(id, now),
            _ => {}
        }
    }

    fn stop(&mut self, level: StopLevel, out: &mut Vec<Command>) {
        if self.stop.is_some_and(|reached| reached >= level) {
            return;
        }
        self.stop = Some(level);
        if level == StopLevel::Finish {
            return;
        }
        for (index, slot) in self.slots.iter().enumerate() {
            if slot.as_ref().is_some_and(|v| v.state.is_running()) {
                let vertex = VertexId(index as u32);
                out.push(match level {
                    StopLevel::Kill => Command::Kill { vertex },
                    _ => Command::Cancel { vertex },
                });
            }
        }
    }

    fn say_stopped(&mut self, out: &mut Vec<Command>) {
        if self.stop.is_some() && self.running == 0 && !self.stop_said {
            self.stop_said = true;
            out.push(Command::Stopped);
        }
    }

    fn finished(
        &mut self,
        id: VertexId,
        generation: Generation,
        outcome: Outcome,
        now: Time,
        out: &mut Vec<Command>,
    ) {
        let Some(v) = self.occupant(id, generation) else { return };
        if !v.state.is_running() {
            return;
        }
        self.running_ended(id, now);
        self.set_armed((id, generation), outcome.armed());
        match outcome {
            Outcome::Done { changed, beat, wrote, sent, .. } => {
                let v = self.vertex(id);
                if wrote.is_some() {
                    v.wrote = wrote;
                }
                let again =
                    v.again == Again::Yes || matches!(v.again, Again::Stamped(seen) if Some(seen) != v.wrote);
                self.succeed(id, changed, beat, sent, now, out);
                if again {
                    self.mark_dirty(id, now, out);
                }
            }
            Outcome::Failed { retryable, .. } => {
                let again = self.vertex(id).again != Again::No;
                self.fail(id, retryable, again, now, out);
            }
            Outcome::Cancelled { .. } => {
                let v = self.vertex(id);
                v.refresh |= std::mem::take(&mut v.refreshing);
                v.state = State::Waiting;
                self.evaluate(id, now, out);
                self.departing.push(id);
            }
        }
    }

    pub(super) fn notice(out: &mut Vec<Command>, notice: Notice) {
        out.push(Command::Notice(notice));
    }
}
