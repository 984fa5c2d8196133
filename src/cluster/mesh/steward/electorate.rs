//! Who votes: the next change that is needed, the most urgent first.

use super::command::Command;
use super::draft::Draft;
use super::limits;
use super::memory::Memory;
use super::quorum::odd_floor;
use super::reason::Reason;
use super::remark::Remark;
use super::scene::{Known, Scene};
use super::view::Role;
use crate::cluster::store::id::MemberId;
use crate::engine::sched::Time;

impl<'a> Scene<'a> {
    /// Plans the next change of the electorate. False: nothing at all can be changed now.
    pub fn plan_electorate(&self, memory: &mut Memory, draft: &mut Draft) -> bool {
        let leads = self.get(self.view.me).filter(|me| me.member.role == Role::Voter);
        let Some(me) = leads.filter(|_| self.has_quorum(draft)) else { return false };
        if me.departing && self.plan_own_departure(me, memory, draft) {
            return true;
        }
        let voters = self.voters().count();
        let target = self.target(memory, draft);
        if voters > target {
            self.plan_fewer(target, draft);
        } else if voters.is_multiple_of(2) {
            self.plan_growth(target, draft);
        } else if self.plan_handing_over(draft) {
            // That is all for now.
        } else if self.voters().any(|known| known.is_dead() && !self.is_me(known)) {
            self.plan_healing(draft);
        } else if voters < target && !self.voters().any(|known| known.forsaken) {
            self.plan_growth(target, draft);
        }
        true
    }

    /// How many are to vote, by the policy and by who can: voters, heard or not, and learners that are ready.
    fn target(&self, memory: &mut Memory, draft: &mut Draft) -> usize {
        let leaving = self.voters().filter(|known| known.departing).count();
        let replaced = self.voters().filter(|known| !known.departing && self.is_replaced(known)).count();
        let ready = self.ready().count();
        if leaving == 0 || ready > 0 {
            memory.hands_over_since = None;
        }
        let waits = leaving > 0 && ready == 0 && self.waits_for_successor(memory, draft);
        let going = if waits { replaced } else { leaving + replaced };
        let staying = self.voters().count() - going;
        odd_floor((staying + ready).min(usize::from(self.view.policy.voters)))
    }

    /// Whether a voter that leaves is to wait: a successor may come up soon.
    fn waits_for_successor(&self, memory: &mut Memory, draft: &mut Draft) -> bool {
        let Some(known) = self.voters().find(|known| known.departing).filter(|_| self.has_prospects(memory))
        else {
            memory.hands_over_since = None;
            return false;
        };
        let until = *memory.hands_over_since.get_or_insert(self.now) + limits::HAND_OVER;
        let waits = self.now < until;
        if waits {
            draft.wake_at(until, self.now);
            draft.remark(Remark::HandOverWaits { host: known.name.clone() });
        }
        waits
    }

    /// The leader's host leaves: another leads first, and goes on from there. True: that is all for now.
    fn plan_own_departure(&self, me: &Known<'a>, memory: &Memory, draft: &mut Draft) -> bool {
        let others = self.voters().filter(|known| !self.is_me(known));
        let able = others.clone().filter(|known| known.is_here() && !known.departing);
        let lag = |known: &Known<'_>| known.member.lag.map_or(0, |lag| lag.entries);
        if let Some(to) = able.min_by_key(|known| (lag(known), known.seniority())) {
            draft.change(Command::MoveLeader { to: to.id }, self.why_departing(me));
            return true;
        }
        if others.count() > 0 {
            return false;
        }
        match self.successor(me.id) {
            Some(successor) if self.is_safe(&[successor.id], &[], draft) => {
                let members = vec![successor.id];
                draft.change(Command::Promote { members }, self.why_departing(me));
            }
            _ if self.has_prospects(memory) => {
                draft.remark(Remark::HandOverWaits { host: me.name.clone() });
            }
            _ => draft.remark(Remark::LastServer { host: me.name.clone() }),
        }
        true
    }

