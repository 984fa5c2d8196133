//! The loop: messages in, one scheduler step each, commands out.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::clock::Clock;
use super::crew::Crew;
use super::job::{Ending, Job, Report};
use super::mailbox::{Mailbox, Message};
use super::observe::{Happening, LastLook, Next, Observer, Ran};
use super::plan::{self, Kept, SwapError, Swapped};
use super::prepare::Prepared;
use super::receive;
use super::roster::{Entry, Guard, Reach, Roster, Running, Watch};
use super::{Config, STUCK_AFTER, undo};
use crate::engine::class::Class;
use crate::engine::cx::{Cancel, Cx};
use crate::engine::drift::Drift;
use crate::engine::graph::Vertex;
use crate::engine::id::{Generation, VertexId};
use crate::engine::resource::{Resource, ResourceError, Stamp, Wake, Wakes};
use crate::engine::sched::{Command, Event, Notice, Outcome, Scheduler, State, StopLevel, Time};

/// So many jobs are handed over without waiting for more: enough to make waking the crew cheap.
const BATCH: usize = 64;
/// While something runs, the driver looks this often for runs that are stuck.
const STUCK_LOOK: Duration = Duration::from_secs(10);

/// The loop's state.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) config: Config,
    observer: Arc<dyn Observer>,
    mailbox: Arc<Mailbox>,
    crew: Crew,
    pub(super) clock: Clock,
    pub(super) scheduler: Scheduler,
    pub(super) roster: Roster,
    reach: Reach,
    pub(super) graph: String,
    pub(super) converged: bool,
    pub(super) totals: Totals,
    wake_at: Option<Time>,
    running: usize,
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

/// A difference that noop has left, with the means to show it in full.
#[derive(Debug)]
pub struct Pending {
    /// The vertex.
    pub vertex: Arc<Vertex>,
    /// What differs; empty: known only once its predecessors have been applied.
    pub drift: Drift,
    resource: Arc<dyn Resource>,
    cx: Cx,
}

impl Pending {
    /// A unified diff, where there is one and no part of it is sensitive.
    ///
    /// # Errors
    /// When the system cannot be read.
    pub async fn diff(&self) -> Result<Option<String>, ResourceError> {
        let masked = self.vertex.members.iter().any(|member| {
            member.meta.sensitive.iter().any(|param| matches!(&**param, "content" | "source" | "fragments"))
        });
        if masked { Ok(None) } else { self.resource.diff(&self.cx, &self.drift).await }
    }
}

