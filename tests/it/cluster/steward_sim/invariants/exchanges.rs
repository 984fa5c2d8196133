//! At most one exchange a minute, and only of voters that are silent for long enough, or for a better place.

use mgmt::cluster::mesh::steward::{Command, Order, Reason};
use mgmt::cluster::store::id::MemberId;
use mgmt::engine::sched::Time;

use super::super::SECOND;
use super::super::world::World;
use super::{Invariant, Step, Verdict, hold};

#[derive(Default)]
pub struct Exchanges {
    /// The last one that was ordered, and one before that took effect.
    last: Option<(Time, MemberId, MemberId)>,
}

impl Invariant for Exchanges {
    fn name(&self) -> &'static str {
        "exchanges"
    }

    fn step(&mut self, step: &Step<'_>, world: &World, now: Time) -> Verdict {
        for Order { command, reason } in step.orders {
            let Command::Exchange { promote, demote } = command else { continue };
            let voters = world.voters();
            let done = self.last.filter(|(_, promoted, demoted)| {
                !(voters.contains(demoted)
                    && world.store.members.contains_key(promoted)
                    && !voters.contains(promoted))
            });
            if !world.departs(*demote)
                && let Some((at, ..)) = done
            {
                hold(now.since(at) >= 60 * SECOND, || {
                    format!("{command:?} {:?} after another", now.since(at))
                })?;
            }
            self.last = Some((now, *promote, *demote));
            match reason {
                Reason::Silent { silence, .. } => {
                    let heard = world.is_heard(*demote);
                    hold(!heard, || format!("{command:?} though it is heard"))?;
                    let long = *silence >= world.store.policy.dead_after();
                    hold(long, || format!("{command:?} after {silence:?}"))?;
                }
                Reason::BetterPlace { .. } => {
                    let all = voters.iter().all(|id| world.is_heard(*id));
                    hold(all, || format!("{command:?} while one is missing"))?;
                }
                _ => hold(world.departs(*demote), || format!("{command:?}: {reason}"))?,
            }
        }
        Ok(())
    }
}
