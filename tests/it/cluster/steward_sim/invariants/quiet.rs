//! Once all is settled nothing is ordered any more, but for a spare too many that goes.

use mgmt::cluster::mesh::steward::Reason;
use mgmt::engine::sched::Time;

use super::super::world::World;
use super::{Invariant, Step, Verdict, hold};

/// Orders of a day without trouble: moves for preference, each with its nomination, and removals.
const MOST: usize = 120;

#[derive(Default)]
pub struct Quiet {
    given: usize,
    last: Option<(Time, String)>,
}

impl Invariant for Quiet {
    fn name(&self) -> &'static str {
        "quiet"
    }

    fn step(&mut self, step: &Step<'_>, _: &World, now: Time) -> Verdict {
        for order in step.orders.iter().filter(|_| step.calm) {
            self.given += 1;
            if !matches!(order.reason, Reason::Surplus { .. }) {
                self.last = Some((now, format!("{order:?}")));
            }
        }
        hold(self.given < MOST, || format!("{} orders since all was well, {:?}", self.given, self.last))
    }

    fn end(&mut self, _: &World, now: Time) -> Verdict {
        let Some((at, order)) = &self.last else { return Ok(()) };
        hold(now.since(*at).as_secs() > 3600, || format!("{order} at {at}, and it is {now}"))
    }
}
