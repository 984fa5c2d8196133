//! Only learners are removed, and never the last one that could take over.

use mgmt::cluster::mesh::steward::{Command, Order, Reason, Role};
use mgmt::engine::sched::Time;

use super::super::world::World;
use super::{Invariant, Step, Verdict, hold};

pub struct Removals;

impl Invariant for Removals {
    fn name(&self) -> &'static str {
        "removals"
    }

    fn step(&mut self, step: &Step<'_>, world: &World, _: Time) -> Verdict {
        for Order { command, reason } in step.orders {
            let Command::Remove { member } = command else { continue };
            let role = world.store.members.get(member).map(|member| member.role);
            hold(role == Some(Role::Learner), || format!("{command:?}: {role:?}"))?;
            if matches!(reason, Reason::Surplus { .. }) {
                let others = world.store.members.iter().filter(|(id, other)| {
                    *id != member
                        && other.role == Role::Learner
                        && other.lag.is_none()
                        && world.is_heard(**id)
                });
                hold(others.count() > 0, || format!("{command:?}: the last spare"))?;
            }
        }
        Ok(())
    }
}
