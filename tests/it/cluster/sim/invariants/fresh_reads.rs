//! A read sees all that was answered before it was asked for.

use std::collections::BTreeMap;

use mgmt::cluster::raft::ReadId;

use super::{Invariant, Seen, Verdict, hold};

#[derive(Default)]
pub struct FreshReads {
    /// The newest entry that a client knows of.
    answered: u64,
    /// What each read must see.
    asked: BTreeMap<(u64, u64, ReadId), u64>,
}

impl Invariant for FreshReads {
    fn name(&self) -> &'static str {
        "reads are fresh"
    }

    fn seen(&mut self, seen: &Seen<'_>) -> Verdict {
        match seen {
            Seen::Acked { index, .. } => self.answered = self.answered.max(*index),
            Seen::Asked { member, life, read } => {
                _ = self.asked.insert((*member, *life, *read), self.answered)
            }
            Seen::Read { member, life, read, applied } => {
                let Some(least) = self.asked.remove(&(*member, *life, *read)) else { return Ok(()) };
                // What one reader saw the next must not miss.
                self.answered = self.answered.max(*applied);
                return hold(*applied >= least, || {
                    format!("{member} reads at {applied} what is to see {least}")
                });
            }
            _ => {}
        }
        Ok(())
    }
}
