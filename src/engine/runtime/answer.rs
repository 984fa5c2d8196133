//! How a run ended: counted, told, kept, and put into the scheduler's words.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::driver::Driver;
use super::job::{Ending, Report};
use super::mailbox::{Mailbox, Message};
use super::observe::{Happening, Ran};
use super::roster::{Guard, Watch};
use super::{STUCK_AFTER, receive, undo};
use crate::engine::class::Class;
use crate::engine::drift::Drift;
use crate::engine::graph::Vertex;
use crate::engine::id::{Generation, VertexId};
use crate::engine::resource::{ResourceError, Stamp, Wake, Wakes};
use crate::engine::sched::{Event, Outcome};

/// It was given up and has not come back.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the system for {} s; given up", STUCK_AFTER.as_secs())]
pub(super) struct Unanswered;

impl Driver {
    /// A watch broke: it is armed again, as a failed check is tried again.
    pub(super) fn watch_failed(&mut self, vertex: VertexId, generation: Generation, error: ResourceError) {
        if self.roster.occupant(vertex, generation).is_none() {
            return;
        }
        let retryable = error.class() == Class::Transient;
        let error = Arc::new(error);
        for id in self.roster.team(vertex) {
            let Some(entry) = self.roster.occupant(id, generation) else { continue };
            entry.watch = None;
            entry.ledger.error = Some(error.clone());
            entry.ledger.failures += 1;
            self.totals.failures += 1;
        }
        self.step(Event::WatchFailed { vertex, generation, retryable });
    }

    /// Takes the report of a run, and tells apart what became of each that was in it.
    pub(super) fn finished(&mut self, report: Report) {
        let Report { vertex: id, generation, wakes, wrote, ending, failed, foreseen, took } = report;
        let Some(entry) = self.roster.occupant(id, generation) else { return };
        if entry.stuck && entry.running.is_none() {
            // The call that was given up has returned: whom it was about is tried anew.
            for id in self.roster.team(id) {
                self.roster.occupant(id, generation).into_iter().for_each(|entry| entry.stuck = false);
            }
            return self.step(Event::Wake { vertex: id, generation, wake: Wake::default() });
        }
        self.running -= 1;
        if let Some(wakes) = wakes {
            let watch = Arc::new(watch(id, generation, wakes, &self.mailbox));
            for id in self.roster.team(id) {
                if let Some(entry) = self.roster.occupant(id, generation) {
                    entry.watch = Some(watch.clone());
                }
            }
        }
        let entry = self.roster.get(id);
        if entry.is_none_or(|entry| entry.team.is_none()) {
            let own = failed.into_iter().next_back().map(|(_, error)| Ending::Failed(Arc::new(error)));
            let foreseen = foreseen.into_iter().next_back().map(|(_, error)| error);
            return self.ended(id, own.unwrap_or(ending), foreseen, wrote, took);
        }
        let mut failed: BTreeMap<u32, ResourceError> = failed.into_iter().collect();
        let mut foreseen: BTreeMap<u32, ResourceError> = foreseen.into_iter().collect();
        for id in self.roster.running(id) {
            let member = self.roster.get(id).and_then(|entry| Some(entry.team.as_ref()?.1));
            let own = match failed.remove(&member.unwrap_or(0)) {
                Some(error) => Ending::Failed(Arc::new(error)),
                None => member.map_or_else(|| ending.clone(), |member| ending.of(member)),
            };
            self.ended(id, own, foreseen.remove(&member.unwrap_or(0)), wrote, took);
        }
    }

