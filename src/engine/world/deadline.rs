//! Until when an answer is waited for.

use std::time::{Duration, Instant};

/// Until when an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// The moment.
    pub fn at(self) -> Instant {
        self.0
    }

    /// How much time is left; zero: it is past.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The earlier of the two.
    #[must_use]
    pub fn or_earlier(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }
}
