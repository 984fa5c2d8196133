//! What a client was promised is there at the end.

use std::collections::BTreeMap;

use mgmt::cluster::raft::ProposalId;

use super::super::command::identify;
use super::{Invariant, Last, Seen, Verdict, hold};

#[derive(Default)]
pub struct KeptAcks {
    acked: BTreeMap<ProposalId, u64>,
    /// What is where, as the last who applied it said.
    log: BTreeMap<u64, Option<ProposalId>>,
}

impl Invariant for KeptAcks {
    fn name(&self) -> &'static str {
        "promises are kept"
    }

    fn seen(&mut self, seen: &Seen<'_>) -> Verdict {
        match seen {
            Seen::Acked { id, index } => _ = self.acked.insert(*id, *index),
            Seen::Applied { committed, .. } => {
                let entry = &committed.entry;
                self.log.insert(entry.index, identify(&entry.data));
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, last: &Last<'_>) -> Verdict {
        let least = last.applied.iter().map(|(_, index)| *index).min().unwrap_or_default();
        for (id, index) in &self.acked {
            let there = self.log.get(index) == Some(&Some(*id)) && *index <= least;
            hold(there, || format!("{id:?} was answered at {index}, and is lost"))?;
        }
        Ok(())
    }
}
