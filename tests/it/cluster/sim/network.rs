//! What becomes of messages.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::{MS, Time};

/// The weather between members.
#[derive(Debug)]
pub struct Network {
    /// No message gets from one to the other.
    pub cut: BTreeSet<(u64, u64)>,
    /// In percent.
    pub loss: u32,
    /// In percent.
    pub doubling: u32,
    /// At the least.
    pub delay: Time,
    /// Beside that, at the most; the less the likelier.
    pub jitter: Time,
}

impl Network {
    pub fn fair() -> Self {
        Self { cut: BTreeSet::new(), loss: 0, doubling: 0, delay: MS / 5, jitter: MS }
    }

    /// Other losses and delays; cuts stay.
    pub fn turn(&mut self, rng: &mut Rng) {
        let cut = std::mem::take(&mut self.cut);
        *self = Self { cut, ..Self::fair() };
        match rng.u32(0..5) {
            0 => {}
            1 => self.loss = rng.u32(1..40),
            2 => self.jitter = rng.u64(1..200) * MS,
            3 => (self.doubling, self.jitter) = (rng.u32(1..50), 20 * MS),
            _ => {
                (self.loss, self.doubling) = (rng.u32(0..20), rng.u32(0..20));
                (self.delay, self.jitter) = (rng.u64(0..60) * MS, rng.u64(1..400) * MS);
            }
        }
    }

    /// How long each copy of a message takes; none if it is lost.
    pub fn copies(&self, from: u64, to: u64, rng: &mut Rng) -> Vec<Time> {
        if self.cut.contains(&(from, to)) || rng.u32(0..100) < self.loss {
            return Vec::new();
        }
        let count = if rng.u32(0..100) < self.doubling { 2 } else { 1 };
        let mut late = || {
            let share = rng.f64();
            self.delay + (self.jitter as f64 * share * share * share) as Time
        };
        (0..count).map(|_| late()).collect()
    }

    /// Cuts one from all others, one way or both.
    pub fn isolate(&mut self, one: u64, all: &[u64], rng: &mut Rng) {
        let (hears, speaks) = [(false, false), (false, true), (true, false)][rng.usize(0..3)];
        for other in all.iter().filter(|other| **other != one) {
            if !hears {
                self.cut.insert((*other, one));
            }
            if !speaks {
                self.cut.insert((one, *other));
            }
        }
    }

    /// Cuts all in two.
    pub fn split(&mut self, all: &[u64], rng: &mut Rng) {
        let left: BTreeSet<u64> = all.iter().copied().filter(|_| rng.bool()).collect();
        for from in all {
            for to in all.iter().filter(|to| left.contains(to) != left.contains(from)) {
                self.cut.insert((*from, *to));
            }
        }
    }
}
