//! Live change: what leaves, what comes, and nothing else.

use super::command::Command;
use super::event::{Added, Delta};
use super::step::Scheduler;
use super::time::Time;
use super::vertex::{State, Vertex};
use crate::engine::id::VertexId;

impl Scheduler {
    /// Goes over to another graph. A vertex that the delta does not name keeps all that it has.
    pub(super) fn swap(&mut self, delta: Delta, now: Time, out: &mut Vec<Command>) {
        let mut touched = Vec::new();
        for (from, to) in delta.disconnect {
            self.disconnect(from, to);
            touched.push(to);
        }
        // Removed and replaced ones first give up their edges; one that runs stays until it has finished.
        for &id in &delta.remove {
            self.detach(id, &mut touched);
        }
        for added in delta.add {
            touched.push(added.vertex);
            self.insert(added, now);
        }
        for (from, to, notify) in delta.connect {
            self.connect(from, to, notify);
            touched.push(to);
        }
        for (from, to, notify) in delta.renotify {
            let successors = self.vertex(from).successors.iter_mut();
            successors.filter(|(next, _)| *next == to).for_each(|(_, known)| *known = notify);
        }
        for (receiver, senders) in delta.rebind {
            self.rebind(receiver, &senders);
        }
        self.departing.extend(delta.remove);
        self.depart(now, out);
        for id in touched {
            self.reconsider(id, now, out);
        }
        self.converge.start(now);
    }

    fn insert(&mut self, added: Added, now: Time) {
        let id = added.vertex;
        let replaces = added.replaces;
        let senders: Vec<Option<VertexId>> = added.receives.iter().map(|r| r.sender).collect();
        let mut v = Vertex::new(added, now);
        if let Some(old) = replaces.and_then(|old| self.get_mut(old)) {
            v.refresh = old.refresh;
            old.heir = Some(id);
            v.after = replaces;
        }
        if self.slots.len() <= id.index() {
            self.slots.resize_with(id.index() + 1, || None);
        }
        debug_assert!(
            self.slots[id.index()].is_none(),
            "a slot is used again only after its vertex has retired"
        );
        self.slots[id.index()] = Some(v);
        self.converge.unsettled += 1;
        self.rebind(id, &senders);
    }

    /// Binds the values that a vertex receives to their senders.
    fn rebind(&mut self, receiver: VertexId, senders: &[Option<VertexId>]) {
        for (at, &sender) in senders.iter().enumerate() {
            let Some(v) = self.get_mut(receiver) else { return };
            let Some(received) = v.receives.get_mut(at) else { return };
            received.sender = sender;
            if let Some(s) = sender.and_then(|sender| self.get_mut(sender))
                && !s.receivers.contains(&receiver)
            {
                s.receivers.push(receiver);
            }
        }
    }

    fn connect(&mut self, from: VertexId, to: VertexId, notify: bool) {
        let f = self.vertex(from);
        f.successors.push((to, notify));
        let (unready, bad) = (u32::from(f.state != State::Ok), u32::from(f.state.is_bad()));
        let t = self.vertex(to);
        t.predecessors.push(from);
        t.unready += unready;
        t.bad += bad;
    }

    fn disconnect(&mut self, from: VertexId, to: VertexId) {
        let f = self.vertex(from);
        f.successors.retain(|(next, _)| *next != to);
        let (unready, bad) = (u32::from(f.state != State::Ok), u32::from(f.state.is_bad()));
        let t = self.vertex(to);
        t.predecessors.retain(|before| *before != from);
        t.unready -= unready;
        t.bad -= bad;
    }

    /// Marks a vertex as leaving, and cuts its edges: those to successors at once; those to predecessors too,
    /// unless it must still settle once.
    fn detach(&mut self, id: VertexId, touched: &mut Vec<VertexId>) {
        let v = self.vertex(id);
        v.leaving = true;
        let (unready, bad) = (u32::from(v.state != State::Ok), u32::from(v.state.is_bad()));
        for (next, _) in std::mem::take(&mut v.successors) {
            let n = self.vertex(next);
            n.predecessors.retain(|before| *before != id);
            n.unready -= unready;
            n.bad -= bad;
            touched.push(next);
        }
        if !self.must_settle(id) {
            for before in self.vertex(id).predecessors.clone() {
                self.disconnect(before, id);
            }
        }
        for receiver in std::mem::take(&mut self.vertex(id).receivers) {
            if let Some(r) = self.get_mut(receiver) {
                r.receives.iter_mut().filter(|r| r.sender == Some(id)).for_each(|r| r.sender = None);
            }
        }
    }

    fn must_settle(&self, id: VertexId) -> bool {
        self.get(id).is_some_and(|v| v.policy.realize && !v.settled_once)
    }

    /// Retires the vertices that have become free to leave.
    pub(super) fn depart(&mut self, now: Time, out: &mut Vec<Command>) {
        while let Some(id) = self.departing.pop() {
            self.leave_if_done(id, now, out);
        }
    }

    /// Retires a leaving vertex, unless it runs or must still settle.
    fn leave_if_done(&mut self, id: VertexId, now: Time, out: &mut Vec<Command>) {
        let Some(v) = self.get(id) else { return };
        if !v.leaving || v.state.is_running() || (self.must_settle(id) && self.stop.is_none()) {
            return;
        }
        for before in v.predecessors.clone() {
            self.disconnect(before, id);
        }
        let Some(v) = self.slots[id.index()].take() else { return };
        if !v.state.is_settled() {
            self.converge.unsettled -= 1;
        }
        for received in &v.receives {
            if let Some(sender) = received.sender.and_then(|sender| self.get_mut(sender)) {
                sender.receivers.retain(|receiver| *receiver != id);
            }
        }
        out.push(Command::Retire { vertex: id });
        // An heir waits on for an earlier one that this one still waited for.
        if let Some(earlier) = v.after.and_then(|earlier| self.get_mut(earlier)) {
            earlier.heir = v.heir;
        }
        if let Some((heir, h)) = v.heir.and_then(|heir| Some((heir, self.get_mut(heir)?))) {
            h.after = v.after;
            self.reconsider(heir, now, out);
        }
    }

    /// A vertex whose predecessors have changed may now be blocked, freed or ready. One that is settled as wanted
    /// stays so: edges alone only change the order.
    fn reconsider(&mut self, id: VertexId, now: Time, out: &mut Vec<Command>) {
        let Some(v) = self.get(id) else { return };
        match v.state {
            State::Blocked { .. } if v.bad == 0 => self.leave_settled(id, now, out),
            State::Waiting | State::Dirty => self.evaluate(id, now, out),
            _ => {}
        }
    }
}
