//! Live change: what leaves, what comes, and nothing else.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::command::Command;
use super::event::{Added, Delta};
use super::step::Scheduler;
use super::time::Time;
use super::vertex::{State, Ticket, Vertex};
use crate::engine::id::VertexId;

/// The vertices that a swap touches, each once, as they came up.
#[derive(Default)]
struct Touched {
    ids: Vec<VertexId>,
    /// By slot.
    known: Vec<bool>,
}

impl Touched {
    fn push(&mut self, id: VertexId) {
        if self.known.len() <= id.index() {
            self.known.resize(id.index() + 1, false);
        }
        if !std::mem::replace(&mut self.known[id.index()], true) {
            self.ids.push(id);
        }
    }
}

impl Scheduler {
    /// Goes over to another graph. A vertex that the delta does not name keeps all that it has.
    pub(super) fn swap(&mut self, delta: Delta, now: Time, out: &mut Vec<Command>) {
        let mut touched = Touched::default();
        if !(delta.disconnect.is_empty() && delta.remove.is_empty()) {
            self.epoch += 1;
        }
        for (from, to) in delta.disconnect {
            self.disconnect(from, to);
            touched.push(to);
        }
        // Removed and replaced ones first give up their edges; one that runs stays until it has finished.
        for &id in &delta.remove {
            self.detach(id, &mut touched);
        }
        if let Some(highest) = delta.add.iter().map(|added| added.vertex.index()).max() {
            self.slots.reserve((highest + 1).saturating_sub(self.slots.len()));
        }
        let mut binding = delta.rebind;
        let mut teams: BTreeMap<VertexId, Vec<Ticket>> = BTreeMap::new();
        for added in delta.add {
            touched.push(added.vertex);
            if let Some(team) = added.team {
                teams.entry(team).or_default().push((added.vertex, added.generation));
            }
            if !added.receives.is_empty() {
                binding.push((added.vertex, added.receives.iter().map(|r| r.sender).collect()));
            }
            self.insert(added, now);
        }
        for team in teams.into_values() {
            let team: Arc<[Ticket]> = team.into();
            team.iter().for_each(|(id, _)| self.vertex(*id).team = Some(team.clone()));
        }
        for (from, to, notify) in delta.connect {
            self.connect(from, to, notify);
            touched.push(to);
        }
        for (from, to, notify) in delta.renotify {
            let successors = self.vertex(from).successors.iter_mut();
            successors.filter(|(next, _)| *next == to).for_each(|(_, known)| *known = notify);
        }
        // Only now is every sender there.
        for (receiver, senders) in binding {
            self.rebind(receiver, &senders, now, out);
        }
        // First those that are no longer blocked, so that nobody is thought to be blocked by one of them.
        for &id in &touched.ids {
            if self.get(id).is_some_and(|v| matches!(v.state, State::Blocked { .. }) && v.bad == 0) {
                self.leave_settled(id, now, out);
            }
        }
        self.departing.extend(delta.remove);
        self.give_up_circular();
        self.depart(now, out);
        for id in touched.ids {
            self.reconsider(id, now, out);
        }
        self.converge.start(now);
    }

    fn insert(&mut self, mut added: Added, now: Time) {
        let id = added.vertex;
        let replaces = std::mem::take(&mut added.replaces);
        let mut v = Vertex::new(added, now);
        for old in replaces {
            if let Some(o) = self.get_mut(old).filter(|o| o.leaving) {
                o.heirs.push(id);
                v.forerunners.push(old);
            }
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
    }

    /// Binds the values that a vertex receives to their senders.
    fn rebind(
        &mut self,
        receiver: VertexId,
        senders: &[Option<VertexId>],
        now: Time,
        out: &mut Vec<Command>,
    ) {
        let Some(v) = self.get_mut(receiver) else { return };
        let mut receives = std::mem::take(&mut v.receives);
        for received in &receives {
            if let Some(s) = received.sender.and_then(|sender| self.get_mut(sender)) {
                s.receivers.retain(|known| *known != receiver);
            }
        }
        let mut news = false;
        for (received, &sender) in receives.iter_mut().zip(senders) {
            received.sender = sender;
            let Some(s) = sender.and_then(|sender| self.get_mut(sender)) else { continue };
            if s.receivers.last() != Some(&receiver) && !s.receivers.contains(&receiver) {
                s.receivers.push(receiver);
            }
            // A sender that has run before sends again only when it runs again.
            let known = s.sent.iter().find(|sent| sent.key == received.key);
            if let Some(known) = known {
                received.sent = Some(known.digest);
                news |= received.sent != received.taken;
            }
        }
        self.vertex(receiver).receives = receives;
        if news {
            self.mark_dirty(receiver, now, out);
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
    fn detach(&mut self, id: VertexId, touched: &mut Touched) {
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
        if self.must_settle(id) {
            let generation = self.vertex(id).generation;
            self.realizing.push((id, generation));
        } else {
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
        self.bequeath(id, v, now, out);
    }

    /// One has left: its heirs need no longer wait for it, but for those that it still waited for itself. What it was
    /// to be told, or to tell, is now theirs.
    fn bequeath(&mut self, id: VertexId, v: Vertex, now: Time, out: &mut Vec<Command>) {
        if v.queued {
            // It may have been offered a semaphore that is not full: the next in line has it.
            self.offer(&v.policy.semaphores);
        }
        for &earlier in &v.forerunners {
            if let Some(e) = self.get_mut(earlier) {
                e.heirs.retain(|heir| *heir != id);
                for heir in &v.heirs {
                    if !e.heirs.contains(heir) {
                        e.heirs.push(*heir);
                    }
                }
            }
        }
        for heir in v.heirs {
            let Some(h) = self.get_mut(heir) else { continue };
            h.refresh |= v.refresh;
            h.owes |= v.owes;
            h.forerunners.retain(|forerunner| *forerunner != id);
            for earlier in &v.forerunners {
                if !h.forerunners.contains(earlier) {
                    h.forerunners.push(*earlier);
                }
            }
            self.reconsider(heir, now, out);
        }
    }

    /// A vertex that must settle before it leaves may, by later edges, have come to wait for its own heir. It then
    /// leaves as it is.
    fn give_up_circular(&mut self) {
        let mut realizing = std::mem::take(&mut self.realizing);
        realizing
            .retain(|(id, generation)| self.occupant(*id, *generation).is_some() && self.must_settle(*id));
        for &(id, _) in &realizing {
            if self.waits_for_itself(id) {
                Arc::make_mut(&mut self.vertex(id).policy).realize = false;
                self.departing.push(id);
            }
        }
        self.realizing = realizing;
    }

    fn waits_for_itself(&self, id: VertexId) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![id];
        while let Some(v) = open.pop().and_then(|at| self.get(at)) {
            for &before in v.predecessors.iter().chain(&v.forerunners) {
                // What comes before may be waiting for others of its team.
                let mates = self.mates(before).map(|(mate, _)| mate);
                for before in std::iter::once(before).chain(mates) {
                    if before == id {
                        return true;
                    }
                    if seen.insert(before) {
                        open.push(before);
                    }
                }
            }
        }
        false
    }

    /// A vertex whose predecessors have changed may now be blocked, freed or ready. One that is settled as wanted
    /// stays so: edges alone only change the order.
    fn reconsider(&mut self, id: VertexId, now: Time, out: &mut Vec<Command>) {
        let Some(v) = self.get(id) else { return };
        match v.state {
            State::Waiting | State::Dirty => self.evaluate(id, now, out),
            State::Retrying { .. } => self.block_if_bad(id, out),
            _ => {}
        }
    }
}
