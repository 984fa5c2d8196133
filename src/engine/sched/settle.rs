//! How a run ended: success and what follows from it, retry, failure.

use super::command::{Command, Notice};
use super::event::Sent;
use super::step::Scheduler;
use super::time::Time;
use super::timers::Deadline;
use super::vertex::State;
use crate::engine::id::VertexId;

impl Scheduler {
    /// A run succeeded.
    pub(super) fn succeed(
        &mut self,
        id: VertexId,
        changed: bool,
        beat: bool,
        sent: Vec<Sent>,
        now: Time,
        out: &mut Vec<Command>,
    ) {
        let v = self.vertex(id);
        let applied = changed && !v.policy.noop;
        let refreshes = (applied || beat) && !v.policy.noop;
        let owed = std::mem::replace(&mut v.owes, refreshes && v.leaving);
        v.refreshing = false;
        if v.policy.retry_reset {
            v.retries_left = v.policy.retries;
        }
        if applied {
            if v.contention.repaired(now) {
                Self::notice(out, Notice::Contended { vertex: id });
            }
            self.converge.disturbed(now, out);
        }
        if refreshes || owed {
            self.refresh_successors(id, now, out);
        }
        self.deliver(id, sent, now, out);
        self.enter_ok(id, now, out);
    }

    fn refresh_successors(&mut self, id: VertexId, now: Time, out: &mut Vec<Command>) {
        for at in 0..self.vertex(id).successors.len() {
            let (next, notify) = self.vertex(id).successors[at];
            let s = self.vertex(next);
            if notify && s.policy.refreshable {
                s.refresh = true;
                self.mark_dirty(next, now, out);
            }
        }
    }

    /// Makes those dirty that receive something new.
    fn deliver(&mut self, id: VertexId, sent: Vec<Sent>, now: Time, out: &mut Vec<Command>) {
        if sent.is_empty() {
            return;
        }
        for at in 0..self.vertex(id).receivers.len() {
            let receiver = self.vertex(id).receivers[at];
            let r = self.vertex(receiver);
            let mut news = false;
            for received in r.receives.iter_mut().filter(|received| received.sender == Some(id)) {
                let now_sent = sent.iter().find(|s| s.key == received.key);
                let Some(now_sent) = now_sent else { continue };
                received.sent = Some(now_sent.digest);
                news |= received.sent != received.taken;
            }
            if news {
                self.mark_dirty(receiver, now, out);
            }
        }
        self.vertex(id).sent = sent.into();
    }

    /// A run failed, or a watch: it is tried again, or not. `again`: something happened meanwhile, so that even the
    /// last try is followed by another.
    pub(super) fn fail(
        &mut self,
        id: VertexId,
        retryable: bool,
        again: bool,
        now: Time,
        out: &mut Vec<Command>,
    ) {
        let v = self.vertex(id);
        v.refresh |= std::mem::take(&mut v.refreshing);
        if v.contention.failed(now) {
            Self::notice(out, Notice::Contended { vertex: id });
        }
        let left = match v.retries_left {
            None => Some(None),
            Some(0) => None,
            Some(left) => Some(Some(left - 1)),
        };
        match left {
            Some(left) if retryable && !v.leaving => {
                v.retries_left = left;
                let at = (now + v.policy.retry_delay).max(v.contention.not_before(now));
                v.state = State::Retrying { at };
                let deadline = Deadline::Vertex(id, v.generation);
                self.timers.set(at, deadline);
                Self::notice(out, Notice::Retrying { vertex: id, at, left });
                // It may have been running while a predecessor failed.
                self.block_if_bad(id, out);
            }
            _ => {
                Self::notice(out, Notice::Failed { vertex: id });
                if again && !v.leaving {
                    v.retries_left = v.policy.retries;
                    v.settled_once = true;
                    v.state = State::Waiting;
                    self.evaluate(id, now, out);
                } else {
                    self.enter_bad(id, State::Failed, out);
                }
            }
        }
    }
}
