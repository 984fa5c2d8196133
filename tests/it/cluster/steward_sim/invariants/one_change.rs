//! One change at a time, and nobody leads who loses its vote.

use mgmt::cluster::mesh::steward::{Command, Order};
use mgmt::engine::sched::Time;

use super::super::world::World;
use super::{Invariant, Step, Verdict, hold};

pub struct OneChange;

impl Invariant for OneChange {
    fn name(&self) -> &'static str {
        "one change at a time"
    }

    fn step(&mut self, step: &Step<'_>, world: &World, _: Time) -> Verdict {
        let of_leader = |order: &Order| matches!(order.command, Command::MoveLeader { .. });
        let changes = step.orders.iter().filter(|order| order.command.changes_members() || of_leader(order));
        let count = changes.count();
        hold(count <= 1, || format!("{count} at once"))?;
        hold(count == 0 || world.change.is_none(), || format!("beside {:?}", world.change))?;
        for Order { command, .. } in step.orders {
            let keeps = world.voters_after(command).contains(&world.store.me);
            hold(keeps, || format!("{command:?} takes the leader's vote"))?;
        }
        Ok(())
    }
}
