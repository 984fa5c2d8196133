//! Compaction without being asked, as etcd's `--auto-compaction-mode` has it. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use crate::cluster::store::id::Revision;

/// How often the number of revisions is looked at; as in etcd.
const REVISION_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// What is kept longer is compacted this often nevertheless; as in etcd.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// A revision is noted so many times in an interval; as in etcd.
const NOTES: u32 = 10;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// What was current during this time.
    Period(Duration),
    /// So many revisions.
    Revisions(u64),
}

/// Says when, and up to where.
#[derive(Debug)]
pub struct AutoCompaction {
    retention: Retention,
    /// Of the last times that it was asked, the oldest first.
    noted: VecDeque<Revision>,
    /// How long since it compacted, or since it began.
    since: Duration,
    compacted: Option<Revision>,
}

impl AutoCompaction {
    /// Nothing is noted yet.
    pub fn new(retention: Retention) -> Self {
        Self { retention, noted: VecDeque::new(), since: Duration::ZERO, compacted: None }
    }

    /// How often it is to be asked.
    pub fn interval(&self) -> Duration {
        match self.retention {
            Retention::Period(period) => (period.min(LONGEST_INTERVAL) / NOTES).max(Duration::from_millis(1)),
            Retention::Revisions(_) => REVISION_INTERVAL,
        }
    }

    /// An interval has passed, and this revision is current: up to where to compact.
    pub fn turn(&mut self, current: Revision) -> Option<Revision> {
        let to = match self.retention {
            Retention::Revisions(count) => Revision(current.0 - i64::try_from(count).unwrap_or(i64::MAX)),
            Retention::Period(period) => self.a_period_ago(current, period)?,
        };
        (to.0 > 0 && self.compacted != Some(to)).then_some(to)
    }

    /// It was compacted up to there, by whomever.
    pub fn done(&mut self, to: Revision) {
        self.compacted = Some(to);
        self.since = Duration::ZERO;
    }

    fn a_period_ago(&mut self, current: Revision, period: Duration) -> Option<Revision> {
        let interval = self.interval();
        self.since += interval;
        // What was current at the beginning of the period stays.
        let kept = usize::try_from(period.as_nanos() / interval.as_nanos()).unwrap_or(usize::MAX);
        self.noted.push_back(current);
        if self.noted.len() <= kept {
            return None;
        }
        let oldest = self.noted.pop_front()?;
        (self.since >= period.min(LONGEST_INTERVAL)).then_some(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks so many times, a revision older each time; what is to be compacted is. Returns when, and up to where.
    fn turns(compaction: &mut AutoCompaction, count: i64) -> Vec<(i64, i64)> {
        let mut done = Vec::new();
        for turn in 1..=count {
            if let Some(to) = compaction.turn(Revision(turn)) {
                compaction.done(to);
                done.push((turn, to.0));
            }
        }
        done
    }

    #[test]
    fn of_a_short_period_the_whole_is_kept_and_compacted_each_time_it_has_passed() {
        let mut compaction = AutoCompaction::new(Retention::Period(Duration::from_secs(10)));
        assert_eq!(compaction.interval(), Duration::from_secs(1));
        assert_eq!(turns(&mut compaction, 35), [(11, 1), (21, 11), (31, 21)]);
    }

    #[test]
    fn of_a_long_period_an_hours_worth_is_compacted_every_hour() {
        let mut compaction = AutoCompaction::new(Retention::Period(Duration::from_secs(3 * 3600)));
        assert_eq!(compaction.interval(), Duration::from_secs(360));
        assert_eq!(turns(&mut compaction, 55), [(31, 1), (41, 11), (51, 21)]);
    }

    #[test]
    fn so_many_revisions_are_kept() {
        let mut compaction = AutoCompaction::new(Retention::Revisions(10));
        assert_eq!(compaction.interval(), Duration::from_secs(300));
        assert_eq!(compaction.turn(Revision(10)), None);
        assert_eq!(compaction.turn(Revision(25)), Some(Revision(15)));
        // It failed: it is said again.
        assert_eq!(compaction.turn(Revision(25)), Some(Revision(15)));
        compaction.done(Revision(15));
        assert_eq!(compaction.turn(Revision(25)), None);
    }

    #[test]
    fn nothing_is_compacted_while_nothing_changes() {
        let mut compaction = AutoCompaction::new(Retention::Period(Duration::from_secs(10)));
        let done: Vec<_> = (0..40)
            .filter_map(|_| {
                let to = compaction.turn(Revision(7))?;
                compaction.done(to);
                Some(to)
            })
            .collect();
        assert_eq!(done, [Revision(7)]);
    }
}
