//! From many answers to one verdict: a server is not down because one packet was lost.

use std::sync::Arc;
use std::time::Duration;

use crate::resources::host::probe::ProbeError;

/// Latencies that differ by less are the same.
const LEAST_LATER: Duration = Duration::from_millis(10);

/// How often in a row an answer must come before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Bad answers before what was up is down.
    pub failures: u32,
    /// Good answers before what was down is up.
    pub successes: u32,
}

/// What is thought of a server.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It answers.
    Up {
        /// How long the last answer took.
        latency: Duration,
    },
    /// It does not.
    Down {
        /// What was wrong the last time.
        cause: Arc<ProbeError>,
    },
}

/// The answers so far. The first one is taken at its word.
#[derive(Debug)]
pub struct Tally {
    thresholds: Thresholds,
    verdict: Option<Verdict>,
    /// Answers in a row that say otherwise.
    against: u32,
    /// The latency that was told last.
    told: Duration,
    /// It came back, and nobody has been told yet.
    returned: bool,
}

impl Tally {
    /// No answer yet.
    pub fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, verdict: None, against: 0, told: Duration::ZERO, returned: false }
    }

    /// What is thought; `None`: nothing yet.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// Whether it came back and nobody has been told.
    pub fn has_returned(&self) -> bool {
        self.returned
    }

    /// That it came back has been told.
    pub fn told_return(&mut self) {
        self.returned = false;
    }

    /// Takes in an answer. Whether it is news: the verdict has turned, or the latency is far from what was told.
    pub fn observe(&mut self, answer: Result<Duration, ProbeError>) -> bool {
        let said = match answer {
            Ok(latency) => Verdict::Up { latency },
            Err(error) => Verdict::Down { cause: Arc::new(error) },
        };
        let needed = match (&self.verdict, &said) {
            (None, _) => 1,
            (Some(Verdict::Up { .. }), Verdict::Down { .. }) => self.thresholds.failures,
            (Some(Verdict::Down { .. }), Verdict::Up { .. }) => self.thresholds.successes,
            (Some(_), _) => {
                self.against = 0;
                self.verdict = Some(said);
                return self.is_far();
            }
        };
        self.against += 1;
        if self.against < needed {
            return false;
        }
        self.against = 0;
        let is_up = matches!(said, Verdict::Up { .. });
        self.returned = is_up && self.verdict.is_some();
        self.verdict = Some(said);
        self.is_far();
        true
    }

    /// Whether the latency has doubled or halved since it was told; then it is told.
    fn is_far(&mut self) -> bool {
        let Some(Verdict::Up { latency }) = self.verdict else { return false };
        let (less, more) = (latency.min(self.told), latency.max(self.told));
        let far = more >= less * 2 && more - less >= LEAST_LATER;
        if far {
            self.told = latency;
        }
        far
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: fn() -> Result<Duration, ProbeError> = || Ok(Duration::from_millis(1));
    const BAD: fn() -> Result<Duration, ProbeError> = || Err(ProbeError::Refused);

    fn is_up(tally: &Tally) -> bool {
        matches!(tally.verdict(), Some(Verdict::Up { .. }))
    }

    #[test]
    fn the_first_answer_counts_and_then_so_many_in_a_row() {
        let mut tally = Tally::new(Thresholds { failures: 3, successes: 2 });
        assert!(tally.verdict().is_none());
        assert!(tally.observe(OK()) && is_up(&tally) && !tally.has_returned());
        for (answer, news, up) in [
            (BAD(), false, true),
            (BAD(), false, true),
            (OK(), false, true),
            (BAD(), false, true),
            (BAD(), false, true),
            (BAD(), true, false),
            (OK(), false, false),
            (BAD(), false, false),
            (OK(), false, false),
            (OK(), true, true),
        ] {
            assert_eq!((tally.observe(answer), is_up(&tally)), (news, up));
        }
        assert!(tally.has_returned());
        tally.told_return();
        assert!(!tally.has_returned());
    }

    #[test]
    fn a_first_bad_answer_is_down_and_its_repair_is_a_return() {
        let mut tally = Tally::new(Thresholds { failures: 3, successes: 1 });
        assert!(tally.observe(BAD()) && !is_up(&tally));
        assert!(!tally.observe(Err(ProbeError::Cut)));
        let Some(Verdict::Down { cause }) = tally.verdict() else { panic!() };
        assert!(matches!(**cause, ProbeError::Cut), "the newest cause is shown");
        assert!(tally.observe(OK()) && tally.has_returned());
    }

    #[test]
    fn only_a_latency_that_is_far_from_the_last_one_told_is_news() {
        let mut tally = Tally::new(Thresholds { failures: 1, successes: 1 });
        let mut took = |ms| tally.observe(Ok(Duration::from_millis(ms)));
        assert!(took(20));
        assert!(!took(30));
        assert!(!took(39));
        assert!(took(40));
        assert!(!took(30));
        assert!(took(12));
        assert!(!took(3), "it differs by less than 10 ms");
    }
}
