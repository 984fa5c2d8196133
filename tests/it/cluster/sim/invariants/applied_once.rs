//! No proposal is in the log twice.

use std::collections::BTreeMap;

use mgmt::cluster::raft::ProposalId;
use mgmt::cluster::raft::wire::EntryType;

use super::super::command::identify;
use super::{Invariant, Seen, Verdict, hold};

#[derive(Default)]
pub struct AppliedOnce {
    places: BTreeMap<ProposalId, u64>,
}

impl Invariant for AppliedOnce {
    fn name(&self) -> &'static str {
        "applied once"
    }

    fn seen(&mut self, seen: &Seen<'_>) -> Verdict {
        let Seen::Applied { committed, .. } = seen else { return Ok(()) };
        let entry = &committed.entry;
        if entry.r#type() != EntryType::Normal {
            return Ok(());
        }
        let Some(id) = identify(&entry.data) else { return Ok(()) };
        let place = *self.places.entry(id).or_insert(entry.index);
        hold(place == entry.index, || format!("{id:?} is at {place} and at {}", entry.index))
    }
}
