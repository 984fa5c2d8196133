//! An even number votes for no longer than a change takes.

use std::time::Duration;

use mgmt::engine::sched::Time;

use super::super::world::World;
use super::{Invariant, Step, Verdict, hold};

/// A change may be lost once or twice, and be tried again.
const LONGEST: Duration = Duration::from_secs(20);

#[derive(Default)]
pub struct Odd {
    /// Since when all are heard and still an even number votes.
    since: Option<(Time, u64)>,
}

impl Invariant for Odd {
    fn name(&self) -> &'static str {
        "odd electorate"
    }

    fn step(&mut self, step: &Step<'_>, world: &World, _: Time) -> Verdict {
        for order in step.orders {
            let (before, after) = (world.voters().len(), world.voters_after(&order.command).len());
            let two = after == 2 && before != 2;
            hold(!two || world.departs(world.store.me), || format!("{order:?} makes two voters"))?;
        }
        Ok(())
    }

    fn moment(&mut self, world: &World, now: Time) -> Verdict {
        let voters = world.voters();
        let all = voters.iter().all(|id| world.is_heard(*id) && !world.departs(*id));
        if !voters.len().is_multiple_of(2) || !all {
            self.since = None;
            return Ok(());
        }
        let (since, _) = *self.since.get_or_insert((now, 0));
        hold(now.since(since) < LONGEST, || format!("{voters:?} vote since {since}"))
    }
}
