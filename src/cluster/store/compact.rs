//! Compaction: said at once, done in steps.

use super::Store;
use super::error::StoreError;
use super::id::{Mark, Revision};
use super::record::Record;

impl Store {
    /// Forgets what nobody can see at `revision` or later. What is forgotten is out of reach from now on; its memory
    /// comes back with [`compact_step`](Self::compact_step).
    pub(super) fn compact(&mut self, revision: Revision) -> Result<(), StoreError> {
        if revision <= self.compacted {
            return Err(StoreError::Compacted);
        }
        if revision > self.revision {
            return Err(StoreError::FutureRevision);
        }
        // A deletion at the last compaction's revision survived it: this one begins there, even when the last one's
        // work has got further.
        let from = Mark { main: self.compacted, sub: 0 };
        self.sweep = Some(self.sweep.map_or(from, |sweep| sweep.min(from)));
        self.compacted = revision;
        Ok(())
    }

    /// Whether a compaction still has physical work to do.
    pub fn compacting(&self) -> bool {
        self.sweep.is_some()
    }

    /// Does some of a compaction's physical work: looks at about `budget` versions. Each replica may do it when it
    /// likes; no answer depends on it. Returns whether there is more to do.
    ///
    /// Only what was written since the last compaction is looked at: an older version can only have been superseded by
    /// one of those.
    pub fn compact_step(&mut self, budget: usize) -> bool {
        let Some(from) = self.sweep else { return false };
        let newer: Vec<(Mark, Record)> = self
            .log
            .from(from)
            .take_while(|(mark, _)| mark.main <= self.compacted)
            .take(budget.max(1))
            .map(|(mark, record)| (mark, record.clone()))
            .collect();
        let mut forgotten = Vec::new();
        for (_, record) in &newer {
            self.index.compact(record.key(), self.compacted, &mut forgotten);
        }
        for record in &forgotten {
            self.log.remove(record.mark());
        }
        let last = newer.last().filter(|_| newer.len() >= budget.max(1));
        self.sweep = last.map(|(mark, _)| Mark { main: mark.main, sub: mark.sub + 1 });
        self.sweep.is_some()
    }
}
