//! What status and reports show.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::driver::Driver;
use super::look::{Chosen, Look};
use super::roster::Entry;
use crate::engine::drift::Drift;
use crate::engine::id::Label;
use crate::engine::sched::{Counts, State};

/// All vertices at one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The name of the graph.
    pub graph: String,
    /// Since the engine started.
    pub uptime_ms: u64,
    /// Whether the graph has converged, if anyone asked.
    pub converged: bool,
    /// No vertex is dirty, queued, running, or waiting for a retry.
    pub settled: bool,
    /// How many vertices are in each state.
    pub counts: Counts,
    /// Checks of all vertices since the start, those that have left included.
    pub checks: u64,
    /// Repairs likewise.
    pub changes: u64,
    /// Failures likewise.
    pub failures: u64,
    /// Declarations that were put right at least once.
    pub changed: u32,
    /// A row a declaration, in the order of their labels; of a limited [`Look`], the most urgent first.
    pub rows: Vec<Row>,
    /// Rows that were wanted too, and are left out because of a limit.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub omitted: u32,
    /// Those whose last run took longest, if they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub slowest: Vec<Row>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Which declarations have a row in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rows {
    /// All.
    All,
    /// Those that are not as wanted, or are being worked on.
    Notable,
}

/// One declaration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// `kind[name]`.
    #[serde(flatten)]
    pub label: Label,
    /// Its state.
    pub state: String,
    /// Who has failed, if it is blocked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blocked_by: Option<Label>,
    /// When it is tried again, if it has failed: milliseconds from now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_in_ms: Option<u64>,
    /// How often it was compared.
    pub checks: u32,
    /// How often it was put right.
    pub changes: u32,
    /// How often it failed.
    pub failures: u32,
    /// How long the last run took, in microseconds.
    pub last_run_us: u64,
    /// How long the present run has taken, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub running_ms: Option<u64>,
    /// Under noop: what differs.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub would_change: Vec<String>,
    /// Why the last run failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
    /// Where it was declared: `file:line:column`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<String>,
}

/// How far the engine is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// How many vertices are in each state.
    pub counts: Counts,
    /// No vertex is dirty, queued, running, or waiting for a retry.
    pub settled: bool,
    /// The run that has taken longest of those under way.
    pub slowest: Option<(Label, Duration)>,
}

/// How many declarations of each kind are in each state.
pub type Census = BTreeMap<Arc<str>, Counts>;

impl Row {
    /// Whether this is a failure or its consequence.
    pub fn is_bad(&self) -> bool {
        matches!(self.state.as_str(), "failed" | "blocked")
    }
}

impl Driver {
    /// All vertices as they are now; rows for those that are looked for.
    pub(super) fn snapshot(&self, look: &Look) -> Snapshot {
        let mut counts = Counts::default();
        let mut changed = 0;
        let mut chosen = Vec::new();
        let now = self.clock.now();
        for (id, entry) in self.roster.present() {
            let state = self.state(id);
            counts.add(state);
            changed += u32::from(entry.ledger.changes > 0);
            if look.wants(entry, state) {
                chosen.push(Chosen::new(entry, state, now));
            }
        }
        let omitted = look.limit(&mut chosen);
        let slowest = look.slowest(&self.roster);
        Snapshot {
            graph: self.graph.clone(),
            uptime_ms: now.0 / 1_000_000,
            converged: self.converged,
            settled: self.scheduler.is_settled(),
            counts,
            checks: self.totals.checks,
            changes: self.totals.changes,
            failures: self.totals.failures,
            changed,
            rows: chosen.iter().map(|it| self.row(it.entry, it.state)).collect(),
            omitted,
            slowest: slowest.into_iter().map(|(id, entry)| self.row(entry, self.state(id))).collect(),
        }
    }

    /// How many declarations of each kind are in each state.
    pub(super) fn census(&self) -> Census {
        let mut census = Census::new();
        for (id, entry) in self.roster.present() {
            let state = self.state(id);
            let kind = &entry.vertex.label().kind;
            match census.get_mut(kind) {
                Some(counts) => counts.add(state),
                None => census.entry(kind.clone()).or_default().add(state),
            }
        }
        census
    }

    fn row(&self, entry: &Entry, state: State) -> Row {
        let now = self.clock.now();
        let ledger = &entry.ledger;
        let declared = entry.vertex.lead();
        let noted = ledger.noted.as_deref();
        let by = match state {
            State::Blocked { by } => self.roster.get(by).map(|entry| entry.vertex.label().clone()),
            _ => None,
        };
        Row {
            label: declared.label.clone(),
            state: state.name().to_owned(),
            blocked_by: by,
            retry_in_ms: match state {
                State::Retrying { at } => Some(self.clock.until(at).as_millis() as u64),
                _ => None,
            },
            checks: ledger.checks,
            changes: ledger.changes,
            failures: ledger.failures,
            last_run_us: ledger.last_took.as_micros() as u64,
            running_ms: entry.running.as_ref().map(|running| now.since(running.since).as_millis() as u64),
            would_change: noted.map_or_else(Vec::new, describe),
            error: ledger.error.as_ref().map(ToString::to_string),
            hint: ledger.error.as_ref().and_then(|error| error.hint().map(str::to_owned)),
            origin: declared.origin.as_ref().map(ToString::to_string),
        }
    }

    /// Counts, and the run that has taken longest of those under way.
    pub(super) fn progress(&self) -> Progress {
        let running =
            self.roster.iter().filter_map(|(_, entry)| Some((entry, entry.running.as_ref()?.since)));
        let slowest = running.min_by_key(|(_, since)| *since);
        let now = self.clock.now();
        Progress {
            counts: self.scheduler.counts(),
            settled: self.scheduler.is_settled(),
            slowest: slowest.map(|(entry, since)| (entry.vertex.label().clone(), now.since(since))),
        }
    }
}

/// What differs, for people.
fn describe(drift: &Drift) -> Vec<String> {
    if drift.is_empty() {
        return vec!["known after apply".to_owned()];
    }
    drift.iter().map(ToString::to_string).collect()
}
