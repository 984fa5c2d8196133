//! A recorded run once more: the pure scheduler is fed what it was fed then, and beside it is kept why each vertex is
//! as it is. Nothing of this burdens a live run.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::id::{Generation, Label, VertexId};
use super::runtime::record::Line;
use super::sched::{Command, Delta, Event, Limits, Notice, Outcome, Policy, Scheduler, State, Time};

/// How many of the last things that befell a vertex are remembered.
const REMEMBERED: usize = 8;

/// A recorded run, up to some moment.
#[derive(Debug)]
pub struct Replay {
    scheduler: Scheduler,
    now: Time,
    events: usize,
    converged: bool,
    lives: BTreeMap<VertexId, Life>,
    /// Those that left with the last event.
    gone: Vec<(VertexId, Label)>,
}

/// What is remembered of one vertex.
#[derive(Debug)]
pub struct Life {
    /// `kind[name]`.
    pub label: Label,
    /// Which occupant of its slot it is.
    pub generation: Generation,
    /// How it is scheduled.
    pub policy: Arc<Policy>,
    /// Who runs together with it: all that name the same vertex here.
    pub team: Option<VertexId>,
    /// When it came.
    pub added: Time,
    /// When its present or last run began.
    pub started: Option<Time>,
    /// When a run last found it as wanted, or made it so.
    pub checked: Option<Time>,
    /// When a run last changed something.
    pub changed: Option<Time>,
    /// When it last failed.
    pub failed: Option<Time>,
    /// How often it has failed since its last success.
    pub failures: u32,
    /// How many retries were left after the last failure, if they are counted.
    pub retries_left: Option<u32>,
    /// The last things that befell it, the oldest first.
    pub past: Vec<(Time, String)>,
    /// Whom its changes refresh.
    notifies: Vec<VertexId>,
}

impl Replay {
    /// A run that has not begun.
    pub fn new(limits: Limits) -> Self {
        Self {
            scheduler: Scheduler::new(limits),
            now: Time(0),
            events: 0,
            converged: false,
            lives: BTreeMap::new(),
            gone: Vec::new(),
        }
    }

    /// Takes the next event, and says what it led to.
    pub fn take(&mut self, line: &Line) -> Vec<Command> {
        let mut commands = Vec::new();
        self.now = line.at;
        self.events += 1;
        self.gone.clear();
        self.remember_event(&line.event);
        self.scheduler.step(line.event.clone(), line.at, &mut commands);
        for command in &commands {
            self.remember_command(command);
        }
        commands
    }

    /// The time of the last event.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many events there were.
    pub fn events(&self) -> usize {
        self.events
    }

    /// Whether the graph had converged, if anyone had asked.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// All vertices, in the order of their labels; of one label, the one that leaves first.
    pub fn vertices(&self) -> Vec<(VertexId, &Life, State)> {
        let states = self.scheduler.vertices();
        let mut all: Vec<_> =
            states.filter_map(|(id, state)| Some((id, self.lives.get(&id)?, state))).collect();
        all.sort_by_key(|(id, life, _)| (life.label.clone(), !self.scheduler.is_leaving(*id)));
        all
    }

    /// What is remembered of a vertex.
    pub fn life(&self, id: VertexId) -> Option<&Life> {
        self.lives.get(&id)
    }

    /// What a vertex is called, also if it has just left.
    pub fn label(&self, id: VertexId) -> Option<&Label> {
        let here = self.lives.get(&id).map(|life| &life.label);
        here.or_else(|| self.gone.iter().find(|(gone, _)| *gone == id).map(|(_, label)| label))
    }

    /// The predecessors that are not as wanted.
    pub fn awaited(&self, id: VertexId) -> Vec<(&Label, State)> {
        let before = self.scheduler.predecessors(id).iter();
        let states = before.filter_map(|id| Some((&self.lives.get(id)?.label, self.scheduler.state(*id)?)));
        states.filter(|(_, state)| *state != State::Ok).collect()
    }

    /// Whether a vertex is no longer in the graph, and leaves as soon as it can.
    pub fn is_leaving(&self, id: VertexId) -> bool {
        self.scheduler.is_leaving(id)
    }

    fn remember_event(&mut self, event: &Event) {
        let now = self.now;
        match event {
            Event::Swap(delta) => self.remember_swap(delta),
            Event::Wake { vertex, generation, .. }
            | Event::WatchFailed { vertex, generation, .. }
            | Event::Finished { vertex, generation, .. }
                if self.lives.get(vertex).is_none_or(|life| life.generation != *generation) => {}
            Event::Wake { vertex, .. } => {
                self.team(*vertex).into_iter().for_each(|id| self.befell(id, "its watch fired"));
            }
            Event::WatchFailed { vertex, .. } => {
                for id in self.team(*vertex) {
                    self.befell(id, "its watch failed");
                    if let Some(life) = self.lives.get_mut(&id) {
                        life.failed = Some(now);
                        life.failures += 1;
                    }
                }
            }
            Event::Finished { vertex, outcome, .. } => self.remember_outcome(*vertex, outcome),
            Event::Applying { .. } | Event::Tick | Event::Stop(_) => {}
        }
    }

