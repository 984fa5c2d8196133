//! Who stopped cleanly is given a minute to come back.

use mgmt::cluster::mesh::steward::{Command, DataDir, Intent, Order, Reason};
use mgmt::engine::sched::Time;

use super::super::SECOND;
use super::super::world::World;
use super::{Invariant, Step, Verdict, hold};

pub struct CleanStops;

impl Invariant for CleanStops {
    fn name(&self) -> &'static str {
        "clean stops"
    }

    fn step(&mut self, step: &Step<'_>, world: &World, now: Time) -> Verdict {
        for Order { command, reason } in step.orders {
            let (Command::Exchange { demote, .. }, Reason::Silent { .. }) = (command, reason) else {
                continue;
            };
            let host = world.store.members[demote].host.as_ref().and_then(|host| world.store.hosts.get(host));
            // Who is back without its data is not waited for.
            let Some(host) = host.filter(|host| !host.alive || host.data == DataDir::Of(*demote)) else {
                continue;
            };
            if let Intent::Stopped { at } = host.intent {
                hold(now.since(at) >= 60 * SECOND, || format!("{command:?}: it stopped at {at}"))?;
            }
        }
        Ok(())
    }
}
