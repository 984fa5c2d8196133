//! Entries of one index and term are the same wherever they are, and follow the same entry.
//!
//! Wherever: on a disk for good, or heard of by others. A single voter may lead a term twice, when a crash takes the
//! first time from its disk; nobody must have heard of that one.

use std::collections::BTreeMap;

use bytes::Bytes;
use mgmt::cluster::raft::wire::{Entry, MessageType};

use super::{Invariant, Seen, Verdict, hold};

#[derive(Default)]
pub struct LogMatching {
    /// Content, and the term of the entry before, as far as known.
    entries: BTreeMap<(u64, u64), (Bytes, Option<u64>)>,
}

impl LogMatching {
    fn take(&mut self, entries: &[Entry], mut before: Option<u64>) -> Verdict {
        for entry in entries {
            let place = (entry.index, entry.term);
            let known = self.entries.entry(place).or_insert_with(|| (entry.data.clone(), before));
            hold(known.0 == entry.data, || format!("entries {place:?} differ"))?;
            known.1 = known.1.or(before);
            let same = before.is_none() || known.1 == before;
            hold(same, || format!("entry {place:?} follows terms {:?} and {before:?}", known.1))?;
            before = Some(entry.term);
        }
        Ok(())
    }
}

impl Invariant for LogMatching {
    fn name(&self) -> &'static str {
        "log matching"
    }

    fn seen(&mut self, seen: &Seen<'_>) -> Verdict {
        match seen {
            Seen::Sent(message) if message.r#type() == MessageType::App => {
                self.take(&message.entries, Some(message.log_term))
            }
            Seen::OnDisk(entries) => self.take(entries, None),
            _ => Ok(()),
        }
    }
}
