//! Changes of members: one at a time, and a leader that is to go hands over first.
//!
//! A leader that is no voter any more would go on leading, and the `raft` crate panics when it was removed. So the
//! change waits here until another leads. Should it get through all the same (leadership may move between proposal and
//! commit), the leader steps down before it takes effect.

use prost::Message as _;
use raft::StateRole;
use raft::eraftpb::{ConfChange, ConfChangeType};

use super::proposing::Standing;
use super::{MemberId, Output, ProposalId, Refusal, Replica, convert, wire};

/// A change that waits for its leader to go.
#[derive(Debug)]
pub(super) struct Leaving {
    change: wire::ConfChange,
    leader: MemberId,
    since: u64,
}

/// Whether a change takes a member's vote.
fn unseats(change: &wire::ConfChange, member: MemberId) -> bool {
    let takes =
        matches!(change.r#type(), wire::ConfChangeType::RemoveNode | wire::ConfChangeType::AddLearnerNode);
    takes && change.node_id == member.0
}

/// As an entry of the log, in etcd's form.
fn entry(change: &wire::ConfChange) -> wire::Entry {
    let data = change.encode_to_vec().into();
    wire::Entry { r#type: wire::EntryType::ConfChange.into(), data, ..Default::default() }
}

impl Replica {
    /// Who the members are.
    pub fn members(&self) -> wire::ConfState {
        convert::conf_state_from_raft(&self.raw.raft.prs().conf().to_conf_state())
    }

    /// Proposes the changes that were asked for.
    pub(super) fn propose_changes(&mut self, out: &mut Vec<Output>) {
        self.go_on_leaving(out);
        for change in std::mem::take(&mut self.changes) {
            let id = ProposalId(change.id);
            if let Err(why) = self.propose_change(change, out) {
                out.push(Output::Refused { id, why });
            }
        }
    }

    fn propose_change(&mut self, change: wire::ConfChange, out: &mut Vec<Output>) -> Result<(), Refusal> {
        let standing = self.standing()?;
        let leader = match standing {
            Standing::Leader => self.settings.id,
            Standing::Follower(leader) => leader,
        };
        if unseats(&change, leader) {
            if self.members().voters == [leader.0] {
                return Err(Refusal::LastVoter);
            }
            if self.leaving.is_some() {
                return Err(Refusal::ChangeUnderWay);
            }
            self.leaving = Some(Leaving { change, leader, since: self.now });
            self.hand_over();
            return Ok(());
        }
        let id = ProposalId(change.id);
        match standing {
            Standing::Leader if self.raw.raft.has_pending_conf() => return Err(Refusal::ChangeUnderWay),
            Standing::Leader => self.append(&[entry(&change)])?,
            Standing::Follower(leader) => self.forward(leader, vec![entry(&change)], out),
        }
        self.wait_for(id);
        Ok(())
    }

    /// A peer's change in our own words, if it may be proposed.
    pub(super) fn take_change(&mut self, proposed: &wire::Entry) -> Option<wire::Entry> {
        let change = wire::ConfChange::decode(proposed.data.clone()).ok()?;
        if unseats(&change, self.settings.id) {
            // Who proposed it held another for the leader.
            self.hand_over();
            return None;
        }
        (!self.raw.raft.has_pending_conf()).then(|| entry(&change))
    }

    fn go_on_leaving(&mut self, out: &mut Vec<Output>) {
        let Some(leaving) = &self.leaving else { return };
        let gone = self.leader().is_some_and(|leader| leader != leaving.leader);
        let late = self.now - leaving.since > 2 * u64::from(self.settings.election_ticks);
        if !gone && !late {
            return;
        }
        let leaving = self.leaving.take().expect("it is there");
        if gone {
            self.changes.push(leaving.change);
        } else {
            let id = ProposalId(leaving.change.id);
            out.push(Output::Refused { id, why: Refusal::NoSuccessor });
        }
    }

    /// Gives leadership away, if there is anybody to take it: here if this replica leads, else by asking the leader.
    pub(super) fn hand_over(&mut self) {
        let raft = &self.raw.raft;
        if raft.state == StateRole::Leader && raft.lead_transferee.is_some() {
            return;
        }
        if let Some(successor) = self.successor() {
            self.raw.transfer_leader(successor);
        }
    }

    /// Of a leader: the voter that has most of the log. Of a follower: itself if it votes, else any that does.
    fn successor(&self) -> Option<u64> {
        let raft = &self.raw.raft;
        let voters = self.members().voters;
        if raft.state != StateRole::Leader {
            let others = || voters.iter().copied().filter(|id| *id != raft.leader_id);
            return others().find(|id| *id == raft.id).or_else(|| others().next());
        }
        let others = voters.into_iter().filter(|id| *id != raft.id);
        others
            .filter_map(|id| {
                raft.prs().get(id).map(|progress| (progress.recent_active, progress.matched, id))
            })
            .filter(|(active, ..)| *active)
            .max()
            .map(|(.., id)| id)
    }

    /// A committed change takes effect. Returns its id.
    pub(super) fn apply_change(&mut self, entry: &wire::Entry) -> Option<ProposalId> {
        let change = match wire::ConfChange::decode(entry.data.clone()) {
            Ok(change) => change,
            Err(error) => {
                tracing::error!(index = entry.index, %error, "a change of members cannot be read; it has no effect");
                return None;
            }
        };
        let id = ProposalId(change.id);
        let kind = match change.r#type() {
            wire::ConfChangeType::AddNode => ConfChangeType::AddNode,
            wire::ConfChangeType::RemoveNode => ConfChangeType::RemoveNode,
            wire::ConfChangeType::AddLearnerNode => ConfChangeType::AddLearnerNode,
            wire::ConfChangeType::UpdateNode => return Some(id),
        };
        if self.raw.raft.state == StateRole::Leader && unseats(&change, self.settings.id) {
            self.step_down();
        }
        let mut made = ConfChange::default();
        made.set_change_type(kind);
        made.node_id = change.node_id;
        if let Err(error) = self.raw.apply_conf_change(&made) {
            // The same on all members: who they are is the same on all of them here.
            tracing::warn!(index = entry.index, %error, "a change of members was refused");
        }
        Some(id)
    }

    fn step_down(&mut self) {
        let successor = self.successor();
        let raft = &mut self.raw.raft;
        if let Some(successor) = successor {
            raft.send_timeout_now(successor);
        }
        let term = raft.term;
        raft.become_follower(term, 0);
    }
}
