//! Every member knows, at each place of the log, the voters and learners that the changes before it ask for: an exchange
//! keeps their number, a demotion takes one, and nobody has a vote that no change gave it.

use std::collections::{BTreeMap, BTreeSet};

use mgmt::cluster::raft::Reconfiguration;
use mgmt::cluster::raft::wire::{ConfChangeType, ConfState, Entry, EntryType};

use super::{Invariant, Seen, Verdict, hold};

/// Who the members are, as the changes say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Asked {
    voters: BTreeSet<u64>,
    learners: BTreeSet<u64>,
    /// Those who voted before a joint change that is under way.
    outgoing: BTreeSet<u64>,
    /// Who is to learn when it is over.
    next: BTreeSet<u64>,
}

impl Asked {
    fn follow(&mut self, change: &Reconfiguration) {
        let joint = !self.outgoing.is_empty();
        match change {
            Reconfiguration::Leave => {
                self.outgoing.clear();
                self.learners.append(&mut self.next);
            }
            _ if joint => {}
            Reconfiguration::Single(change) => self.follow_single(change.r#type(), change.node_id),
            Reconfiguration::Demotion { member, .. } if self.voters.contains(&member.0) => {
                self.follow_single(ConfChangeType::AddLearnerNode, member.0);
            }
            Reconfiguration::Exchange { promote, demote, .. }
                if self.learners.contains(&promote.0) && self.voters.contains(&demote.0) =>
            {
                self.outgoing = self.voters.clone();
                self.voters.remove(&demote.0);
                self.voters.insert(promote.0);
                self.learners.remove(&promote.0);
                self.next = [demote.0].into();
            }
            Reconfiguration::Exchange { .. } | Reconfiguration::Demotion { .. } => {}
        }
    }

    /// The last voter stays one.
    fn follow_single(&mut self, kind: ConfChangeType, member: u64) {
        let last = self.voters.len() == 1 && self.voters.contains(&member);
        match kind {
            ConfChangeType::UpdateNode => {}
            ConfChangeType::AddNode => {
                self.learners.remove(&member);
                self.voters.insert(member);
            }
            ConfChangeType::RemoveNode | ConfChangeType::AddLearnerNode if last => {}
            ConfChangeType::RemoveNode => {
                self.voters.remove(&member);
                self.learners.remove(&member);
            }
            ConfChangeType::AddLearnerNode => {
                self.voters.remove(&member);
                self.learners.insert(member);
            }
        }
    }

    fn agrees(&self, told: &ConfState) -> bool {
        let same = |asked: &BTreeSet<u64>, told: &[u64]| asked.iter().eq(told);
        same(&self.voters, &told.voters)
            && same(&self.learners, &told.learners)
            && same(&self.outgoing, &told.voters_outgoing)
            && same(&self.next, &told.learners_next)
    }
}

#[derive(Default)]
pub struct Electorate {
    /// After each entry, from the first on.
    asked: Vec<Asked>,
    applied: BTreeMap<u64, u64>,
}

impl Electorate {
    fn take(&mut self, entry: &Entry) {
        if entry.index as usize != self.asked.len() + 1 {
            return;
        }
        let mut asked = self.asked.last().cloned().unwrap_or_default();
        if entry.r#type() != EntryType::Normal
            && let Ok(change) = Reconfiguration::read(entry)
        {
            asked.follow(&change);
        }
        self.asked.push(asked);
    }
}

impl Invariant for Electorate {
    fn name(&self) -> &'static str {
        "the electorate is as asked"
    }

    fn seen(&mut self, seen: &Seen<'_>) -> Verdict {
        match seen {
            Seen::Applied { member, committed } => {
                self.take(&committed.entry);
                self.applied.insert(*member, committed.entry.index);
            }
            Seen::Installed { member, index } | Seen::Started { member, index } => {
                self.applied.insert(*member, *index);
            }
            Seen::Members { member, members } => {
                let place = self.applied.get(member).copied().unwrap_or_default();
                let asked = (place as usize).checked_sub(1).and_then(|place| self.asked.get(place));
                let agrees = asked.is_some_and(|asked| asked.agrees(members));
                return hold(agrees, || {
                    format!("at {place}, {member} has {members:?}, and {asked:?} was asked for")
                });
            }
            _ => {}
        }
        Ok(())
    }
}