    /// One vertex has come out of a run.
    fn ended(
        &mut self,
        id: VertexId,
        mut ending: Ending,
        foreseen: Option<ResourceError>,
        wrote: Option<Stamp>,
        took: Duration,
    ) {
        self.settle_uncertainty(id, &mut ending, foreseen);
        let Some(entry) = self.roster.get_mut(id) else { return };
        entry.running = None;
        let (generation, armed) = (entry.generation, entry.watch.is_some());
        mask(&entry.vertex, &mut ending);
        let is_news = !std::mem::take(&mut entry.was_right) || !matches!(ending, Ending::Same(_));
        let recovered = is_news && self.record_ending(id, &ending, took);
        let outcome = self.outcome(id, ending, armed, wrote);
        let done = matches!(outcome, Outcome::Done { .. });
        if done && let Some(entry) = self.roster.get_mut(id) {
            let times = entry.ledger.complaint.settled();
            if recovered {
                self.observer.happened(Happening::Recovered { vertex: &entry.vertex, times });
            }
        }
        self.step(Event::Finished { vertex: id, generation, outcome });
        if done
            && let Some(entry) = self.roster.get(id)
            && entry.is_undo
            && !entry.noop
        {
            undo::forget(&self.config.prefix, entry.vertex.label());
        }
    }

    /// Under noop, a check that fails behind a predecessor that would change says nothing yet, and nor does a failure
    /// that is foreseen.
    fn settle_uncertainty(&mut self, id: VertexId, ending: &mut Ending, foreseen: Option<ResourceError>) {
        if !self.roster.get(id).is_some_and(|entry| entry.noop) {
            return;
        }
        let uncertain = self.scheduler.predecessors(id).iter().any(|before| {
            self.roster.get(*before).is_some_and(|e| e.ledger.uncertain || e.ledger.noted.is_some())
        });
        if uncertain && matches!(ending, Ending::Failed(_)) {
            *ending = Ending::Noted(Drift::none());
        }
        if let Some(error) = foreseen.filter(|_| !uncertain && matches!(ending, Ending::Noted(_))) {
            *ending = Ending::Failed(Arc::new(error));
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
        let changed = matches!(ending, Ending::Applied(drift, _) if drift.is_told());
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
            Ending::Applied(drift, _) if drift.is_told() => {
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
            Ending::Applied(drift, outputs) => (drift.is_change(), drift.refreshes(), outputs),
            Ending::Noted(drift) => {
                entry.ledger.noted = Some(Box::new(drift));
                entry.ledger.error = None;
                return Outcome::Done { changed: true, beat: false, armed, wrote, sent: Vec::new() };
            }
            Ending::Failed(error) => {
                let retryable = error.class() == Class::Transient;
                entry.ledger.error = Some(error);
                return Outcome::Failed { retryable, armed };
            }
            Ending::Cancelled => return Outcome::Cancelled { armed },
        };
        entry.ledger.noted = None;
        entry.ledger.error = None;
        entry.undo = None;
        let sent = receive::digests(&outputs);
        entry.outputs = outputs;
        Outcome::Done { changed, beat, armed, wrote, sent }
    }

    /// Gives up runs that have not come back.
    pub(super) fn write_off_stuck(&mut self) {
        for stuck in self.crew.write_off_stuck() {
            let generation = stuck.generation;
            if self.roster.occupant(stuck.vertex, generation).is_none_or(|entry| entry.running.is_none()) {
                continue;
            }
            self.running -= 1;
            for vertex in self.roster.running(stuck.vertex) {
                let Some(entry) = self.roster.occupant(vertex, generation) else { continue };
                entry.running = None;
                entry.stuck = true;
                entry.ledger.error = Some(Arc::new(ResourceError::transient(Unanswered)));
                let outcome = Outcome::Failed { retryable: false, armed: entry.watch.is_some() };
                self.step(Event::Finished { vertex, generation, outcome });
            }
        }
    }
}

/// Replaces the values of sensitive parameters, before anyone sees them.
fn mask(vertex: &Vertex, ending: &mut Ending) {
    if let Ending::Applied(drift, _) | Ending::Noted(drift) = ending
        && vertex.members.iter().any(|member| !member.meta.sensitive.is_empty())
    {
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
