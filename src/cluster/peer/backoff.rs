//! How long to wait before the next attempt.

use std::time::Duration;

/// The wait after the first failure, at the least.
const LEAST_MS: u32 = 100;
/// No wait is longer.
const MOST_MS: u32 = 2000;

/// Waits that grow with each failure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    next_ms: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next_ms: LEAST_MS }
    }
}

impl Backoff {
    /// How long to wait now: twice what it was the last time, and up to half as much again, by chance, so that members
    /// that lost the same peer do not come back in step.
    pub(super) fn next(&mut self, chance: u32) -> Duration {
        let wait = self.next_ms + chance % (self.next_ms / 2);
        self.next_ms = (self.next_ms * 2).min(MOST_MS);
        Duration::from_millis(wait.min(MOST_MS).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_stay_within_bounds() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..6).map(|_| backoff.next(0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 2000]);
        assert_eq!(Backoff::default().next(49), Duration::from_millis(149));
        assert_eq!(backoff.next(u32::MAX), Duration::from_secs(2));
    }
}