    /// A voter that leaves gives its vote to a learner. False: there is none, or dead voters must be replaced first.
    fn plan_handing_over(&self, draft: &mut Draft) -> bool {
        let leaving = self.voters().filter(|known| known.departing && !self.is_me(known));
        let first = leaving.max_by_key(|known| (known.standing, known.id));
        let Some((known, successor)) = first.and_then(|known| Some((known, self.successor(known.id)?)))
        else {
            return false;
        };
        self.plan_exchange(known, successor, self.why_departing(known), draft)
    }

    /// Dead voters give their vote to learners, one a minute.
    fn plan_healing(&self, draft: &mut Draft) {
        let dead = |known: &Known<'_>| known.is_dead() && !self.is_me(known);
        let Some(first) = self.voters().find(|known| dead(known)) else { return };
        let Some(swap) = self.best_swap(dead) else {
            draft.remark(Remark::NoSuccessor { host: first.name.clone() });
            return;
        };
        if let Err(until) = self.exchange_allowed() {
            draft.remark(Remark::ExchangeWaits { host: swap.out.name.clone() });
            draft.wake_at(until, self.now);
            return;
        }
        let silence = swap.out.member.silent_since.map(|since| self.now.since(since)).unwrap_or_default();
        let (host, successor) = (swap.out.name.clone(), swap.into.name.clone());
        let reason = Reason::Silent { host, silence, successor };
        self.plan_exchange(swap.out, swap.into, reason, draft);
    }

    /// Whether the last exchange is long enough ago; if not, when it will be.
    pub fn exchange_allowed(&self) -> Result<(), Time> {
        let role = |id: MemberId| self.get(id).map(|known| known.member.role);
        let last = self.view.exchanged.filter(|last| {
            let undone = role(last.promote) == Some(Role::Learner) && role(last.demote) == Some(Role::Voter);
            !undone
        });
        match last.map(|last| last.at + limits::EXCHANGE_EVERY) {
            Some(until) if self.now < until => Err(until),
            _ => Ok(()),
        }
    }

    /// Plans an exchange. False: it would not be safe.
    pub fn plan_exchange(
        &self,
        out: &Known<'a>,
        into: &Known<'a>,
        reason: Reason,
        draft: &mut Draft,
    ) -> bool {
        let safe = self.is_safe(&[into.id], &[out.id], draft);
        if safe {
            draft.change(Command::Exchange { promote: into.id, demote: out.id }, reason);
        }
        safe
    }

    /// More vote than should: those go first that are dead, leave, or are in a bad place; the leader never goes.
    fn plan_fewer(&self, target: usize, draft: &mut Draft) {
        let voters = self.voters().count();
        // Two voters cannot spare either, so three become one in one step.
        let at_once = if voters == 3 { 2 } else { 1 };
        let mut others: Vec<&Known<'a>> = self.voters().filter(|known| !self.is_me(known)).collect();
        others.sort_by_cached_key(|known| {
            let useful = (!known.is_dead(), !known.departing, std::cmp::Reverse(known.standing));
            (useful, self.cost_with(Some(known.id), []), std::cmp::Reverse(known.seniority()))
        });
        let first = others.first().filter(|known| known.departing).map(|known| self.why_departing(known));
        let reason = first.unwrap_or(Reason::TooManyVoters { from: voters, to: target });
        let members: Vec<MemberId> = others.iter().take(at_once).map(|known| known.id).collect();
        if self.is_safe(&[], &members, draft) {
            draft.change(Command::Demote { members }, reason);
        }
    }

    /// Fewer vote than could: learners that are ready get the vote, two at once, so that the number stays odd.
    fn plan_growth(&self, target: usize, draft: &mut Draft) {
        let voters = self.voters().count();
        let count = if voters.is_multiple_of(2) { 1 } else { 2 };
        let mut chosen: Vec<&Known<'a>> = Vec::new();
        for _ in 0..count {
            let rest = self.ready().filter(|known| chosen.iter().all(|other| other.id != known.id));
            let best = rest.min_by_key(|known| {
                let with = chosen.iter().map(|other| other.place()).chain([known.place()]);
                (self.cost_with(None, with), known.seniority())
            });
            chosen.extend(best);
        }
        let members: Vec<MemberId> = chosen.iter().map(|known| known.id).collect();
        if members.len() == count && self.is_safe(&members, &[], draft) {
            let reason = Reason::Grows { from: voters, to: (voters + count).min(target) };
            draft.change(Command::Promote { members }, reason);
        }
    }
}
