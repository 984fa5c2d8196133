//! What was committed is neither lost nor changed, and every member applies all of it in order.

use std::collections::BTreeMap;

use mgmt::cluster::raft::wire::Entry;

use super::{Invariant, Seen, Verdict, hold};

#[derive(Default)]
pub struct CommittedStays {
    log: Vec<Entry>,
    /// The last entry that each member applied.
    applied: BTreeMap<u64, u64>,
}

impl CommittedStays {
    fn at_most_known(&self, index: u64) -> Verdict {
        hold(index <= self.log.len() as u64, || {
            format!("a snapshot at {index} holds more than was committed")
        })
    }
}

impl Invariant for CommittedStays {
    fn name(&self) -> &'static str {
        "what is committed stays"
    }

    fn seen(&mut self, seen: &Seen<'_>) -> Verdict {
        match seen {
            Seen::Applied { member, committed } => {
                let entry = &committed.entry;
                let applied = self.applied.entry(*member).or_default();
                hold(entry.index == *applied + 1, || {
                    format!("{member} applies {} after {applied}", entry.index)
                })?;
                *applied = entry.index;
                match self.log.get(entry.index as usize - 1) {
                    None => self.log.push(entry.clone()),
                    Some(known) => hold(known == entry, || {
                        format!("{member} applies {:?} at {}, not {:?}", entry, entry.index, known)
                    })?,
                }
                Ok(())
            }
            Seen::Installed { member, index } => {
                let applied = self.applied.insert(*member, *index).unwrap_or_default();
                hold(applied <= *index, || format!("{member} goes back from {applied} to {index}"))?;
                self.at_most_known(*index)
            }
            Seen::Started { member, index } => {
                self.applied.insert(*member, *index);
                self.at_most_known(*index)
            }
            _ => Ok(()),
        }
    }
}
