//! Which learners are removed. A voter never is: it becomes a learner first.

use std::cmp::Reverse;

use super::command::Command;
use super::draft::Draft;
use super::limits;
use super::memory::Memory;
use super::nominations::Needs;
use super::quorum::odd_floor;
use super::reason::Reason;
use super::scene::{Known, Scene, Standing};
use super::view::Nomination;

impl<'a> Scene<'a> {
    /// Why a member gives up its duty.
    pub fn why_departing(&self, known: &Known<'a>) -> Reason {
        let host = known.name.clone();
        match known.host.map(|host| host.intent) {
            Some(super::host::Intent::Leaves) => Reason::Leaves { host },
            _ => Reason::NoServer { host },
        }
    }

    /// Those that leave are waited for, and those that lost their data stand in the way of their host's next member:
    /// they go first.
    pub fn plan_departures(&self, draft: &mut Draft) {
        for known in self.learners() {
            let reason = match known.standing {
                _ if known.departing => self.why_departing(known),
                Standing::Lost => Reason::DataLost { host: known.name.clone() },
                Standing::Here | Standing::Away(_) | Standing::Dead => continue,
            };
            draft.change(Command::Remove { member: known.id }, reason);
        }
    }

    /// Plans to remove learners that are of no use.
    pub fn plan_removals(&self, memory: &mut Memory, draft: &mut Draft) {
        for known in self.learners().filter(|known| !known.departing && known.standing != Standing::Lost) {
            if let Some(reason) = self.why_useless(known, draft) {
                draft.change(Command::Remove { member: known.id }, reason);
            }
        }
        self.plan_fewer_dead(draft);
        self.plan_fewer_learners(memory, draft);
    }

    fn why_useless(&self, known: &Known<'a>, draft: &mut Draft) -> Option<Reason> {
        let host = known.name.clone();
        let is_its = |out: &Nomination| out.member == Some(known.id);
        if self.view.nominations.values().any(is_its) {
            return None;
        }
        let limit = if known.member.host.is_none() { limits::COME_UP } else { limits::FORGET };
        if let Some(since) = known.member.silent_since {
            draft.wake_at(since + limit, self.now);
            let silence = self.now.since(since);
            return match known.member.host {
                _ if silence < limit => None,
                None => Some(Reason::NeverStarted { host }),
                Some(_) => Some(Reason::Forgotten { host, silence }),
            };
        }
        let lag = known.member.lag?;
        draft.wake_at(lag.since + limits::CATCH_UP, self.now);
        let late = self.now.since(lag.since) >= limits::CATCH_UP;
        late.then_some(Reason::NotInTime { host, after: limits::CATCH_UP })
    }

    /// Of hosts that are down, as many are remembered as there are to be voters.
    fn plan_fewer_dead(&self, draft: &mut Draft) {
        let dead = || self.learners().filter(|known| known.standing == Standing::Dead && !known.departing);
        if dead().count() <= usize::from(self.view.policy.voters) {
            return;
        }
        if let Some(known) = dead().min_by_key(|known| (known.member.silent_since, known.id)) {
            let silence = known.member.silent_since.map(|since| self.now.since(since)).unwrap_or_default();
            let reason = Reason::Forgotten { host: known.name.clone(), silence };
            draft.change(Command::Remove { member: known.id }, reason);
        }
    }

    /// Learners that are ready and that nobody needs go, unhurriedly: a spare that comes back, relays without clients.
    fn plan_fewer_learners(&self, memory: &mut Memory, draft: &mut Draft) {
        let ready = self.ready().count();
        let staying = self.voters().filter(|known| !known.departing).count();
        let can = odd_floor((staying + ready).min(usize::from(self.view.policy.voters)));
        let votes = can.saturating_sub(staying);
        // A relay stays until there are clients for half of one less, so that a few that come and go move nothing.
        let per = u64::from(self.view.policy.relay_per.max(1));
        let relays = usize::try_from(self.view.clients.saturating_add(per / 2) / per).unwrap_or(usize::MAX);
        let needed = Needs { votes, relays: relays.max(self.relays_needed()) }.learners();
        let improves = || self.best_swap(|_| true).is_some_and(|swap| swap.cost < self.present_cost());
        let whole = self.voters().all(|known| !known.is_dead() && !known.departing);
        if ready <= needed || !whole || !self.view.nominations.is_empty() || improves() {
            memory.surplus_since = None;
            return;
        }
        let until = *memory.surplus_since.get_or_insert(self.now) + limits::SURPLUS;
        if self.now < until {
            return draft.wake_at(until, self.now);
        }
        // The one whose zone has the most servers and that is up for the shortest time.
        let crowd = |known: &Known<'a>| {
            let zone = known.place().zone;
            self.members.iter().filter(|other| !other.is_dead() && other.place().zone == zone).count()
        };
        let last = self.ready().max_by_key(|known| {
            (!known.place().preferred, crowd(known), known.seniority(), Reverse(known.id))
        });
        if let Some(known) = last.filter(|_| draft.changes.is_empty()) {
            // One at a time, each after as long a wait.
            memory.surplus_since = None;
            let reason = Reason::Surplus { learners: ready, needed };
            draft.change(Command::Remove { member: known.id }, reason);
        }
    }
}
