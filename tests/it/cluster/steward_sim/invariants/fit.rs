//! Only who can serve is asked to, and only who is caught up gets a vote.

use mgmt::cluster::mesh::steward::{Command, Intent, Order, Volunteers};
use mgmt::engine::sched::Time;

use super::super::world::World;
use super::{Invariant, Step, Verdict, hold};

pub struct Fit;

impl Invariant for Fit {
    fn name(&self) -> &'static str {
        "fit"
    }

    fn step(&mut self, step: &Step<'_>, world: &World, _: Time) -> Verdict {
        for Order { command, .. } in step.orders {
            match command {
                Command::Nominate { host, .. } => {
                    let record = world.store.hosts.get(host).ok_or("it is nobody")?;
                    let fit = record.alive
                        && record.volunteers != Volunteers::Never
                        && record.intent == Intent::Stays
                        && record.disk_free_bytes >= 2 * world.store.store_bytes;
                    hold(fit, || format!("{command:?}: {record:?}"))?;
                    let out = world.store.nominations.contains_key(host);
                    hold(!out, || format!("{command:?}, again"))?;
                }
                Command::AddLearner { host, peer } => {
                    let out = world.store.nominations.contains_key(host);
                    hold(out, || format!("{command:?} without nomination"))?;
                    let free = world.store.members.values().all(|member| member.peer != *peer);
                    hold(free, || format!("{command:?} at the address of another"))?;
                }
                Command::Promote { .. } | Command::Exchange { .. } => {
                    let before = world.voters();
                    for id in world.voters_after(command).iter().filter(|id| !before.contains(id)) {
                        let member = &world.store.members[id];
                        let fit = member.lag.is_none() && member.host.is_some() && world.is_heard(*id);
                        hold(fit, || format!("{command:?}: {member:?}"))?;
                        hold(!world.departs(*id), || format!("{command:?}: {id} leaves"))?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
