//! The loop: messages in, one scheduler step each, commands out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::answer::Unanswered;
use super::clock::Clock;
use super::crew::Crew;
use super::job::{Ending, Job, Report};
use super::mailbox::{Mailbox, Message};
use super::observe::{Happening, LastLook, Next, Observer};
use super::plan::{self, Kept, SwapError, Swapped};
use super::prepare::Prepared;
use super::roster::{Reach, Roster, Running};
use super::{Config, receive};
use crate::engine::cx::{Cancel, Cx};
use crate::engine::id::{Generation, VertexId};
use crate::engine::resource::{ResourceError, Wake};
use crate::engine::sched::{Command, Event, Notice, Scheduler, State, StopLevel, Time};
use crate::engine::world::ExportId;

/// So many jobs are handed over without waiting for more: enough to make waking the crew cheap.
const BATCH: usize = 64;
/// So many of those that come after a vertex are likely to start at once.
const NEXT: usize = 8;
/// While something runs, the driver looks this often for runs that are stuck.
const STUCK_LOOK: Duration = Duration::from_secs(10);

/// The loop's state.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) config: Config,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) crew: Crew,
    pub(super) clock: Clock,
    pub(super) scheduler: Scheduler,
    pub(super) roster: Roster,
    reach: Reach,
    pub(super) graph: String,
    /// All that the graph exports.
    exports: BTreeSet<ExportId>,
    pub(super) converged: bool,
    pub(super) totals: Totals,
    wake_at: Option<Time>,
    pub(super) running: usize,
    commands: Vec<Command>,
    jobs: Vec<Job>,
    stopped: bool,
}

/// Counts of all vertices since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub checks: u64,
    pub changes: u64,
    pub failures: u64,
}

impl Driver {
    pub fn new(
        config: Config,
        observer: Arc<dyn Observer>,
        mailbox: Arc<Mailbox>,
        crew: Crew,
        clock: Clock,
    ) -> Self {
        Self {
            scheduler: Scheduler::new(config.limits),
            reach: Reach::new(mailbox.clone(), &config),
            config,
            observer,
            mailbox,
            crew,
            clock,
            roster: Roster::default(),
            graph: String::new(),
            exports: BTreeSet::new(),
            converged: false,
            totals: Totals::default(),
            wake_at: None,
            running: 0,
            commands: Vec::new(),
            jobs: Vec::new(),
            stopped: false,
        }
    }

    /// Runs until stopped.
    pub fn run(mut self) {
        let mut messages = Vec::new();
        while !self.stopped {
            if let Some(record) = &mut self.config.record {
                record.flush();
            }
            self.mailbox.take(&mut messages, self.patience());
            self.handle_all(messages.drain(..));
            if self.wake_at.is_some_and(|at| at <= self.clock.now()) {
                self.wake_at = None;
                self.step(Event::Tick);
            }
            if self.running > 0 {
                self.write_off_stuck();
            }
            self.obey();
            self.crew.take_on(&mut self.jobs);
        }
        if let Some(record) = &mut self.config.record {
            record.flush();
        }
        self.mailbox.close();
        self.crew.close();
        self.observer.happened(Happening::Stopped(LastLook(&self)));
    }

    /// Handles messages, and hands over the jobs that come of them, a batch at a time.
    fn handle_all(&mut self, mut messages: std::vec::Drain<'_, Message>) {
        while !messages.as_slice().is_empty() {
            self.fetch(messages.as_slice().iter().take(BATCH));
            for message in messages.by_ref().take(BATCH) {
                self.handle(message);
            }
            self.crew.take_on(&mut self.jobs);
        }
    }

