//! There is no storm of orders.

use std::collections::VecDeque;

use mgmt::engine::sched::Time;

use super::super::SECOND;
use super::super::world::World;
use super::{Invariant, Step, Verdict, hold};

/// In ten seconds: a mesh that grows from one host to seven with relays takes about thirty.
const MOST: usize = 60;

#[derive(Default)]
pub struct Orders {
    given: VecDeque<Time>,
}

impl Invariant for Orders {
    fn name(&self) -> &'static str {
        "no storm"
    }

    fn step(&mut self, step: &Step<'_>, _: &World, now: Time) -> Verdict {
        self.given.extend(step.orders.iter().map(|_| now));
        while self.given.front().is_some_and(|at| now.since(*at) > 10 * SECOND) {
            self.given.pop_front();
        }
        hold(self.given.len() <= MOST, || format!("{} orders in ten seconds", self.given.len()))
    }
}
