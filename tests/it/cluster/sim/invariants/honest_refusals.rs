//! Nothing comes of a proposal that was refused or dropped.

use std::collections::BTreeSet;

use mgmt::cluster::raft::wire::EntryType;
use mgmt::cluster::raft::{ProposalId, Reconfiguration};

use super::super::command::identify;
use super::{Invariant, Seen, Verdict, hold};

#[derive(Default)]
pub struct HonestRefusals {
    void: BTreeSet<ProposalId>,
    applied: BTreeSet<ProposalId>,
}

impl Invariant for HonestRefusals {
    fn name(&self) -> &'static str {
        "honest refusals"
    }

    fn seen(&mut self, seen: &Seen<'_>) -> Verdict {
        match seen {
            Seen::Void { id } => {
                self.void.insert(*id);
                hold(!self.applied.contains(id), || format!("{id:?} is refused, and was applied"))
            }
            Seen::Applied { committed, .. } => {
                let entry = &committed.entry;
                let id = match entry.r#type() {
                    EntryType::Normal => identify(&entry.data),
                    _ => Reconfiguration::read(entry).ok().and_then(|change| change.id()),
                };
                let Some(id) = id else { return Ok(()) };
                self.applied.insert(id);
                hold(!self.void.contains(&id), || format!("{id:?} was refused, and is applied"))
            }
            _ => Ok(()),
        }
    }
}