    /// Has the cache load what these are about, and those that may start next. In a large graph each such load is
    /// from memory, and they are most of the work: here they overlap, and in its turn each would be waited for.
    fn fetch<'a>(&self, messages: impl ExactSizeIterator<Item = &'a Message>) {
        if messages.len() == 1 {
            return;
        }
        for message in messages {
            if let Message::Finished(report) = message {
                self.roster.fetch(report.vertex, NEXT);
                self.scheduler.fetch(report.vertex, NEXT);
            }
        }
    }

    /// How long the next message may take to come.
    fn patience(&self) -> Option<Duration> {
        let deadline = self.wake_at.map(|at| self.clock.until(at));
        let look = (self.running > 0).then_some(STUCK_LOOK);
        deadline.into_iter().chain(look).min()
    }

    /// One step of the scheduler; its commands are obeyed later.
    pub(super) fn step(&mut self, event: Event) {
        let now = self.clock.now();
        if let Some(record) = &mut self.config.record {
            record.event(now, &event);
        }
        self.scheduler.step(event, now, &mut self.commands);
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Wake { vertex, generation, wake } => self.wake(vertex, generation, wake),
            Message::WatchFailed { vertex, generation, error } => {
                self.watch_failed(vertex, generation, error)
            }
            Message::Applying { vertex, generation } => self.step(Event::Applying { vertex, generation }),
            Message::Finished(report) => self.finished(*report),
            Message::Swap(next, reply) => {
                let swapped = self.swap(*next);
                // Whoever asked may be gone.
                let _ = reply.send(swapped);
            }
            Message::Stop(level) => self.step(Event::Stop(level)),
            Message::Exit(code) => {
                self.observer.happened(Happening::ExitRequested(code));
                self.step(Event::Stop(StopLevel::Finish));
            }
            Message::FactsChanged(done) => self.observer.happened(Happening::FactsChanged(&done)),
            Message::Snapshot(look, reply) => drop(reply.send(self.snapshot(&look))),
            Message::Census(reply) => drop(reply.send(self.census())),
            Message::Progress(reply) => drop(reply.send(self.progress())),
            Message::Pending(reply) => drop(reply.send(self.pending())),
        }
        self.obey();
    }

    fn wake(&mut self, vertex: VertexId, generation: Generation, wake: Wake) {
        let now = self.clock.now();
        if self.roster.occupant(vertex, generation).is_none() {
            return;
        }
        for id in self.roster.team(vertex) {
            let Some(entry) = self.roster.occupant(id, generation) else { continue };
            if entry.running.is_none() {
                entry.ledger.dirty_since = now;
                entry.ledger.woken = true;
            }
        }
        self.step(Event::Wake { vertex, generation, wake });
    }

    fn swap(&mut self, next: Prepared) -> Result<Swapped, SwapError> {
        let now = self.clock.now();
        let plan = plan::plan(next, &self.roster, &self.reach, &self.config, now)?;
        for id in &plan.delta.remove {
            self.roster.leave(*id);
        }
        for Kept { id, vertex, successors } in plan.kept {
            if let Some(entry) = self.roster.get_mut(id) {
                entry.vertex = vertex;
                entry.successors = successors;
            }
        }
        for (id, senders) in &plan.delta.rebind {
            if let Some(entry) = self.roster.get_mut(*id) {
                entry.senders.clone_from(senders);
            }
        }
        self.roster.expect(plan.newcomers.iter().map(|(id, _)| *id));
        for (id, entry) in plan.newcomers {
            self.roster.enter(id, entry);
        }
        self.roster.hold(plan.holders);
        self.graph.clone_from(&plan.swapped.graph);
        self.exports = plan.exports;
        self.withdraw_others();
        self.step(Event::Swap(plan.delta));
        self.observer.happened(Happening::Swapped(&plan.swapped));
        Ok(plan.swapped)
    }

    /// Does what the scheduler wants, until it wants nothing more. Jobs are gathered, and handed over together: each
    /// time threads are woken for them.
    fn obey(&mut self) {
        let mut commands = std::mem::take(&mut self.commands);
        for command in commands.drain(..) {
            match command {
                Command::Run { vertex, arm, refresh, with, .. } => self.start(vertex, &with, arm, refresh),
                Command::Cancel { vertex } => self.with_running(vertex, |running| running.cancel.cancel()),
                Command::Kill { vertex } => self.with_running(vertex, |running| running.cancel.kill()),
                Command::Retire { vertex } => self.retire(vertex),
                Command::WakeAt(at) => self.wake_at = Some(at),
                Command::Notice(notice) => self.notice(notice),
                Command::Converged(converged) => {
                    self.converged = converged;
                    self.observer.happened(Happening::Converged(converged));
                }
                Command::Stopped => self.stopped = true,
            }
        }
        if self.commands.is_empty() {
            // Its room is kept for the next step.
            self.commands = commands;
        } else {
            self.obey();
        }
    }

    fn retire(&mut self, id: VertexId) {
        let Some(entry) = self.roster.retire(id) else { return };
        if plan::exports_of(&entry.vertex).next().is_some() {
            // It may have been exporting when it left the graph.
            self.withdraw_others();
        }
        let is_replaced = self.roster.holder(entry.vertex.label()).is_some();
        if !entry.noop && !is_replaced {
            let cx = Cx::new(entry.surroundings.clone(), Cancel::default());
            entry.resource.leave(&cx).map(tokio::spawn);
        }
    }

    /// Withdraws what is not exported by the present graph: also what an earlier run of the agent left.
    fn withdraw_others(&self) {
        if !self.config.noop {
            self.config.world.exports().keep_only(self.exports.clone());
        }
    }

    fn with_running(&self, id: VertexId, act: impl FnOnce(&Running)) {
        if let Some(running) = self.roster.get(id).and_then(|entry| entry.running.as_ref()) {
            act(running);
        }
    }

    fn start(&mut self, id: VertexId, with: &[VertexId], arm: bool, refresh: bool) {
        let now = self.clock.now();
        let refused = match receive::receive(&mut self.roster, id) {
            Ok(()) => self.roster.get(id).is_some_and(|entry| entry.stuck).then(|| {
                ResourceError::transient(Unanswered)
                    .with_hint("the disk or file system may hang: look at the kernel's log")
            }),
            Err(error) => Some(error),
        };
        let cancel = Cancel::default();
        for id in std::iter::once(&id).chain(with) {
            if let Some(entry) = self.roster.get_mut(*id) {
                entry.running = Some(Running { cancel: cancel.clone(), since: now });
            }
        }
        self.running += 1;
        let members = self.concerned(id, with);
        let Some(entry) = self.roster.get(id) else { return };
        let generation = entry.generation;
        if let Some(error) = refused {
            return self.finished(Report {
                vertex: id,
                generation,
                wakes: None,
                wrote: None,
                ending: Ending::Failed(Arc::new(error)),
                failed: Vec::new(),
                foreseen: Vec::new(),
                took: Duration::ZERO,
            });
        }
        if arm {
            for id in self.roster.team(id) {
                if let Some(entry) = self.roster.occupant(id, generation) {
                    entry.watch = None;
                }
            }
        }
        let Some(entry) = self.roster.get(id) else { return };
        self.jobs.push(Job {
            vertex: id,
            generation,
            resource: entry.resource.clone(),
            surroundings: entry.surroundings.clone(),
            arm,
            refresh,
            noop: entry.noop,
            members,
            cancel,
            timeout: entry.timeout,
            undo: entry.undo.clone(),
            place: entry.place,
            informs: entry.informs,
        });
    }

    /// Which members of a group a run is about; `None`: it is about a vertex of its own.
    fn concerned(&self, id: VertexId, with: &[VertexId]) -> Option<Arc<[u32]>> {
        self.roster.get(id)?.team.as_ref()?;
        let all = std::iter::once(&id).chain(with).filter_map(|id| self.roster.get(*id));
        let mut members: Vec<u32> = all.filter_map(|entry| Some(entry.team.as_ref()?.1)).collect();
        members.sort_unstable();
        Some(members.into())
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Retrying { vertex, at, left } => {
                let wait = self.clock.until(at);
                self.tell_failure(vertex, Next::Retry { wait, left });
            }
            Notice::Failed { vertex } => self.tell_failure(vertex, Next::Nothing),
            Notice::Blocked { vertex: id, by } => {
                let Some(entry) = self.roster.get_mut(id) else { return };
                let is_news = entry.ledger.complaint.blocked(by);
                if let (Some(entry), Some(by)) = (self.roster.get(id), self.roster.get(by)) {
                    let (vertex, by) = (&*entry.vertex, by.vertex.label());
                    self.observer.happened(Happening::Blocked { is_news, vertex, by });
                }
            }
            Notice::Contended { vertex: id } => {
                if let Some(entry) = self.roster.get(id) {
                    self.observer.happened(Happening::Contended { vertex: &entry.vertex });
                }
            }
        }
    }

    fn tell_failure(&mut self, id: VertexId, next: Next) {
        let now = self.clock.now();
        let Some(entry) = self.roster.get_mut(id) else { return };
        let Some(error) = &entry.ledger.error else { return };
        let telling = entry.ledger.complaint.failed(&error.to_string(), next == Next::Nothing, now);
        let times = entry.ledger.complaint.times();
        self.observer.happened(Happening::Failed { vertex: &entry.vertex, error, next, times, telling });
    }

    /// Where a vertex stands, for people.
    pub(super) fn state(&self, id: VertexId) -> State {
        self.scheduler.state(id).unwrap_or(State::Waiting)
    }
}
