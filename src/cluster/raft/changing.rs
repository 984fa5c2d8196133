//! Changes of members: one at a time, and a leader that is to go hands over first.
//!
//! A leader that is no voter any more would go on leading, and the `raft` crate panics when it was removed. So the
//! change waits here until another leads. Should it get through all the same (leadership may move between proposal and
//! commit), the leader steps down before it takes effect.
//!
//! A joint change is left by its leader: the crate does so when it applies the change, and not if it was elected just
//! then. So a leader looks again in each round.

use raft::StateRole;

use super::proposing::Standing;
use super::{MemberId, Output, ProposalId, Reconfiguration, Refusal, Replica, convert, wire};

/// A peer's change that came to a leader which did not know yet whether another is under way.
#[derive(Debug)]
pub(super) struct Held {
    change: Reconfiguration,
    /// In which it was meant.
    term: u64,
}

/// A change that waits for its leader to go.
#[derive(Debug)]
pub(super) struct Leaving {
    change: Reconfiguration,
    leader: MemberId,
    since: u64,
}

impl Replica {
    /// Who the members are.
    pub fn members(&self) -> wire::ConfState {
        convert::conf_state_from_raft(&self.raw.raft.prs().conf().to_conf_state())
    }

    /// Whether two electorates must agree, for as long as a joint change takes.
    pub(super) fn is_joint(&self) -> bool {
        // None is left in any other way.
        *self.raw.raft.prs().conf().auto_leave()
    }

    /// Proposes the changes that were asked for.
    pub(super) fn propose_changes(&mut self, out: &mut Vec<Output>) {
        self.leave_joint();
        self.propose_held();
        self.go_on_leaving(out);
        for change in std::mem::take(&mut self.changes) {
            let id = change.id();
            if let Err(why) = self.propose_change(change, out) {
                out.extend(id.map(|id| Output::Refused { id, why }));
            }
        }
    }

    fn propose_change(&mut self, change: Reconfiguration, out: &mut Vec<Output>) -> Result<(), Refusal> {
        let standing = self.standing()?;
        let leader = match standing {
            Standing::Leader => self.settings.id,
            Standing::Follower(leader) => leader,
        };
        let members = self.members();
        if change.unseats(leader, &members) {
            if members.voters == [leader.0] {
                return Err(Refusal::LastVoter);
            }
            if self.leaving.is_some() {
                return Err(Refusal::ChangeUnderWay);
            }
            self.leaving = Some(Leaving { change, leader, since: self.now });
            self.hand_over();
            return Ok(());
        }
        match standing {
            Standing::Leader if self.changes_members() => return Err(Refusal::ChangeUnderWay),
            Standing::Leader => self.append(&[change.entry()])?,
            Standing::Follower(leader) => self.forward(leader, vec![change.entry()], out),
        }
        if let Some(id) = change.id() {
            self.wait_for(id);
        }
        Ok(())
    }

    /// A peer's change in our own words, if it may be proposed.
    pub(super) fn take_change(&mut self, proposed: &wire::Entry) -> Option<wire::Entry> {
        let change = Reconfiguration::read(proposed).ok()?;
        if change == Reconfiguration::Leave {
            return None;
        }
        if change.unseats(self.settings.id, &self.members()) {
            // Who proposed it held another for the leader.
            self.hand_over();
            return None;
        }
        if !self.changes_members() {
            return Some(change.entry());
        }
        // A leader takes what it found in its log for changes until it has applied it. Who handed over to it, to be
        // removed, asks just then.
        if !self.raw.raft.commit_to_current_term() {
            self.held = Some(Held { change, term: self.raw.raft.term });
        }
        None
    }

    /// Proposes what was held back, as soon as this leader knows that nothing else is under way.
    fn propose_held(&mut self) {
        let known = !self.changes_members();
        let (leads, term) = (matches!(self.standing(), Ok(Standing::Leader)), self.raw.raft.term);
        let lost = |held: &Held| !leads || held.term != term;
        let Some(held) = self.held.take_if(|held| known || lost(held)).filter(|held| !lost(held)) else {
            return;
        };
        if let Err(why) = self.append(&[held.change.entry()]) {
            tracing::debug!(%why, "a follower's change is lost");
        }
    }

    /// Whether a change is not through yet.
    fn changes_members(&self) -> bool {
        self.raw.raft.has_pending_conf() || self.is_joint()
    }

    /// A leader ends a joint change that is applied, unless that is on its way.
    fn leave_joint(&mut self) {
        let raft = &self.raw.raft;
        if raft.state != StateRole::Leader || raft.has_pending_conf() || !self.is_joint() {
            return;
        }
        if let Err(why) = self.append(&[Reconfiguration::Leave.entry()]) {
            tracing::debug!(%why, "a joint change is left in a later round");
        }
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
            out.extend(leaving.change.id().map(|id| Output::Refused { id, why: Refusal::NoSuccessor }));
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
        let change = match Reconfiguration::read(entry) {
            Ok(change) => change,
            Err(error) => {
                tracing::error!(index = entry.index, %error, "a change of members has no effect");
                return None;
            }
        };
        let id = change.id();
        let Some(made) = change.to_raft() else { return id };
        let members = self.members();
        if !change.fits(&members) {
            // The same on all members: who they are is the same on all of them here.
            tracing::warn!(index = entry.index, ?change, "a change of members does not fit");
            return id;
        }
        if self.raw.raft.state == StateRole::Leader && change.unseats(self.settings.id, &members) {
            self.step_down();
        }
        if let Err(error) = self.raw.apply_conf_change(&made) {
            tracing::warn!(index = entry.index, %error, "a change of members was refused");
        }
        id
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