/// It was given up and has not come back.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the system for {} s; given up", STUCK_AFTER.as_secs())]
struct Unanswered;

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
            reach: Reach::new(mailbox.clone(), config.prefix.clone()),
            config,
            observer,
            mailbox,
            crew,
            clock,
            roster: Roster::default(),
            graph: String::new(),
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
            for message in messages.drain(..) {
                self.handle(message);
                if self.jobs.len() >= BATCH {
                    self.crew.take_on(&mut self.jobs);
                }
            }
            if self.wake_at.is_some_and(|at| at <= self.clock.now()) {
                self.wake_at = None;
                self.step(Event::Tick);
            }
            if self.running > 0 && messages.is_empty() {
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

    /// How long the next message may take to come.
    fn patience(&self) -> Option<Duration> {
        let deadline = self.wake_at.map(|at| self.clock.until(at));
        let look = (self.running > 0).then_some(STUCK_LOOK);
        deadline.into_iter().chain(look).min()
    }

    fn step(&mut self, event: Event) {
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
            Message::Snapshot(rows, reply) => drop(reply.send(self.snapshot(rows))),
            Message::Progress(reply) => drop(reply.send(self.progress())),
            Message::Pending(reply) => drop(reply.send(self.pending())),
        }
        self.obey();
    }

    fn wake(&mut self, vertex: VertexId, generation: Generation, wake: Wake) {
        let now = self.clock.now();
        let Some(entry) = self.roster.occupant(vertex, generation) else { return };
        if entry.running.is_none() {
            entry.ledger.dirty_since = now;
            entry.ledger.woken = true;
        }
        entry.fresh = None;
        self.step(Event::Wake { vertex, generation, wake });
    }

    fn watch_failed(&mut self, vertex: VertexId, generation: Generation, error: ResourceError) {
        let Some(entry) = self.roster.occupant(vertex, generation) else { return };
        entry.watch = None;
        let retryable = error.class() == Class::Transient;
        entry.ledger.error = Some(Box::new(error));
        entry.ledger.failures += 1;
        self.totals.failures += 1;
        self.step(Event::WatchFailed { vertex, generation, retryable });
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
        self.roster.seat(plan.seats);
        self.graph.clone_from(&plan.swapped.graph);
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
                Command::Run { vertex, arm, refresh, .. } => self.start(vertex, arm, refresh),
                Command::Cancel { vertex } => self.with_running(vertex, |running| running.cancel.cancel()),
                Command::Kill { vertex } => self.with_running(vertex, |running| running.cancel.kill()),
                Command::Retire { vertex } => drop(self.roster.retire(vertex)),
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

    fn with_running(&self, id: VertexId, act: impl FnOnce(&Running)) {
        if let Some(running) = self.roster.get(id).and_then(|entry| entry.running.as_ref()) {
            act(running);
        }
    }

    fn start(&mut self, id: VertexId, arm: bool, refresh: bool) {
        let now = self.clock.now();
        let refused = match receive::receive(&mut self.roster, id) {
            Ok(()) => self.roster.get(id).is_some_and(|entry| entry.stuck).then(|| {
                ResourceError::bug(Unanswered)
                    .with_hint("the disk or file system may hang: look at the kernel's log")
            }),
            Err(error) => Some(error),
        };
        let Some(entry) = self.roster.get_mut(id) else { return };
        let cancel = Cancel::default();
        entry.running = Some(Running { cancel: cancel.clone(), since: now });
        self.running += 1;
        let generation = entry.generation;
        if let Some(error) = refused {
            let ending = Ending::Failed(error);
            let report =
                Report { vertex: id, generation, wakes: None, wrote: None, ending, took: Duration::ZERO };
            return self.finished(report);
        }
        if arm {
            entry.watch = None;
        }
        self.jobs.push(Job {
            vertex: id,
            generation,
            resource: entry.resource.clone(),
            surroundings: entry.surroundings.clone(),
            arm,
            refresh,
            noop: entry.noop,
            members: entry.fresh.clone(),
            cancel,
            timeout: entry.vertex.lead().meta.timeout(),
            undo: entry.undo.clone(),
        });
    }

    fn finished(&mut self, report: Report) {
        let Report { vertex: id, generation, wakes, wrote, mut ending, took, .. } = report;
        self.settle_uncertainty(id, &mut ending);
        let Some(entry) = self.roster.occupant(id, generation) else { return };
        if entry.stuck && entry.running.is_none() {
            // The call that was given up has returned: the vertex is tried anew.
            entry.stuck = false;
            return self.step(Event::Wake { vertex: id, generation, wake: Wake::default() });
        }
        entry.running = None;
        self.running -= 1;
        if let Some(wakes) = wakes {
            entry.watch = Some(watch(id, generation, wakes, &self.mailbox));
        }
        let armed = entry.watch.is_some();
        mask(&entry.vertex, &mut ending);
        let recovered = self.record_ending(id, &ending, took);
        let outcome = self.outcome(id, ending, armed, wrote);
        if recovered && let Some(entry) = self.roster.get(id) {
            self.observer.happened(Happening::Recovered { vertex: &entry.vertex });
        }
        let done = matches!(outcome, Outcome::Done { .. });
        self.step(Event::Finished { vertex: id, generation, outcome });
        if done
            && let Some(entry) = self.roster.get(id)
            && entry.is_undo
            && !entry.noop
        {
            undo::forget(&self.config.prefix, entry.vertex.label());
        }
    }

    /// Under noop, a check that fails behind a predecessor that would change says nothing yet.
    fn settle_uncertainty(&mut self, id: VertexId, ending: &mut Ending) {
        if !self.roster.get(id).is_some_and(|entry| entry.noop) {
            return;
        }
        let uncertain = self.scheduler.predecessors(id).iter().any(|before| {
            self.roster.get(*before).is_some_and(|e| e.ledger.uncertain || e.ledger.noted.is_some())
        });
        if uncertain && matches!(ending, Ending::Failed(_)) {
            *ending = Ending::Noted(Drift::none());
        }
        if let Some(entry) = self.roster.get_mut(id) {
            entry.ledger.uncertain = uncertain;
        }
    }

    /// Counts a run, and tells the observer. Whether the vertex had failed before, and has not now.
    fn record_ending(&mut self, id: VertexId, ending: &Ending, took: Duration) -> bool {
        let now = self.clock.now();
        let Some(entry) = self.roster.get_mut(id) else { return false };
        let ledger = &mut entry.ledger;
        let failed = matches!(ending, Ending::Failed(_));
        let changed = matches!(ending, Ending::Applied(drift, _) if drift.is_change());
        ledger.checks += 1;
        ledger.changes += u32::from(changed);
        ledger.failures += u32::from(failed);
        ledger.last_took = took;
        self.totals.checks += 1;
        self.totals.changes += u64::from(changed);
        self.totals.failures += u64::from(failed);
        self.observer.happened(Happening::Ran(Ran {
            kind: &entry.vertex.label().kind,
            changed,
            apply: !entry.noop,
            failed,
            eventful: std::mem::take(&mut ledger.woken),
            took,
            since_dirty: now.since(ledger.dirty_since),
        }));
        match ending {
            Ending::Applied(drift, _) if drift.is_change() => {
                self.observer.happened(Happening::Changed { vertex: &entry.vertex, drift, took });
            }
            Ending::Noted(drift) if ledger.noted.as_deref() != Some(drift) => {
                self.observer.happened(Happening::WouldChange { vertex: &entry.vertex, drift });
            }
            _ => {}
        }
        let settled = matches!(ending, Ending::Same(_) | Ending::Applied(..) | Ending::Noted(_));
        settled && ledger.error.is_some()
    }

    /// Keeps what the run brought, and puts it into the scheduler's words.
    fn outcome(&mut self, id: VertexId, ending: Ending, armed: bool, wrote: Option<Stamp>) -> Outcome {
        let Some(entry) = self.roster.get_mut(id) else { return Outcome::Cancelled { armed } };
        let (changed, beat, outputs) = match ending {
            Ending::Same(outputs) => (false, false, outputs),
            Ending::Applied(drift, outputs) => (drift.is_change(), !drift.is_empty(), outputs),
            Ending::Noted(drift) => {
                entry.ledger.noted = Some(Box::new(drift));
                entry.ledger.error = None;
                return Outcome::Done { changed: true, beat: false, armed, wrote, sent: Vec::new() };
            }
            Ending::Failed(error) => {
                let retryable = error.class() == Class::Transient;
                entry.ledger.error = Some(Box::new(error));
                return Outcome::Failed { retryable, armed };
            }
            Ending::Cancelled => return Outcome::Cancelled { armed },
        };
        entry.ledger.noted = None;
        entry.ledger.error = None;
        entry.fresh = None;
        entry.undo = None;
        let sent = receive::digests(&outputs);
        entry.outputs = outputs;
        Outcome::Done { changed, beat, armed, wrote, sent }
    }

    fn notice(&self, notice: Notice) {
        let vertex = |id| self.roster.get(id).map(|entry: &Entry| (entry, &*entry.vertex));
        let failed = |id, next| {
            if let Some((entry, vertex)) = vertex(id)
                && let Some(error) = &entry.ledger.error
            {
                self.observer.happened(Happening::Failed { vertex, error, next });
            }
        };
        match notice {
            Notice::Retrying { vertex, at, left } => {
                failed(vertex, Next::Retry { wait: self.clock.until(at), left });
            }
            Notice::Failed { vertex } => failed(vertex, Next::Nothing),
            Notice::Blocked { vertex: id, by } => {
                if let (Some((_, vertex)), Some((_, by))) = (vertex(id), vertex(by)) {
                    self.observer.happened(Happening::Blocked { vertex, by: by.label() });
                }
            }
            Notice::Contended { vertex: id } => {
                if let Some((_, vertex)) = vertex(id) {
                    self.observer.happened(Happening::Contended { vertex });
                }
            }
        }
    }

    fn write_off_stuck(&mut self) {
        for stuck in self.crew.write_off_stuck() {
            let Some(entry) = self.roster.occupant(stuck.vertex, stuck.generation) else { continue };
            if entry.running.take().is_none() {
                continue;
            }
            self.running -= 1;
            entry.stuck = true;
            entry.ledger.error = Some(Box::new(ResourceError::transient(Unanswered)));
            let outcome = Outcome::Failed { retryable: false, armed: entry.watch.is_some() };
            self.step(Event::Finished { vertex: stuck.vertex, generation: stuck.generation, outcome });
        }
    }

    fn pending(&self) -> Vec<Pending> {
        let differing = self.roster.present().filter_map(|(_, entry)| {
            let drift = entry.ledger.noted.as_deref()?.clone();
            let mut cx = Cx::new(entry.surroundings.clone(), Cancel::default());
            cx.noop = true;
            Some(Pending { vertex: entry.vertex.clone(), drift, resource: entry.resource.clone(), cx })
        });
        differing.collect()
    }

    /// Where a vertex stands, for people.
    pub(super) fn state(&self, id: VertexId) -> State {
        self.scheduler.state(id).unwrap_or(State::Waiting)
    }
}

/// Replaces the values of sensitive parameters, before anyone sees them.
fn mask(vertex: &Vertex, ending: &mut Ending) {
    if vertex.members.iter().all(|member| member.meta.sensitive.is_empty()) {
        return;
    }
    if let Ending::Applied(drift, _) | Ending::Noted(drift) = ending {
        drift.mask(|member, what| {
            let declared = vertex.members.get(member as usize);
            declared.is_some_and(|declared| declared.meta.sensitive.iter().any(|param| **param == *what))
        });
    }
}

/// Keeps an armed watch, and lets its stream send.
fn watch(id: VertexId, generation: Generation, wakes: Wakes, mailbox: &Arc<Mailbox>) -> Watch {
    let task = wakes.stream.map(|mut stream| {
        let mailbox = mailbox.clone();
        let task = tokio::spawn(async move {
            while let Some(wake) = stream.next().await {
                match wake {
                    Ok(wake) => mailbox.post(Message::Wake { vertex: id, generation, wake }),
                    Err(error) => {
                        return mailbox.post(Message::WatchFailed { vertex: id, generation, error });
                    }
                }
            }
        });
        task.abort_handle()
    });
    Watch { guard: wakes.guard.map(Guard), task }
}
