//! Which vertices one wants to see: all, those that matter, or the most urgent so many.
//!
//! Rows are made only of what is shown, so that looking at ten thousand vertices once a second is no burden.

use std::cmp::Reverse;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::roster::{Entry, Roster};
use super::snapshot::Rows;
use crate::engine::id::{Label, VertexId};
use crate::engine::sched::{State, Time};

/// What one wants to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// Which declarations.
    pub rows: Rows,
    /// At most so many, the most urgent first; `None`: all, in the order of their labels.
    #[serde(default)]
    pub limit: Option<u32>,
    /// So many of those whose last run took longest, in a list of their own.
    #[serde(default)]
    pub slowest: u32,
    /// Only those whose label contains this, in any case of letters; then whatever `rows` says.
    #[serde(default)]
    pub find: Option<String>,
}

impl From<Rows> for Look {
    fn from(rows: Rows) -> Self {
        Self { rows, limit: None, slowest: 0, find: None }
    }
}

/// A declaration that gets a row.
#[derive(Debug)]
pub(super) struct Chosen<'a> {
    pub entry: &'a Entry,
    pub state: State,
    took: Duration,
}

impl<'a> Chosen<'a> {
    pub fn new(entry: &'a Entry, state: State, now: Time) -> Self {
        let running = entry.running.as_ref().map(|running| now.since(running.since));
        Self { entry, state, took: running.unwrap_or(entry.ledger.last_took) }
    }

    fn label(&self) -> &'a Label {
        self.entry.vertex.label()
    }

    /// Smaller is more urgent.
    fn urgency(&self) -> (u8, Reverse<Duration>, &'a Label) {
        let class = match self.state {
            State::Failed => 0,
            State::Retrying { .. } => 1,
            State::Applying | State::Checking => 2,
            State::Blocked { .. } => 3,
            State::Dirty => 4,
            State::Waiting => 5,
            State::Ok if self.entry.ledger.noted.is_some() => 6,
            State::Ok => 7,
        };
        (class, Reverse(self.took), self.label())
    }
}

impl Look {
    pub(super) fn wants(&self, entry: &Entry, state: State) -> bool {
        if let Some(find) = &self.find {
            let label = entry.vertex.label().to_string();
            return label.to_lowercase().contains(&find.to_lowercase());
        }
        self.rows == Rows::All || state != State::Ok || entry.ledger.noted.is_some()
    }

    /// Puts in order, and leaves out what is too much: how many.
    pub(super) fn limit(&self, chosen: &mut Vec<Chosen<'_>>) -> u32 {
        let Some(limit) = self.limit else {
            chosen.sort_by(|a, b| a.label().cmp(b.label()));
            return 0;
        };
        let limit = limit as usize;
        let omitted = chosen.len().saturating_sub(limit);
        if omitted > 0 {
            chosen.select_nth_unstable_by(limit, |a, b| a.urgency().cmp(&b.urgency()));
            chosen.truncate(limit);
        }
        chosen.sort_by(|a, b| a.urgency().cmp(&b.urgency()));
        u32::try_from(omitted).unwrap_or(u32::MAX)
    }

    /// Those whose last run took longest, longest first.
    pub(super) fn slowest<'a>(&self, roster: &'a Roster) -> Vec<(VertexId, &'a Entry)> {
        let count = self.slowest as usize;
        if count == 0 {
            return Vec::new();
        }
        let mut all: Vec<_> = roster.present().filter(|(_, entry)| entry.ledger.checks > 0).collect();
        let took = |it: &(VertexId, &Entry)| (Reverse(it.1.ledger.last_took), it.0);
        if all.len() > count {
            all.select_nth_unstable_by_key(count, took);
            all.truncate(count);
        }
        all.sort_by_key(took);
        all
    }
}
