//! What is known of each vertex, told anew and simply: a second opinion on what the scheduler should think.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mgmt::engine::id::{Generation, VertexId};
use mgmt::engine::resource::Wake;
use mgmt::engine::sched::policy::WakePolicy;
use mgmt::engine::sched::{
    Command, Delta, Event, Limits, Notice, Outcome, Scheduler, Sent, State, StopLevel, Time,
};

use super::known::Known;
pub use super::known::Status;

/// All that is known.
#[derive(Debug, Default)]
pub struct Model {
    pub vertices: BTreeMap<VertexId, Known>,
    pub limits: Limits,
    pub stop: Option<StopLevel>,
    /// When anything was last changed, or the first graph came.
    pub quiet_since: Option<Time>,
    pub last_tick: Time,
}

impl Model {
    /// Takes an event, before the scheduler does.
    pub fn event(&mut self, event: &Event, now: Time) {
        match event {
            Event::Swap(delta) => self.swap(delta, now),
            Event::Wake { vertex, generation, wake } => {
                self.team(*vertex, *generation).into_iter().for_each(|id| self.wake(id, *wake));
            }
            Event::WatchFailed { vertex, generation, retryable } => {
                self.team(*vertex, *generation).into_iter().for_each(|id| self.watch_failed(id, *retryable));
            }
            Event::Applying { .. } => {}
            Event::Finished { vertex, generation, outcome } => {
                self.finished(*vertex, *generation, outcome, now);
            }
            Event::Tick => self.tick(now),
            Event::Stop(level) => self.stop = self.stop.max(Some(*level)),
        }
    }

    /// Takes a command that the scheduler has given.
    pub fn command(&mut self, command: &Command, now: Time) {
        match command {
            Command::Run { vertex, with, .. } => {
                self.started(*vertex, now);
                for rider in with {
                    self.started(*rider, now);
                    self.vertices.entry(*rider).and_modify(|v| v.rides = true);
                }
            }
            Command::Retire { vertex } => self.retire(*vertex),
            Command::Notice(Notice::Retrying { vertex, at, .. }) => {
                if let Some(v) = self.vertices.get_mut(vertex) {
                    v.status = Status::Retry(*at);
                }
            }
            _ => {}
        }
    }

    fn started(&mut self, id: VertexId, now: Time) {
        let Some(v) = self.vertices.get_mut(&id) else { return };
        v.status = Status::Running;
        v.rides = false;
        v.during.clear();
        v.started = Some(now);
        v.refreshing = std::mem::take(&mut v.refresh);
        v.receives.iter_mut().for_each(|received| received.taken = received.sent);
    }

    /// A vertex and all that run together with it.
    fn team(&self, id: VertexId, generation: Generation) -> Vec<VertexId> {
        let Some(v) = self.occupant(id, generation) else { return Vec::new() };
        v.mates.iter().copied().chain([id]).collect()
    }

    /// Whether a run may begin without those that run together with it and are not ready: nobody of them runs, and
    /// nobody is about to become ready.
    pub fn may_start(&self, id: VertexId) -> bool {
        let leaving = self.vertices[&id].leaving;
        self.vertices[&id].mates.iter().all(|mate| {
            let m = &self.vertices[mate];
            let waits = m.status == Status::Dirty && !self.blocked(*mate) && !self.may_run(*mate);
            m.status != Status::Running && (leaving || m.leaving || !waits || self.awaits_a_retry(*mate))
        })
    }

    fn awaits_a_retry(&self, id: VertexId) -> bool {
        let v = &self.vertices[&id];
        let retries = matches!(v.status, Status::Retry(_)) && !self.blocked(id);
        let waits = v.status == Status::Dirty && !self.may_run(id) && !self.blocked(id);
        retries || waits && v.before.iter().chain(&v.forerunners).any(|before| self.awaits_a_retry(*before))
    }

    /// Draws conclusions after a step.
    pub fn conclude(&mut self, scheduler: &Scheduler) {
        loop {
            let hidden = self.vertices.iter().find(|(id, v)| {
                v.policy.hidden
                    && v.status == Status::Dirty
                    && scheduler.state(**id) == Some(State::Ok)
                    && self.may_run(**id)
            });
            let Some((&id, _)) = hidden else { break };
            let v = self.vertices.get_mut(&id).expect("it was just found");
            v.status = Status::Good;
            v.settled_once = true;
        }
        let blocked: Vec<_> = self.vertices.keys().copied().filter(|id| self.blocked(*id)).collect();
        for id in blocked {
            let v = self.vertices.get_mut(&id).expect("it was just found");
            v.status = Status::Dirty;
            v.settled_once = true;
        }
    }

    /// The vertex, if it is still this occupant.
    pub fn occupant(&self, id: VertexId, generation: Generation) -> Option<&Known> {
        self.vertices.get(&id).filter(|v| v.generation == generation)
    }

