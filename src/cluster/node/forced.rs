//! etcd's `--force-new-cluster`: what a member has becomes a cluster of its own. What was never agreed upon is dropped, and
//! the others are removed by changes which this member alone agrees upon.

use std::collections::BTreeMap;

use super::reconfiguring;
use crate::cluster::raft::wire::{ConfChangeType, Entry};
use crate::cluster::raft::{ProposalId, Reconfiguration, Saved};
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
    let Electorate { members, joint } = electorate(saved);
    let votes = *members.get(&own.0).ok_or(WasRemoved(own))?;
    let others = members.keys().filter(|id| **id != own.0);
    let promotion = (!votes).then_some(MemberChange::Promote(own));
    let changes = promotion.into_iter().chain(others.map(|id| MemberChange::Remove(MemberId(*id))));
    let changes = changes.filter_map(|change| reconfiguring::write(ProposalId(0), &change));
    let leave = joint.then_some(Reconfiguration::Leave);
    let entries: Vec<Entry> = leave
        .into_iter()
        .chain(changes)
        .zip(commit + 1..)
        .map(|(change, index)| Entry { term: saved.hard_state.term, index, ..change.entry() })
        .collect();
    saved.hard_state.commit += entries.len() as u64;
    saved.entries.extend_from_slice(&entries);
    Ok(entries)
}

/// Who the members are as of the last entry.
struct Electorate {
    /// All of them, and whether they vote.
    members: BTreeMap<u64, bool>,
    /// A joint change is under way.
    joint: bool,
}

fn electorate(saved: &Saved) -> Electorate {
    let state = saved.snapshot.as_ref().map(|snapshot| &snapshot.metadata.conf_state);
    let (mut members, mut joint) = (BTreeMap::new(), false);
    if let Some(state) = state {
        members.extend(state.learners.iter().map(|id| (*id, false)));
        members.extend(state.learners_next.iter().map(|id| (*id, false)));
        members.extend(state.voters.iter().map(|id| (*id, true)));
        joint = !state.voters_outgoing.is_empty();
    }
    let behind = saved.snapshot.as_ref().map_or(0, |snapshot| snapshot.metadata.index);
    for entry in saved.entries.iter().filter(|entry| entry.index > behind) {
        match Reconfiguration::read(entry) {
            Ok(Reconfiguration::Single(change)) => match change.r#type() {
                ConfChangeType::AddNode => drop(members.insert(change.node_id, true)),
                ConfChangeType::AddLearnerNode => drop(members.insert(change.node_id, false)),
                ConfChangeType::RemoveNode => drop(members.remove(&change.node_id)),
                ConfChangeType::UpdateNode => {}
            },
            Ok(Reconfiguration::Exchange { promote, demote, .. }) => {
                let fits = members.get(&promote.0) == Some(&false) && members.get(&demote.0) == Some(&true);
                if fits && !joint {
                    members.insert(promote.0, true);
                    members.insert(demote.0, false);
                    joint = true;
                }
            }
            Ok(Reconfiguration::Demotion { member, .. }) => {
                let voters = members.values().filter(|votes| **votes).count();
                if voters > 1 && !joint {
                    members.entry(member.0).and_modify(|votes| *votes = false);
                }
            }
            Ok(Reconfiguration::Leave) => joint = false,
            Err(_) => {}
        }
    }
    Electorate { members, joint }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::cluster::etcd::backend::member_json;
    use crate::cluster::raft::wire::ConfChange;
    use crate::cluster::store::member::{LogLevel, Member};

    fn add(id: u64, learner: bool) -> ConfChange {
        let member = Member {
            id: MemberId(id),
            name: String::new(),
            peer_urls: vec![format!("http://h:{id}")],
            client_urls: Vec::new(),
            learner,
            level: LogLevel::OWN,
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
    fn a_joint_change_is_left_before_anybody_is_removed() {
        let mut saved = Saved::new_cluster(&[add(1, false), add(2, false), add(3, true)]);
        let exchange = MemberChange::Exchange { promote: MemberId(3), demote: MemberId(2) };
        let exchange = reconfiguring::write(ProposalId(9), &exchange).unwrap();
        saved.entries.push(Entry { index: 4, term: 1, ..exchange.entry() });
        saved.hard_state.commit = 4;
        let entries = alone(MemberId(3), &mut saved).unwrap();
        assert_eq!(Reconfiguration::read(&entries[0]).unwrap(), Reconfiguration::Leave);
        assert_eq!(
            kinds(&entries[1..]),
            [(6, ConfChangeType::RemoveNode, 1), (7, ConfChangeType::RemoveNode, 2)]
        );
    }

    #[test]
    fn who_was_demoted_gets_its_vote_back() {
        let mut saved = Saved::new_cluster(&[add(1, false), add(2, false)]);
        let demotion = reconfiguring::write(ProposalId(9), &MemberChange::Demote(MemberId(2))).unwrap();
        saved.entries.push(Entry { index: 3, term: 1, ..demotion.entry() });
        saved.hard_state.commit = 3;
        let entries = alone(MemberId(2), &mut saved).unwrap();
        assert_eq!(kinds(&entries), [(4, ConfChangeType::AddNode, 2), (5, ConfChangeType::RemoveNode, 1)]);
    }

    #[test]
    fn who_is_alone_already_stays_so_and_who_was_removed_cannot_be() {
        let mut saved = Saved::new_cluster(&[add(1, false)]);
        assert_eq!(alone(MemberId(1), &mut saved), Ok(Vec::new()));
        assert_eq!(alone(MemberId(7), &mut saved), Err(WasRemoved(MemberId(7))));
    }
}
