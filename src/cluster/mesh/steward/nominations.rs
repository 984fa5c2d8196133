//! Who is asked to serve: nominations that are out, and new ones.

use std::collections::BTreeMap;

use super::addresses::Address;
use super::candidates::Candidates;
use super::command::{Command, Duty};
use super::draft::Draft;
use super::limits;
use super::memory::Memory;
use super::places::Place;
use super::quorum::odd_floor;
use super::reason::Reason;
use super::remark::Remark;
use super::scene::{Known, Scene, Standing};
use super::view::{Nomination, Role};
use crate::cluster::mesh::HostName;

/// How many learners are needed, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    /// To become voters.
    pub votes: usize,
    /// To serve clients.
    pub relays: usize,
}

impl Needs {
    /// With the spare.
    pub fn learners(self) -> usize {
        self.votes + 1 + self.relays
    }

    /// What the learner is for that comes after so many.
    fn duty(self, after: usize) -> Duty {
        match after {
            _ if after < self.votes => Duty::Voter,
            _ if after == self.votes => Duty::Spare,
            _ => Duty::Relay,
        }
    }
}

impl<'a> Scene<'a> {
    /// Plans what becomes of the nominations that are out, and new ones.
    pub fn plan_nominations(&self, memory: &mut Memory, draft: &mut Draft) {
        for (host, out) in &self.view.nominations {
            self.tend(host, *out, draft);
        }
        let staying = self.voters().filter(|known| !known.departing).count();
        let bare = self.bare_nominations().count();
        let coming = self.coming().count() + bare;
        let (ready, have) = (self.ready().count(), self.ready().count() + coming);
        let relays = self.relays_needed();
        // With so many there is nobody to look for, and while so many come up nobody else is asked.
        let asked = usize::from(self.view.policy.voters);
        let most = Needs { votes: asked.saturating_sub(staying), relays };
        if have >= most.learners() || coming >= limits::AT_ONCE {
            return;
        }
        let mut candidates = self.candidates(memory);
        // A host that lost its data is counted with those that could serve, and not once more by its old vote.
        let lost = self.voters().filter(|known| known.standing == Standing::Lost).count();
        let can = odd_floor((staying.saturating_sub(lost) + have + candidates.count).min(asked));
        let needs = Needs { votes: can.saturating_sub(staying), relays };
        if ready == 0 && have + candidates.count > 0 {
            draft.remark(Remark::NoSpare);
        } else if ready < needs.learners() && relays > 0 {
            let following = ready.saturating_sub(needs.votes + 1);
            draft.remark(Remark::FewRelays { relays: following, needed: relays });
        }
        memory.resting.values().for_each(|until| draft.wake_at(*until, self.now));
        let count = needs.learners().saturating_sub(have).min(limits::AT_ONCE.saturating_sub(coming));
        let mut chosen = Vec::new();
        for after in have..have + count {
            let duty = needs.duty(after);
            let Some((place, host)) = self.nominee(duty, &chosen, &candidates) else { return };
            candidates.take(place, host);
            chosen.push(place);
            draft.note(Command::Nominate { host: host.clone(), duty }, Reason::Needed { duty });
        }
    }

    /// How many relays the clients need.
    pub fn relays_needed(&self) -> usize {
        usize::try_from(self.view.clients / u64::from(self.view.policy.relay_per.max(1)))
            .unwrap_or(usize::MAX)
    }

    /// What becomes of a nomination.
    fn tend(&self, host: &HostName, out: Nomination, draft: &mut Draft) {
        let withdraw = |reason: Reason, draft: &mut Draft| {
            draft.note(Command::Withdraw { host: host.clone() }, reason);
        };
        let member = out.member.and_then(|id| self.get(id));
        if member.is_some_and(|known| known.member.role == Role::Voter || known.is_ready()) {
            return withdraw(Reason::CameUp { host: host.clone() }, draft);
        }
        let Some(registered) =
            self.view.hosts.get(host).filter(|registered| registered.alive && !registered.gives_up_duty())
        else {
            return withdraw(Reason::Unfit { host: host.clone() }, draft);
        };
        let heard = member.is_some_and(Known::is_here);
        let given = if heard { limits::CATCH_UP } else { limits::COME_UP };
        let until = out.since + given;
        if self.now >= until {
            return withdraw(Reason::NotInTime { host: host.clone(), after: given }, draft);
        }
        draft.wake_at(until, self.now);
        let Some(peer) = registered.peer.as_ref().filter(|_| member.is_none()) else { return };
        match self.address(peer, None) {
            Address::Free => {
                let command = Command::AddLearner { host: host.clone(), peer: peer.clone() };
                draft.change(command, Reason::Nominated { host: host.clone() });
            }
            Address::Stale(holder) => self.plan_clearing(holder, host, draft),
            Address::Taken => withdraw(Reason::Unfit { host: host.clone() }, draft),
        }
    }

    /// The best host for a duty.
    fn nominee(
        &self,
        duty: Duty,
        chosen: &[Place<'a>],
        candidates: &Candidates<'a>,
    ) -> Option<(Place<'a>, &'a HostName)> {
        let firsts = candidates
            .best
            .iter()
            .filter_map(|(place, best)| best.first().map(|(since, host)| (*place, *since, *host)));
        let best = match duty {
            Duty::Relay => {
                let servers = self.servers_by_zone(chosen);
                firsts.min_by_key(|(place, since, host)| {
                    let servers = servers.get(place.zone).copied().unwrap_or(0) + 1;
                    let hosts = candidates.alive.get(place.zone).copied().unwrap_or(1).max(1);
                    // Hosts per server, the most first, in thousandths.
                    let crowd = hosts.saturating_mul(1000) / servers;
                    (std::cmp::Reverse(crowd), !place.preferred, *since, *host)
                })
            }
            Duty::Voter | Duty::Spare | Duty::Client => firsts.min_by_key(|(place, since, host)| {
                let with = self.upcoming().chain(chosen.iter().copied()).chain([*place]);
                (self.cost_with(None, with), *since, *host)
            }),
        };
        best.map(|(place, _, host)| (place, host))
    }

    /// The places of learners that may vote soon, with those that are nominated.
    fn upcoming(&self) -> impl Iterator<Item = Place<'_>> {
        let bare = self.bare_nominations().filter_map(|host| self.view.hosts.get(host));
        let learners = self.ready().chain(self.coming()).map(Known::place);
        learners.chain(bare.map(super::candidates::place_of))
    }

    fn servers_by_zone(&self, chosen: &[Place<'a>]) -> BTreeMap<&str, u64> {
        let mut servers = BTreeMap::new();
        let voters = self.voters().filter(|known| !known.is_dead()).map(Known::place);
        for place in voters.chain(self.upcoming()).chain(chosen.iter().copied()) {
            *servers.entry(place.zone).or_default() += 1;
        }
        servers
    }

    /// The host in the best place for a vote, better than any at present; and the voter whose vote it would get.
    pub fn better_place(&self, memory: &Memory) -> Option<(&'a HostName, HostName)> {
        let candidates = self.candidates(memory);
        let mut best = (self.present_cost(), None);
        for (place, hosts) in &candidates.best {
            for out in self.voters() {
                let there = self.cost_with(Some(out.id), [*place]);
                if there < best.0 {
                    best = (there, hosts.first().map(|(_, host)| (*host, out.name.clone())));
                }
            }
        }
        best.1
    }
}
