//! What befalls a cluster.

use mgmt::cluster::raft::wire::ConfChangeType;
use mgmt::cluster::raft::{Input, MemberId, Saved};

use super::invariants::Verdict;
use super::life::Life;
use super::{MS, SECOND, Time};

/// Members at the most, those that were removed aside.
const MOST: usize = 7;

impl Life {
    /// Something goes wrong, or is changed.
    pub fn trouble(&mut self) -> Verdict {
        let all: Vec<u64> = self.members.keys().copied().collect();
        let one = all[self.rng.usize(0..all.len())];
        match self.rng.u32(0..100) {
            0..12 => self.network.turn(&mut self.rng),
            12..20 => self.network.isolate(one, &all, &mut self.rng),
            20..25 => self.network.split(&all, &mut self.rng),
            25..40 => self.network.cut.clear(),
            40..55 => {
                let down = self.down();
                self.crash(one, down);
            }
            55..58 => {
                // A power cut.
                let down = self.down();
                all.iter().for_each(|id| self.crash(*id, down));
            }
            58..66 => {
                let time = self.down();
                self.freeze(one, time);
            }
            66..74 => {
                let until = self.now + self.rng.u64(100 * MS..4 * SECOND);
                let most = self.rng.u64(10 * MS..3 * SECOND);
                self.members.get_mut(&one).expect("it is there").stall = Some((most, until));
            }
            74..80 => {
                let to = MemberId(all[self.rng.usize(0..all.len())]);
                self.hand(one, Input::Transfer { to });
            }
            80..85 => self.hand(one, Input::SnapshotNow),
            _ => self.change_members(one, &all),
        }
        Ok(())
    }

    fn down(&mut self) -> Time {
        let most = if self.rng.u32(0..4) == 0 { 5 * SECOND } else { 500 * MS };
        self.rng.u64(0..most)
    }

    /// As `at` knows the members, one of them becomes more or less.
    fn change_members(&mut self, at: u64, all: &[u64]) {
        let Some(process) = &self.members[&at].process else { return };
        let members = process.replica.members();
        let (voters, learners) = (members.voters, members.learners);
        let live = self.members.values().filter(|member| !member.removed).count();
        match self.rng.u32(0..10) {
            0 | 1 if live < MOST => {
                let id = all.iter().max().expect("there is one") + 1;
                self.add(id, &Saved::default());
                self.change(at, ConfChangeType::AddLearnerNode, id);
            }
            0..4 if !learners.is_empty() => {
                let id = learners[self.rng.usize(0..learners.len())];
                self.change(at, ConfChangeType::AddNode, id);
            }
            4 if !voters.is_empty() => {
                let id = voters[self.rng.usize(0..voters.len())];
                self.change(at, ConfChangeType::AddLearnerNode, id);
            }
            5 if !voters.is_empty() => {
                let id = voters[self.rng.usize(0..voters.len())];
                self.demote(at, id);
            }
            6..9 if !voters.is_empty() && !learners.is_empty() => {
                let promote = learners[self.rng.usize(0..learners.len())];
                let demote = voters[self.rng.usize(0..voters.len())];
                self.exchange(at, promote, demote);
            }
            _ => {
                let id = all[self.rng.usize(0..all.len())];
                self.change(at, ConfChangeType::RemoveNode, id);
            }
        }
    }
}
