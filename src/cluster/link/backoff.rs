//! How long to wait before the next attempt.

use std::time::Duration;

/// The wait after the first failure, at the most.
const FIRST: Duration = Duration::from_millis(50);
/// No wait is longer, but for one that the server asks for.
const LONGEST: Duration = Duration::from_secs(5);

/// Waits that grow with each failure, anywhere between nothing and a bound that doubles: clients that lost the same
/// server at the same moment come back spread over the whole time.
#[derive(Clone, Debug)]
pub struct Backoff {
    bound: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { bound: FIRST }
    }
}

impl Backoff {
    /// How long to wait now; `chance` is random. A server that said how long is waited for as long, and then some.
    pub fn next(&mut self, chance: u64, asked: Option<Duration>) -> Duration {
        let bound = self.bound;
        self.bound = (self.bound * 2).min(LONGEST);
        // A 1,024th is fine enough.
        let part = bound * u32::try_from(chance % 1024).expect("below 1,024") / 1024;
        asked.map_or(part, |asked| asked + part.max(asked / 4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spread_below_a_bound_that_doubles() {
        let mut backoff = Backoff::default();
        let longest: Vec<u128> = (0..9).map(|_| backoff.next(1023, None).as_millis()).collect();
        assert_eq!(longest, [49, 99, 199, 399, 799, 1598, 3196, 4995, 4995]);
        assert_eq!(backoff.next(0, None), Duration::ZERO);
    }

    #[test]
    fn a_server_that_says_how_long_is_waited_for() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next(0, Some(Duration::from_secs(4))), Duration::from_secs(5));
    }
}
