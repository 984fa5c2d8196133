//! When the repository elsewhere is asked: once by each agent, and until it has answered.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::cx::Waker;
use crate::resources::wake_later::WakeLater;

/// How long after a question without an answer the next comes; twice as long each time. At boot the network is often
/// a little late.
const FIRST: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 15_000 });
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(600);

/// What became of the questions of this agent.
#[derive(Debug, Default)]
pub struct Asking(Mutex<Last>);

#[derive(Debug, Default)]
enum Last {
    #[default]
    Never,
    Answered(Box<str>),
    /// What was known before counts for now.
    Unanswered {
        at: Instant,
        pause: Duration,
        #[expect(dead_code, reason = "held for its drop")]
        again: WakeLater,
    },
}

impl Asking {
    /// Whether the repository is to be asked without a reason of the day.
    pub fn is_due(&self) -> bool {
        match &*self.last() {
            Last::Never => true,
            Last::Answered(_) => false,
            Last::Unanswered { at, pause, .. } => at.elapsed() >= *pause,
        }
    }

    /// The commit that it named last, if it answered: what a check was told counts for the repair that follows.
    pub fn said(&self) -> Option<Box<str>> {
        match &*self.last() {
            Last::Answered(commit) => Some(commit.clone()),
            _ => None,
        }
    }

    /// It has named a commit.
    pub fn answered(&self, commit: &str) {
        *self.last() = Last::Answered(commit.into());
    }

    /// It could not be asked: the vertex is woken when it is time for the next question. To be called within the runtime.
    pub fn unanswered(&self, waker: &Waker) {
        let mut last = self.last();
        let pause = match &*last {
            Last::Unanswered { pause, .. } => LONGEST.min(*pause * 2),
            _ => FIRST,
        };
        *last = Last::Unanswered { at: Instant::now(), pause, again: WakeLater::after(pause, waker) };
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
