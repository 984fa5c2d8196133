//! The steward: who votes, who follows as a learner, who is a client. Pure: a [`View`] and the time in, [`Advice`] out.
//!
//! It runs on the leader of the store, one per term. A new one starts from the view alone: what it must know is in the
//! store (members, nominations, the last exchange); what it keeps itself (`memory`) only paces it, and is safe to lose.
//! Each step looks at the whole view anew and asks for the next change towards what should be, so a change that fails,
//! a policy that is changed meanwhile or a host that comes back needs no special care.
//!
//! | file | what |
//! |---|---|
//! | [`view`], [`host`] | what it sees |
//! | [`command`], [`reason`], [`remark`] | what it says |
//! | [`limits`] | how long it waits |
//! | `scene` | the view at one moment: who is there, who is dead |
//! | `electorate` | who votes: heals, hands over, shrinks, grows |
//! | `places` | where votes better are: zones, preference |
//! | `moves` | unhurried moves to better places |
//! | `learners` | which learners are removed |
//! | `nominations` | who is asked to serve; `candidates`: who could be |
//! | `addresses` | members whose address changed or was taken |
//! | `quorum` | what may be changed without risk |
//! | `pace` | a command without effect is given later and later |
//!
//! What the one that calls it owes it: [`View::change_under_way`] is true from when an order that changes members is
//! taken until its effect shows in the view or can come no more; an exchange is noted in the store before it is
//! proposed; orders are carried out in their sequence.

mod addresses;
mod candidates;
pub mod command;
mod draft;
mod duties;
mod electorate;
pub mod host;
mod learners;
pub mod limits;
mod memory;
mod moves;
mod nominations;
mod pace;
mod places;
mod quorum;
pub mod reason;
pub mod remark;
mod scene;
#[cfg(test)]
mod tests;
pub mod view;

pub use command::{Command, Duty, Order};
pub use draft::Advice;
pub use duties::duties;
pub use host::{DataDir, Host, Intent, Volunteers};
pub use reason::Reason;
pub use remark::Remark;
pub use view::{Exchanged, Lag, Member, Nomination, Role, View};

use draft::Draft;
use memory::Memory;
use scene::Scene;

use crate::engine::sched::Time;

/// Decides who carries the store. One lives as long as its leader leads.
#[derive(Clone, Debug, Default)]
pub struct Steward {
    memory: Memory,
}

impl Steward {
    /// That of a leader which begins.
    pub fn new() -> Self {
        Self::default()
    }

    /// What to do now. To be called whenever the view has changed, and at [`Advice::wake_at`].
    pub fn step(&mut self, view: &View, now: Time) -> Advice {
        let mut draft = Draft::default();
        let scene = Scene::new(view, now, &mut draft);
        self.memory.forget_old(now);
        if scene.plan_electorate(&mut self.memory, &mut draft) {
            scene.plan_departures(&mut draft);
            scene.plan_addresses(&mut draft);
            scene.plan_nominations(&mut self.memory, &mut draft);
            scene.plan_removals(&mut self.memory, &mut draft);
            scene.plan_moves(&mut self.memory, &mut draft);
        }
        self.give(view, draft, now)
    }

    /// Picks what is given of a draft: the first change that need not wait, and all the rest.
    fn give(&mut self, view: &View, mut draft: Draft, now: Time) -> Advice {
        let mut orders = Vec::new();
        let changes = std::mem::take(&mut draft.changes);
        for order in changes.into_iter().filter(|_| !view.change_under_way) {
            match self.memory.pace.give(&order.command, now) {
                Ok(()) => {
                    orders.push(order);
                    break;
                }
                Err(again_at) => draft.wake_at(again_at, now),
            }
        }
        for order in std::mem::take(&mut draft.notes) {
            match self.memory.pace.give(&order.command, now) {
                Ok(()) => {
                    self.memory.note_given(&order, now);
                    orders.push(order);
                }
                Err(again_at) => draft.wake_at(again_at, now),
            }
        }
        // Should an order be lost, it is time to try again.
        for order in &orders {
            if let Some(again_at) = self.memory.pace.again_at(&order.command) {
                draft.wake_at(again_at, now);
            }
        }
        Advice { orders, remarks: draft.remarks, wake_at: draft.wake_at }
    }
}
