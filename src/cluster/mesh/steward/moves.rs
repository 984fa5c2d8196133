//! Votes move to better places, one at a time, when there is nothing else to do.

use super::command::{Command, Duty};
use super::draft::Draft;
use super::limits;
use super::memory::Memory;
use super::reason::Reason;
use super::remark::Remark;
use super::scene::{Known, Scene};

impl<'a> Scene<'a> {
    /// Plans a move if one is due.
    pub fn plan_moves(&self, memory: &mut Memory, draft: &mut Draft) {
        if !self.is_calm(draft) {
            memory.calm_since = None;
            memory.looked_at = None;
            return;
        }
        let due = *memory.calm_since.get_or_insert(self.now) + limits::CALM;
        if self.now < due {
            return draft.wake_at(due, self.now);
        }
        // A lone voter stays where it is: its only way out leads over two.
        if self.voters().count() < 3 {
            return;
        }
        let present = self.present_cost();
        let others = self.best_swap(|known| !self.is_me(known)).filter(|swap| swap.cost < present);
        if let Some(swap) = others {
            return match self.exchange_allowed() {
                Ok(()) => {
                    let (from, to) = (swap.out.name.clone(), swap.into.name.clone());
                    self.plan_exchange(swap.out, swap.into, Reason::BetterPlace { from, to }, draft);
                }
                Err(until) => draft.wake_at(until, self.now),
            };
        }
        let own = self.best_swap(|_| true).filter(|swap| swap.cost < present);
        if let Some(swap) = own {
            return self.plan_giving_way(swap.out, draft);
        }
        let again = memory.looked_at.map(|at| at + limits::CALM);
        if let Some(again) = again.filter(|again| self.now < *again) {
            return draft.wake_at(again, self.now);
        }
        memory.looked_at = Some(self.now);
        if let Some((host, from)) = self.better_place(memory) {
            let (host, duty) = (host.clone(), Duty::Spare);
            let reason = Reason::BetterPlace { from, to: host.clone() };
            return draft.note(Command::Nominate { host, duty }, reason);
        }
        // One that rests may be the better place.
        memory.resting.values().for_each(|until| draft.wake_at(*until, self.now));
    }

    /// Nothing is to be done, and nobody is missing.
    fn is_calm(&self, draft: &Draft) -> bool {
        // Too few relays is how it is where too few hosts volunteer.
        let trouble = |remark: &Remark| !matches!(remark, Remark::FewRelays { .. });
        let idle = draft.changes.is_empty() && draft.notes.is_empty() && !draft.remarks.iter().any(trouble);
        let whole = self.voters().all(|known| known.is_here() && known.member.lag.is_none());
        idle && whole && !self.view.change_under_way && self.view.nominations.is_empty()
    }

    /// It is the leader's own vote that is to move: another leads, and gives the vote away.
    fn plan_giving_way(&self, me: &Known<'a>, draft: &mut Draft) {
        let others = self.voters().filter(|known| !self.is_me(known));
        if let Some(to) = others.min_by_key(|known| known.seniority()) {
            let reason = Reason::LeaderMoves { leader: me.name.clone() };
            draft.change(Command::MoveLeader { to: to.id }, reason);
        }
    }
}