    /// Whether it waits, and a predecessor has failed or is blocked.
    pub fn blocked(&self, id: VertexId) -> bool {
        let v = &self.vertices[&id];
        matches!(v.status, Status::Dirty | Status::Retry(_))
            && v.before.iter().any(|before| self.bad(*before))
    }

    pub fn bad(&self, id: VertexId) -> bool {
        self.vertices[&id].status == Status::Bad || self.blocked(id)
    }

    /// Whether nothing that it must wait for is missing.
    pub fn may_run(&self, id: VertexId) -> bool {
        let v = &self.vertices[&id];
        v.forerunners.is_empty() && v.before.iter().all(|before| self.vertices[before].status == Status::Good)
    }

    pub fn must_settle(&self, id: VertexId) -> bool {
        let v = &self.vertices[&id];
        v.leaving && v.policy.realize && !v.settled_once && !self.blocked(id)
    }

    pub fn running(&self) -> impl Iterator<Item = (VertexId, &Known)> {
        self.vertices.iter().filter(|(_, v)| v.status == Status::Running).map(|(id, v)| (*id, v))
    }

    fn cause(&mut self, id: VertexId) {
        let Some(v) = self.vertices.get_mut(&id).filter(|v| !v.leaving) else { return };
        match v.status {
            Status::Running => v.during.push(None),
            Status::Good => v.status = Status::Dirty,
            Status::Bad => {
                v.status = Status::Dirty;
                v.retries_left = v.policy.retries;
            }
            Status::Dirty | Status::Retry(_) => {}
        }
    }

    fn wake(&mut self, id: VertexId, wake: Wake) {
        let Some(v) = self.vertices.get(&id).filter(|v| !v.leaving) else { return };
        if wake.stamp.is_some() && wake.stamp == v.wrote {
            return;
        }
        if v.status == Status::Running {
            self.vertices.get_mut(&id).expect("it is there").during.push(wake.stamp);
        } else {
            self.cause(id);
        }
    }

    fn watch_failed(&mut self, id: VertexId, retryable: bool) {
        let v = self.vertices.get_mut(&id).expect("it is there");
        v.armed = false;
        match v.status {
            Status::Running => v.during.push(None),
            Status::Good => Self::fail(v, retryable),
            Status::Bad if retryable => self.cause(id),
            _ => {}
        }
    }

    fn fail(v: &mut Known, retryable: bool) {
        v.status = match v.retries_left {
            Some(0) => Status::Bad,
            left if retryable && !v.leaving => {
                v.retries_left = left.map(|left| left - 1);
                // The notice says when.
                Status::Retry(Time(u64::MAX))
            }
            _ => Status::Bad,
        };
        v.settled_once |= v.status == Status::Bad;
    }

    fn finished(&mut self, id: VertexId, generation: Generation, outcome: &Outcome, now: Time) {
        if self.occupant(id, generation).is_none_or(|v| v.status != Status::Running) {
            return;
        }
        for id in self.team(id, generation) {
            self.vertices.get_mut(&id).expect("it is there").armed = outcome.armed();
        }
        let v = self.vertices.get_mut(&id).expect("it is there");
        match outcome {
            Outcome::Done { changed, beat, wrote, sent, .. } => {
                v.wrote = wrote.or(v.wrote);
                let again = v.during.iter().any(|seen| seen.is_none() || *seen != v.wrote);
                v.status = if again && !v.leaving { Status::Dirty } else { Status::Good };
                v.settled_once = true;
                if v.policy.retry_reset {
                    v.retries_left = v.policy.retries;
                }
                self.succeeded(id, *changed, *beat, sent, now);
            }
            Outcome::Failed { retryable, .. } => {
                v.refresh |= v.refreshing;
                Self::fail(v, *retryable);
                if v.status == Status::Bad && !v.during.is_empty() {
                    self.cause(id);
                }
            }
            Outcome::Cancelled { .. } => {
                v.refresh |= v.refreshing;
                v.status = Status::Dirty;
            }
        }
        self.vertices.get_mut(&id).expect("it is there").refreshing = false;
    }

    fn succeeded(&mut self, id: VertexId, changed: bool, beat: bool, sent: &[Sent], now: Time) {
        let v = self.vertices.get_mut(&id).expect("it is there");
        if changed && !v.policy.noop {
            self.quiet_since = Some(now);
        }
        let refreshes = (changed || beat) && !v.policy.noop;
        let owed = std::mem::replace(&mut v.owes, refreshes && v.leaving);
        if refreshes || owed {
            for (next, _) in v.after.clone().into_iter().filter(|(_, notify)| *notify) {
                let n = self.vertices.get_mut(&next).expect("edges lead to vertices");
                if n.policy.refreshable {
                    n.refresh = true;
                    self.cause(next);
                }
            }
        }
        let Some(digest) = sent.first().map(|sent| sent.digest) else {
            return;
        };
        self.vertices.get_mut(&id).expect("it is there").sent = Some(digest);
        let mut told = Vec::new();
        for (&receiver, r) in &mut self.vertices {
            for binding in r.receives.iter_mut().filter(|binding| binding.sender == Some(id)) {
                binding.sent = Some(digest);
                if binding.sent != binding.taken {
                    told.push(receiver);
                }
            }
        }
        told.into_iter().for_each(|receiver| self.cause(receiver));
    }

