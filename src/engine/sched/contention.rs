//! Two writers that fight, or a command that touches what it watches: noticed, and slowed down.

use std::time::Duration;

use super::time::Time;

/// More repairs than this in one window are contention.
const REPAIRS: u16 = 200;
/// So many failures in one window are contention.
const FAILURES: u16 = 10;
/// The window in which both are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// Between tries, while contended.
const PAUSE: Duration = Duration::from_secs(1);
/// Without repair or failure for so long, it is over.
pub const QUIET: Duration = Duration::from_secs(60);

/// How often a vertex was put right or failed of late.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Contention {
    window_start: Time,
    last_trouble: Time,
    repairs: u16,
    failures: u16,
    contended: bool,
}

impl Contention {
    /// Counts a repair. `true`: this one makes it contended.
    pub fn repaired(&mut self, now: Time) -> bool {
        self.trouble(now);
        self.repairs = self.repairs.saturating_add(1);
        self.judge()
    }

    /// Counts a failure. `true`: this one makes it contended.
    pub fn failed(&mut self, now: Time) -> bool {
        self.trouble(now);
        self.failures = self.failures.saturating_add(1);
        self.judge()
    }

    /// The earliest time of the next try.
    pub fn not_before(&mut self, now: Time) -> Time {
        if self.contended && now.since(self.last_trouble) > QUIET {
            *self = Self::default();
        }
        if self.contended { self.last_trouble + PAUSE } else { now }
    }

    fn trouble(&mut self, now: Time) {
        if now.since(self.window_start) > WINDOW {
            *self = Self { window_start: now, contended: self.contended, ..Self::default() };
        }
        self.last_trouble = now;
    }

    fn judge(&mut self) -> bool {
        let over = self.repairs > REPAIRS || self.failures >= FAILURES;
        let first = over && !self.contended;
        self.contended |= over;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_repairs_in_ten_seconds_are_fine_and_one_more_is_not() {
        let mut contention = Contention::default();
        for i in 0..200 {
            assert!(!contention.repaired(Time(i * 1_000_000)), "repair {i}");
        }
        let now = Time(201_000_000);
        assert!(contention.repaired(now));
        assert!(!contention.repaired(now), "it is reported once");
        assert_eq!(contention.not_before(now), now + PAUSE);
    }

    #[test]
    fn a_quiet_minute_ends_it() {
        let mut contention = Contention::default();
        for _ in 0..10 {
            contention.failed(Time::from_secs(1));
        }
        assert_eq!(contention.not_before(Time::from_secs(1)), Time::from_secs(2));
        let later = Time::from_secs(62);
        assert_eq!(contention.not_before(later), later);
    }

    #[test]
    fn slow_repairs_never_are_contention() {
        let mut contention = Contention::default();
        assert!((0..1000).all(|i| !contention.repaired(Time(i * 100_000_000))));
    }
}
