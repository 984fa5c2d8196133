//! No change costs the quorum, even if one host fails at once that gets a vote.

use mgmt::cluster::mesh::steward::Order;
use mgmt::engine::sched::Time;

use super::super::leading::moves_votes;
use super::super::world::World;
use super::{Invariant, Step, Verdict, hold};

pub struct Quorum;

impl Invariant for Quorum {
    fn name(&self) -> &'static str {
        "quorum"
    }

    fn step(&mut self, step: &Step<'_>, world: &World, _: Time) -> Verdict {
        for Order { command, .. } in step.orders.iter().filter(|order| moves_votes(&order.command)) {
            let before = world.voters();
            let after = world.voters_after(command);
            let heard = |voters: &[_]| voters.iter().filter(|id| world.is_heard(**id)).count();
            hold(heard(&before) * 2 > before.len(), || format!("{command:?} without a quorum"))?;
            let new = after.iter().filter(|id| !before.contains(id)).count();
            // The one exception: the only voter leaves, and must make another one first.
            let lone = before.len() == 1 && world.departs(world.store.me) && after.len() == 2;
            let doubtful = usize::from(new > 0 && !lone);
            let sure = heard(&after) - doubtful;
            hold(sure * 2 > after.len(), || format!("{command:?}: {sure} of {} are sure", after.len()))?;
        }
        Ok(())
    }
}
