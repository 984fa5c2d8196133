//! How fast something may go: some at once, and then few.

use std::time::{Duration, Instant};

/// Lets `burst` things happen at once, and then one in each interval; what was not used comes back one an interval.
#[derive(Clone, Debug)]
pub struct Pace {
    burst: u32,
    every: Duration,
    left: u32,
    /// Until when what came back is accounted for.
    counted: Instant,
}

impl Pace {
    /// A full one.
    pub fn new(burst: u32, every: Duration, now: Instant) -> Self {
        Self { burst, every, left: burst, counted: now }
    }

    /// Something is to happen: when it may.
    pub fn next(&mut self, now: Instant) -> Instant {
        while self.left < self.burst && self.counted + self.every <= now {
            self.counted += self.every;
            self.left += 1;
        }
        if self.left == self.burst {
            self.counted = now;
        }
        if self.left > 0 {
            self.left -= 1;
            return now;
        }
        // What comes back next is used up by this.
        self.counted = (self.counted + self.every).max(now);
        self.counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_go_at_once_then_few_and_after_a_rest_some_again() {
        let start = Instant::now();
        let mut pace = Pace::new(3, Duration::from_secs(10), start);
        let mut now = start;
        let mut went = Vec::new();
        for _ in 0..6 {
            now = pace.next(now);
            went.push((now - start).as_secs());
        }
        assert_eq!(went, [0, 0, 0, 10, 20, 30]);
        let later = now + Duration::from_secs(3600);
        assert_eq!([pace.next(later), pace.next(later), pace.next(later)], [later; 3]);
        assert_eq!(pace.next(later), later + Duration::from_secs(10));
    }
}
