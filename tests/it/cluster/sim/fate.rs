//! Members come, fall, rise again and go.

use mgmt::cluster::raft::wire::{ConfChange, ConfChangeType};
use mgmt::cluster::raft::{Input, MemberId, ProposalId, Reconfiguration, Saved, SnapshotRule};

use super::clients::Outcome;
use super::invariants::{Seen, Verdict};
use super::life::{Life, Next};
use super::member::Member;
use super::tally::Counted;
use super::{MS, Time};

impl Life {
    /// A member that was not there before.
    pub fn add(&mut self, id: u64, saved: &Saved) {
        let tick = self.rng.u64(70 * MS..130 * MS);
        let rule = SnapshotRule::Entries(self.rng.u64(5..80));
        let keep = self.rng.u64(0..20);
        self.members.insert(id, Member::new(id, saved, tick, rule, keep));
        let delay = self.rng.u64(0..500 * MS);
        self.after(delay, Next::Start(id));
    }

    pub fn start(&mut self, id: u64) -> Verdict {
        let seed = self.rng.u64(..);
        let Some(member) = self.members.get_mut(&id) else { return Ok(()) };
        if member.process.is_some() {
            return Ok(());
        }
        let entries = member.start(seed).map_err(|error| format!("{id} does not start: {error}"))?;
        let life = member.life;
        self.tally.add(Counted::Torn, u64::from(member.disk.torn));
        let process = member.process.as_ref().expect("it was started");
        let index = process.applied;
        self.tell(|| format!("{id} starts behind {index}"));
        self.after(0, Next::Tick(id, life));
        self.seen(&Seen::OnDisk(&entries))?;
        self.seen(&Seen::Started { member: id, index })
    }

    /// The power goes, and comes again after that.
    pub fn crash(&mut self, id: u64, down: Time) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(process) = member.process.take() else { return };
        let forgot = member.disk.crash(&mut self.rng);
        self.tally.add(Counted::Crashed, 1);
        self.tally.add(Counted::Forgotten, u64::from(forgot));
        self.tell(|| format!("{id} crashes"));
        for asker in process.waiting() {
            self.answer(asker, Outcome::Unknown);
        }
        self.after(down, Next::Start(id));
    }

    pub fn freeze(&mut self, id: u64, time: Time) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.process.is_some()) else {
            return;
        };
        member.frozen = true;
        self.tally.add(Counted::Frozen, 1);
        let life = member.life;
        self.tell(|| format!("{id} freezes"));
        self.after(time, Next::Thaw(id, life));
    }

    pub fn thaw(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if let Some(process) = member.process.as_mut().filter(|_| member.frozen) {
            member.frozen = false;
            process.waking = false;
            self.tell(|| format!("{id} goes on"));
            self.hand(id, Input::Tick);
        }
    }

    /// A change of one member is asked for, at any that is there.
    pub fn change(&mut self, at: u64, kind: ConfChangeType, node: u64) {
        let id = self.new_id();
        let change = ConfChange { id: id.0, r#type: kind.into(), node_id: node, ..Default::default() };
        self.reconfigure(at, id, change.into());
    }

    pub fn exchange(&mut self, at: u64, promote: u64, demote: u64) {
        let id = self.new_id();
        let (promote, demote) = (MemberId(promote), MemberId(demote));
        self.reconfigure(at, id, Reconfiguration::Exchange { id, promote, demote });
    }

    pub fn demote(&mut self, at: u64, member: u64) {
        let id = self.new_id();
        self.reconfigure(at, id, Reconfiguration::Demotion { id, member: MemberId(member) });
    }

    fn reconfigure(&mut self, at: u64, id: ProposalId, change: Reconfiguration) {
        let Some(process) = self.members.get_mut(&at).and_then(|member| member.process.as_mut()) else {
            return;
        };
        process.proposals.insert(id, None);
        self.tell(|| format!("asked of {at}: {change:?}"));
        self.hand(at, Input::Change(change));
    }

    /// Notes whether a member is one, when the first one applies what says so. One that was removed may be added again by
    /// who does not know that yet.
    pub fn come_or_go(&mut self, index: u64, change: &ConfChange) {
        let id = change.node_id;
        let Some(member) = self.members.get_mut(&id).filter(|member| member.changed < index) else { return };
        member.changed = index;
        match change.r#type() {
            ConfChangeType::UpdateNode => {}
            ConfChangeType::RemoveNode => member.removed = true,
            ConfChangeType::AddNode | ConfChangeType::AddLearnerNode => {
                if std::mem::take(&mut member.removed) {
                    self.after(0, Next::Start(id));
                }
            }
        }
    }

    /// Counts a change of members when the first member applies it.
    pub fn count_change(&mut self, index: u64, change: &Reconfiguration) {
        // The first members join by what they begin with.
        if change.id().is_some_and(|id| id.0 >= 1 << 40) || self.counted_change >= index {
            return;
        }
        self.counted_change = index;
        let votes = |member: u64| self.voters.contains(&member);
        let (what, node, promoted) = match change {
            Reconfiguration::Single(change) => {
                let node = change.node_id;
                match change.r#type() {
                    ConfChangeType::AddLearnerNode if votes(node) => (Counted::VoterDemoted, node, None),
                    ConfChangeType::AddLearnerNode => (Counted::LearnerAdded, node, None),
                    ConfChangeType::RemoveNode => (Counted::Removed, node, None),
                    _ if votes(node) => return,
                    _ => (Counted::LearnerPromoted, node, Some(node)),
                }
            }
            Reconfiguration::Exchange { promote, demote, .. } if votes(demote.0) && !votes(promote.0) => {
                (Counted::Exchanged, demote.0, Some(promote.0))
            }
            Reconfiguration::Demotion { member, .. } if votes(member.0) => {
                (Counted::VoterDemoted, member.0, None)
            }
            Reconfiguration::Leave => return self.tally.add(Counted::JointChangeLeft, 1),
            Reconfiguration::Exchange { .. } | Reconfiguration::Demotion { .. } => return,
        };
        self.tally.add(what, 1);
        self.voters.retain(|voter| *voter != node);
        self.voters.extend(promoted);
    }
}
