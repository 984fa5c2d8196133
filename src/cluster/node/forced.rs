//! etcd's `--force-new-cluster`: what a member has becomes a cluster of its own. What was never agreed upon is dropped, and
//! the others are removed by changes which this member alone agrees upon.

use std::collections::BTreeMap;

use prost::Message as _;

use crate::cluster::etcd::backend::member_json;
use crate::cluster::raft::Saved;
use crate::cluster::raft::wire::{ConfChange, ConfChangeType, Entry, EntryType};
use crate::cluster::store::id::MemberId;
use crate::cluster::store::member::MemberChange;

/// The member is none: it was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("member {0} was removed from its cluster: it cannot be made a new one")]
pub struct WasRemoved(pub MemberId);

/// Alters what was saved, and returns the entries to be written behind what was agreed upon.
pub fn alone(own: MemberId, saved: &mut Saved) -> Result<Vec<Entry>, WasRemoved> {
    let commit = saved.hard_state.commit;
    saved.entries.retain(|entry| entry.index <= commit);
    let members = members(saved);
    let votes = *members.get(&own.0).ok_or(WasRemoved(own))?;
    let others = members.keys().filter(|id| **id != own.0);
    let promotion = (!votes).then_some(MemberChange::Promote(own));
    let changes = promotion.into_iter().chain(others.map(|id| MemberChange::Remove(MemberId(*id))));
    let entries: Vec<Entry> = changes
        .filter_map(|change| member_json::to_entry(0, &change))
        .zip(commit + 1..)
        .map(|(change, index)| Entry {
            r#type: EntryType::ConfChange.into(),
            term: saved.hard_state.term,
            index,
            data: change.encode_to_vec().into(),
        })
        .collect();
    saved.hard_state.commit += entries.len() as u64;
    saved.entries.extend_from_slice(&entries);
    Ok(entries)
}

/// All members as of the last entry, and whether they vote.
fn members(saved: &Saved) -> BTreeMap<u64, bool> {
    let state = saved.snapshot.as_ref().map(|snapshot| &snapshot.metadata.conf_state);
    let mut members = BTreeMap::new();
    if let Some(state) = state {
        members.extend(state.learners.iter().map(|id| (*id, false)));
        members.extend(state.voters.iter().map(|id| (*id, true)));
    }
    let behind = saved.snapshot.as_ref().map_or(0, |snapshot| snapshot.metadata.index);
    let changes = saved.entries.iter().filter(|entry| entry.index > behind);
    for entry in changes.filter(|entry| entry.r#type() == EntryType::ConfChange) {
        let Ok(change) = ConfChange::decode(entry.data.clone()) else { continue };
        match change.r#type() {
            ConfChangeType::AddNode => drop(members.insert(change.node_id, true)),
            ConfChangeType::AddLearnerNode => drop(members.insert(change.node_id, false)),
            ConfChangeType::RemoveNode => drop(members.remove(&change.node_id)),
            ConfChangeType::UpdateNode => {}
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::store::member::Member;

    fn add(id: u64, learner: bool) -> ConfChange {
        let member = Member {
            id: MemberId(id),
            name: String::new(),
            peer_urls: vec![format!("http://h:{id}")],
            client_urls: Vec::new(),
            learner,
        };
        member_json::to_entry(0, &MemberChange::Add(member)).unwrap()
    }

    fn kinds(entries: &[Entry]) -> Vec<(u64, ConfChangeType, u64)> {
        let read = |entry: &Entry| {
            let change = ConfChange::decode(entry.data.clone()).unwrap();
            (entry.index, change.r#type(), change.node_id)
        };
        entries.iter().map(read).collect()
    }

    #[test]
    fn the_others_are_removed_and_what_was_not_agreed_upon_is_dropped() {
        let mut saved = Saved::new_cluster(&[add(1, false), add(2, false), add(3, false)]);
        saved.entries.push(Entry { index: 4, term: 1, ..Entry::default() });
        let entries = alone(MemberId(2), &mut saved).unwrap();
        assert_eq!(kinds(&entries), [(4, ConfChangeType::RemoveNode, 1), (5, ConfChangeType::RemoveNode, 3)]);
        assert_eq!(saved.hard_state.commit, 5);
        assert_eq!(saved.entries.len(), 5);
    }

    #[test]
    fn a_learner_gets_a_vote() {
        let mut saved = Saved::new_cluster(&[add(1, false), add(2, true)]);
        let entries = alone(MemberId(2), &mut saved).unwrap();
        assert_eq!(kinds(&entries), [(3, ConfChangeType::AddNode, 2), (4, ConfChangeType::RemoveNode, 1)]);
    }

    #[test]
    fn who_is_alone_already_stays_so_and_who_was_removed_cannot_be() {
        let mut saved = Saved::new_cluster(&[add(1, false)]);
        assert_eq!(alone(MemberId(1), &mut saved), Ok(Vec::new()));
        assert_eq!(alone(MemberId(7), &mut saved), Err(WasRemoved(MemberId(7))));
    }
}
