//! Who starts: those in line, as far as jobs, semaphores and limits allow.

use std::time::Duration;

use super::command::Command;
use super::policy::WakePolicy;
use super::step::Scheduler;
use super::time::Time;
use super::timers::Deadline;
use super::vertex::{Again, State, Ticket};
use crate::engine::id::{Generation, VertexId};
use crate::engine::meta::Semaphore;

impl Scheduler {
    /// Puts a dirty vertex in line, or sets a deadline if it may not start yet.
    pub(super) fn enqueue(&mut self, id: VertexId, now: Time) {
        let not_before = self.not_before(id, now);
        let v = self.vertex(id);
        if v.queued {
            return;
        }
        let lane = usize::from(v.policy.waits);
        if not_before > now {
            if v.not_before != not_before {
                v.not_before = not_before;
                let deadline = Deadline::Vertex(id, v.generation);
                self.timers.set(not_before, deadline);
            }
            return;
        }
        v.queued = true;
        let ticket = (id, v.generation);
        self.ready[lane].push_back(ticket);
    }

    /// The earliest start that contention and `limit` allow.
    fn not_before(&mut self, id: VertexId, now: Time) -> Time {
        let v = self.vertex(id);
        let mut at = v.contention.not_before(now);
        if let Some(limit) = v.policy.limit {
            v.tokens.refill(limit, now);
            // Rounding may leave a token a hair short of whole when its time has come.
            if v.tokens.left < 1.0 - 1e-9 {
                let missing = Duration::try_from_secs_f64((1.0 - v.tokens.left) / limit.per_second);
                at = at.max(now + missing.unwrap_or(Duration::MAX));
            }
        }
        at.max(now)
    }

    /// Starts all that may start.
    pub(super) fn dispatch(&mut self, now: Time, out: &mut Vec<Command>) {
        if self.stop.is_some() {
            return;
        }
        // What is tried may put others in line, in either lane: so each is chosen anew.
        loop {
            while let Some(ticket) = self.next_ready() {
                self.try_start(ticket, now, out);
            }
            if !self.unpark() {
                return;
            }
        }
    }

    /// The first in line for whom there is room: short ones first.
    fn next_ready(&mut self) -> Option<Ticket> {
        if self.running >= self.limits.jobs {
            return None;
        }
        let short = self.ready[0].pop_front();
        short.or_else(
            || if self.running_waits < self.limits.waiting { self.ready[1].pop_front() } else { None },
        )
    }

    fn try_start(&mut self, (id, generation): Ticket, now: Time, out: &mut Vec<Command>) {
        // A queue may hold a vertex that has left, or has been overtaken by a predecessor: no search on removal.
        let Some(v) = self.occupant(id, generation) else { return };
        debug_assert!(v.queued, "a vertex is in one queue, and only while it is marked so");
        if v.policy.hidden && v.state == State::Dirty {
            v.queued = false;
            return self.enter_ok(id, now, out);
        }
        let dirty = v.state == State::Dirty;
        let policy = v.policy.clone();
        if dirty && !self.team_is_ready((id, generation)) {
            // It stays queued: in this queue.
            self.parked.push((id, generation));
            return self.offer(&policy.semaphores);
        }
        let acquired = dirty && self.semaphores.acquire((id, generation), &policy.semaphores);
        let v = self.vertex(id);
        // A dirty vertex that got no semaphore stays queued, with the semaphore.
        v.queued = dirty && !acquired;
        if !acquired {
            self.offer(&policy.semaphores);
        }
        if acquired {
            self.start(id, now, out);
        }
    }

    fn start(&mut self, id: VertexId, now: Time, out: &mut Vec<Command>) {
        let v = self.vertex(id);
        let arm = !v.armed && v.policy.wake == WakePolicy::Watch;
        let (generation, waits) = (v.generation, v.policy.waits);
        self.running += 1;
        self.running_waits += u32::from(waits);
        let mut refresh = self.begin(id, now);
        let with = self.riders((id, generation));
        for &rider in &with {
            refresh |= self.begin(rider, now);
            self.vertex(rider).rides = true;
        }
        out.push(Command::Run { vertex: id, generation, arm, refresh, with });
    }

    /// One goes into a run: whether a refresh is pending for it.
    fn begin(&mut self, id: VertexId, now: Time) -> bool {
        let v = self.vertex(id);
        if let Some(limit) = v.policy.limit {
            // What has dripped in while it was queued counts up to the burst, and no further.
            v.tokens.refill(limit, now);
            v.tokens.left -= 1.0;
        }
        v.state = State::Checking;
        v.again = Again::No;
        v.refreshing = std::mem::take(&mut v.refresh);
        for received in &mut v.receives {
            received.taken = received.sent;
        }
        if let WakePolicy::Poll(interval) = v.policy.wake {
            v.next_poll = now + interval;
        }
        v.refreshing
    }

    /// A run has ended: gives back what it held.
    pub(super) fn running_ended(&mut self, id: VertexId, now: Time) {
        let v = self.vertex(id);
        if !std::mem::take(&mut v.rides) {
            let policy = v.policy.clone();
            self.running -= 1;
            self.running_waits -= u32::from(policy.waits);
            self.semaphores.release(&policy.semaphores);
            self.offer(&policy.semaphores);
        }
        let v = self.vertex(id);
        if matches!(v.policy.wake, WakePolicy::Poll(_)) && !v.polling {
            // One deadline a vertex: one that comes too early is set anew when it is due.
            v.polling = true;
            let (at, deadline) = (v.next_poll.max(now), Deadline::Poll(id, v.generation));
            self.timers.set(at, deadline);
        }
    }

    /// The time of a vertex's next poll may have come.
    pub(super) fn poll_due(
        &mut self,
        id: VertexId,
        generation: Generation,
        now: Time,
        out: &mut Vec<Command>,
    ) {
        let Some(v) = self.occupant(id, generation) else { return };
        v.polling = v.next_poll > now;
        if v.polling {
            let (at, deadline) = (v.next_poll, Deadline::Poll(id, generation));
            self.timers.set(at, deadline);
        } else if matches!(v.state, State::Ok | State::Failed) {
            self.mark_dirty(id, now, out);
        }
    }

    /// Lets the first in line for each of these semaphores try again, where there is room.
    pub(super) fn offer(&mut self, semaphores: &[Semaphore]) {
        for semaphore in semaphores {
            // A queue may hold a vertex that has left or no longer waits: the offer goes on to the next.
            while let Some(ticket) = self.semaphores.next_in_line(semaphore) {
                let Some(v) = self.occupant(ticket.0, ticket.1) else { continue };
                let lane = usize::from(v.policy.waits);
                self.ready[lane].push_front(ticket);
                break;
            }
        }
    }
}
