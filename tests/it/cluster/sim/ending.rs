//! How a life ends: nothing befalls anybody any more, and what is then still not as it should be.

use bytes::Bytes;
use mgmt::cluster::raft::Role;

use super::clients::Outcome;
use super::invariants::{Last, Verdict};
use super::life::{Life, Next};
use super::network::Network;
use super::tally::Tally;
use super::{MS, SECOND};

impl Life {
    /// From now on nothing befalls anybody.
    pub fn heal(&mut self) -> Verdict {
        self.tell(|| "all is well again".to_owned());
        self.healed = true;
        self.network = Network::fair();
        let ids: Vec<u64> = self.members.keys().copied().collect();
        for id in ids {
            self.thaw(id);
            self.members.get_mut(&id).expect("it is there").stall = None;
            self.start(id)?;
        }
        self.after(SECOND, Next::Look);
        Ok(())
    }

    /// Stops those that were removed, as soon as all others know it: before, their votes may be needed.
    pub fn dismiss(&mut self) {
        let ids: Vec<u64> = self.members.keys().copied().collect();
        for id in ids {
            let mut others = self.members.values().filter(|other| !other.removed);
            let known = others.all(|other| {
                let members = other.process.as_ref().map(|process| process.replica.members());
                members.is_some_and(|known| {
                    let lists = [&known.voters, &known.learners, &known.voters_outgoing];
                    lists.iter().all(|members| !members.contains(&id))
                })
            });
            let Some(member) = self.members.get_mut(&id).filter(|member| known && member.removed) else {
                continue;
            };
            let gone = member.process.take();
            for asker in gone.iter().flat_map(|process| process.waiting()) {
                self.answer(asker, Outcome::Unknown);
            }
        }
    }

    /// What is not as it should be, once all is well.
    pub fn unrest(&self) -> Option<String> {
        let live = self.members.values().filter(|member| !member.removed);
        let mut applied = None;
        let mut leaders = 0;
        for member in live {
            let Some(process) = &member.process else { return Some(format!("{} is down", member.id)) };
            let status = process.replica.status();
            let known = process.replica.members();
            if !known.voters.contains(&member.id) && !known.learners.contains(&member.id) {
                // Its addition did not get through.
                continue;
            }
            if !known.voters_outgoing.is_empty() {
                return Some(format!("{} is between two electorates", member.id));
            }
            leaders += u32::from(status.role == Role::Leader);
            let first = *applied.get_or_insert(process.applied);
            if process.applied != first || status.last != first {
                return Some(format!("{first} is applied, but {status:?}"));
            }
            if !process.proposals.is_empty() || !process.reads.is_empty() {
                return Some(format!("{}: {:?} {:?} wait", member.id, process.proposals, process.reads));
            }
        }
        if leaders != 1 {
            return Some(format!("{leaders} leaders"));
        }
        let behind = self.watchers.next.iter().any(|next| *next != self.watchers.newest() + 1);
        (behind || !self.clients.waiting.is_empty()).then(|| "somebody waits".to_owned())
    }

    pub fn quiet(&self) -> bool {
        self.healed && self.now > self.heals + 1800 * MS && self.unrest().is_none()
    }

    pub fn end(mut self) -> Result<Tally, String> {
        self.tell(|| "all is quiet".to_owned());
        let processes = self.members.iter().filter(|(_, member)| !member.removed);
        let processes: Vec<_> =
            processes.filter_map(|(id, member)| Some((*id, member.process.as_ref()?))).collect();
        let members = processes.iter().filter(|(id, process)| {
            let known = process.replica.members();
            known.voters.contains(id) || known.learners.contains(id)
        });
        let states: Vec<(u64, u64, Bytes)> =
            members.map(|(id, process)| (*id, process.applied, process.machine.snapshot())).collect();
        for (id, _, state) in &states {
            if *state != states[0].2 {
                return Err(format!("one state: {} and {id} differ", states[0].0));
            }
        }
        let applied = states.iter().map(|(id, applied, _)| (*id, *applied)).collect();
        let last = Last { clients: &self.clients, applied };
        for invariant in &mut self.invariants {
            invariant.end(&last).map_err(|error| format!("{}: {error}", invariant.name()))?;
        }
        Ok(self.tally)
    }
}