    /// A vertex and those that share its watch.
    fn team(&self, id: VertexId) -> Vec<VertexId> {
        let team = self.lives.get(&id).and_then(|life| life.team);
        let mates = self.lives.iter().filter(|(at, life)| **at == id || team.is_some() && life.team == team);
        mates.map(|(id, _)| *id).collect()
    }

    fn remember_swap(&mut self, delta: &Delta) {
        for id in &delta.remove {
            self.befell(*id, "it was removed or replaced");
            if let Some(life) = self.lives.get_mut(id) {
                life.notifies.clear();
            }
        }
        for added in &delta.add {
            let life = Life {
                label: added.label.clone(),
                generation: added.generation,
                policy: added.policy.clone(),
                team: added.team,
                added: self.now,
                started: None,
                checked: None,
                changed: None,
                failed: None,
                failures: 0,
                retries_left: added.policy.retries,
                past: Vec::new(),
                notifies: Vec::new(),
            };
            self.lives.insert(added.vertex, life);
            let how = if added.replaces.is_empty() { "it was declared" } else { "its declaration changed" };
            self.befell(added.vertex, how);
        }
        for (from, to) in &delta.disconnect {
            self.lives.entry(*from).and_modify(|life| life.notifies.retain(|next| next != to));
        }
        for (from, to, notify) in delta.connect.iter().chain(&delta.renotify) {
            let Some(life) = self.lives.get_mut(from) else { continue };
            life.notifies.retain(|next| next != to);
            if *notify {
                life.notifies.push(*to);
            }
        }
    }

    fn remember_outcome(&mut self, id: VertexId, outcome: &Outcome) {
        let now = self.now;
        let Some(life) = self.lives.get_mut(&id) else { return };
        let what = match outcome {
            Outcome::Done { changed, .. } => {
                life.checked = Some(now);
                life.failures = 0;
                match (*changed, life.policy.noop) {
                    (true, true) => "it was compared: it differs, and is left so (noop)",
                    (true, false) => {
                        life.changed = Some(now);
                        "it was put right"
                    }
                    (false, _) => "it was compared: nothing to do",
                }
            }
            Outcome::Failed { .. } => {
                life.failed = Some(now);
                life.failures += 1;
                "it failed"
            }
            Outcome::Cancelled { .. } => "its run was cancelled",
        };
        self.befell(id, what);
        let refreshes = matches!(outcome, Outcome::Done { changed, beat, .. } if *changed || *beat);
        let Some(life) = self.lives.get(&id).filter(|life| refreshes && !life.policy.noop) else { return };
        let (told, news) = (life.notifies.clone(), format!("{} changed: a refresh", life.label));
        for next in told {
            if self.lives.get(&next).is_some_and(|life| life.policy.refreshable) {
                self.befell(next, &news);
            }
        }
    }

    fn remember_command(&mut self, command: &Command) {
        let now = self.now;
        match command {
            Command::Run { vertex, with, .. } => {
                for id in std::iter::once(vertex).chain(with) {
                    self.lives.entry(*id).and_modify(|life| life.started = Some(now));
                }
            }
            Command::Notice(Notice::Retrying { vertex, left, .. }) => {
                self.lives.entry(*vertex).and_modify(|life| life.retries_left = *left);
            }
            Command::Notice(Notice::Contended { vertex }) => {
                self.befell(*vertex, "it is put right or fails over and over: one try a second from now on");
            }
            Command::Notice(Notice::Blocked { vertex, by }) => {
                if let Some(by) = self.lives.get(by) {
                    let news = format!("{} failed: it is blocked", by.label);
                    self.befell(*vertex, &news);
                }
            }
            Command::Retire { vertex } => {
                let gone = self.lives.remove(vertex);
                self.gone.extend(gone.map(|life| (*vertex, life.label)));
            }
            Command::Converged(converged) => self.converged = *converged,
            _ => {}
        }
    }

    fn befell(&mut self, id: VertexId, what: &str) {
        let Some(life) = self.lives.get_mut(&id) else { return };
        if life.past.len() == REMEMBERED {
            life.past.remove(0);
        }
        life.past.push((self.now, what.to_owned()));
    }
}
