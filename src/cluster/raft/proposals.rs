//! Proposals that were made here and wait to be applied.
//!
//! An entry's term never falls along the log, and a proposal enters the log only in the term in which it was made (see
//! `forward`). So as soon as an entry of a newer term is applied, all that waits since an older one is lost for certain.

use std::collections::{BTreeMap, VecDeque};

use super::ProposalId;

/// Own proposals.
#[derive(Debug, Default)]
pub(super) struct Proposals {
    /// In which term each was made.
    terms: BTreeMap<ProposalId, u64>,
    /// When each is given up, the oldest first; settled ones are removed when they come to the front.
    deadlines: VecDeque<(u64, ProposalId)>,
}

impl Proposals {
    pub(super) fn len(&self) -> usize {
        self.terms.len()
    }

    /// Waits for one that was made in `term`, until `deadline` (a tick).
    pub(super) fn wait(&mut self, id: ProposalId, term: u64, deadline: u64) {
        self.terms.insert(id, term);
        self.deadlines.push_back((deadline, id));
    }

    /// It is applied; whether it was waited for.
    pub(super) fn settle(&mut self, id: ProposalId) -> bool {
        let waited = self.terms.remove(&id).is_some();
        while self.deadlines.front().is_some_and(|(_, id)| !self.terms.contains_key(id)) {
            self.deadlines.pop_front();
        }
        waited
    }

    /// Those that an entry of this term, applied, leaves no hope.
    pub(super) fn lost_before(&mut self, term: u64) -> Vec<ProposalId> {
        let lost: Vec<ProposalId> =
            self.terms.iter().filter(|(_, made)| **made < term).map(|(id, _)| *id).collect();
        lost.iter().for_each(|id| _ = self.settle(*id));
        lost
    }

    /// Those whose deadline has come.
    pub(super) fn overdue(&mut self, now: u64) -> Vec<ProposalId> {
        let mut overdue = Vec::new();
        while let Some((_, id)) = self.deadlines.front().copied().filter(|(deadline, _)| *deadline <= now) {
            self.deadlines.pop_front();
            overdue.extend(self.terms.remove(&id).map(|_| id));
        }
        overdue
    }

    /// All of them.
    pub(super) fn take_all(&mut self) -> Vec<ProposalId> {
        self.deadlines.clear();
        std::mem::take(&mut self.terms).into_keys().collect()
    }
}
