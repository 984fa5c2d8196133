//! Silence never shrinks the electorate: only who leaves, the policy and evenness do.

use mgmt::cluster::mesh::steward::{Command, Order};
use mgmt::engine::sched::Time;

use super::super::world::World;
use super::{Invariant, Step, Verdict, hold};

pub struct Silence;

impl Invariant for Silence {
    fn name(&self) -> &'static str {
        "silence"
    }

    fn step(&mut self, step: &Step<'_>, world: &World, _: Time) -> Verdict {
        for Order { command, .. } in step.orders {
            let Command::Demote { members } = command else { continue };
            let voters = world.voters();
            let leaving = voters.iter().any(|id| world.departs(*id));
            let many = voters.len() > usize::from(world.store.policy.voters);
            let even = voters.len().is_multiple_of(2);
            // A vote that nobody has the data for is none.
            let lost = voters.iter().any(|id| world.home(*id).is_none());
            hold(leaving || many || even || lost, || format!("{command:?} of {voters:?}"))?;
            let at_once = members.len();
            hold(at_once == 1 || voters.len() == 3, || format!("{at_once} of {} at once", voters.len()))?;
        }
        Ok(())
    }
}
