//! Repairs that changed nothing.

use std::time::{Duration, Instant};

use super::differences::Difference;
use crate::engine::cx::Waker;
use crate::resources::wake_later::WakeLater;

/// How long after the first one the next is tried; twice as long each time. systemd is at a stop job for that long: it
/// unmounts what it was told to, also when it is mounted again meanwhile.
const FIRST: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(600);

/// What a repair has left as it was. Each try is an event, and must not be the reason of the next; but nobody may tell
/// when a later one would succeed, so it is tried again, ever more seldom.
#[derive(Debug)]
pub struct InVain {
    left: Vec<Difference>,
    since: Instant,
    pause: Duration,
    #[expect(dead_code, reason = "held for its drop")]
    again: WakeLater,
}

impl InVain {
    /// The next repair has left this, too; the vertex is woken when it is time for another one. To be called within the
    /// runtime.
    pub fn after(last: Option<&Self>, left: Vec<Difference>, waker: &Waker) -> Self {
        let pause = last.filter(|it| it.left == left).map_or(FIRST, |it| LONGEST.min(it.pause * 2));
        Self { left, since: Instant::now(), pause, again: WakeLater::after(pause, waker) }
    }

    /// Whether another repair of the same would come too early.
    pub fn holds(&self, found: &[Difference]) -> bool {
        self.left == found && self.since.elapsed() < self.pause
    }
}