    fn tick(&mut self, now: Time) {
        self.last_tick = now;
        let mut due = Vec::new();
        for (&id, v) in &mut self.vertices {
            match (v.status, v.policy.wake, v.started) {
                (Status::Retry(at), ..) if at <= now => v.status = Status::Dirty,
                (Status::Good | Status::Bad, WakePolicy::Poll(interval), Some(started))
                    if started + interval <= now =>
                {
                    due.push(id);
                }
                _ => {}
            }
        }
        due.into_iter().for_each(|id| self.cause(id));
    }

    fn swap(&mut self, delta: &Delta, now: Time) {
        self.quiet_since.get_or_insert(now);
        for &(from, to) in &delta.disconnect {
            self.cut(from, to);
        }
        for &id in &delta.remove {
            self.detach(id);
        }
        for added in &delta.add {
            let mut known = Known::new(added);
            known.forerunners.retain(|id| self.vertices.contains_key(id));
            self.vertices.insert(added.vertex, known);
        }
        for added in &delta.add {
            let mates = delta.add.iter().filter(|other| other.team.is_some() && other.team == added.team);
            let mates = mates.map(|other| other.vertex).filter(|other| *other != added.vertex);
            self.vertices.entry(added.vertex).and_modify(|v| v.mates = mates.collect());
        }
        for added in &delta.add {
            let senders: Vec<_> = added.receives.iter().map(|received| received.sender).collect();
            self.bind(added.vertex, &senders);
        }
        for &(from, to, notify) in delta.connect.iter().chain(&delta.renotify) {
            self.vertices.get_mut(&from).expect("edges join vertices").after.insert(to, notify);
            self.vertices.get_mut(&to).expect("edges join vertices").before.insert(from);
        }
        for (receiver, senders) in &delta.rebind {
            self.bind(*receiver, senders);
        }
        let circular: Vec<_> =
            self.vertices.keys().copied().filter(|id| self.must_settle(*id) && self.circular(*id)).collect();
        for id in circular {
            self.vertices.get_mut(&id).expect("it is there").policy.realize = false;
        }
    }

    fn cut(&mut self, from: VertexId, to: VertexId) {
        if let Some(f) = self.vertices.get_mut(&from) {
            f.after.remove(&to);
        }
        if let Some(t) = self.vertices.get_mut(&to) {
            t.before.remove(&from);
        }
    }

    fn detach(&mut self, id: VertexId) {
        let must_settle = {
            let v = self.vertices.get_mut(&id).expect("what leaves was there");
            v.leaving = true;
            v.policy.realize && !v.settled_once
        };
        let v = &self.vertices[&id];
        let (after, before): (Vec<_>, Vec<_>) =
            (v.after.keys().copied().collect(), v.before.iter().copied().collect());
        after.into_iter().for_each(|next| self.cut(id, next));
        if !must_settle {
            before.into_iter().for_each(|before| self.cut(before, id));
        }
        for v in self.vertices.values_mut() {
            v.receives.iter_mut().filter(|b| b.sender == Some(id)).for_each(|b| b.sender = None);
        }
    }

    fn bind(&mut self, receiver: VertexId, senders: &[Option<VertexId>]) {
        let mut news = false;
        for (at, sender) in senders.iter().enumerate() {
            let sent = sender.and_then(|sender| self.vertices.get(&sender)?.sent);
            let binding = &mut self.vertices.get_mut(&receiver).expect("it is there").receives[at];
            binding.sender = *sender;
            if sent.is_some() {
                binding.sent = sent;
                news |= binding.sent != binding.taken;
            }
        }
        if news {
            self.cause(receiver);
        }
    }

    fn circular(&self, id: VertexId) -> bool {
        let mut open = vec![id];
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            let v = &self.vertices[&at];
            for before in v.before.iter().chain(&v.forerunners) {
                for &before in self.vertices[before].mates.iter().chain([before]) {
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

    fn retire(&mut self, id: VertexId) {
        let Some(gone) = self.vertices.remove(&id) else { return };
        for v in self.vertices.values_mut() {
            v.before.remove(&id);
            v.after.remove(&id);
            v.mates.remove(&id);
            if v.forerunners.remove(&id) {
                v.forerunners.extend(&gone.forerunners);
                v.refresh |= gone.refresh;
                v.owes |= gone.owes;
            }
        }
    }

    /// When the quiet time ends.
    pub fn quiet_at(&self) -> Option<Time> {
        Some(self.quiet_since? + self.limits.converged_after.unwrap_or(Duration::MAX))
    }
}
