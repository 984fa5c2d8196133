//! What has been said of a vertex's failures, so that the same is not said over and over. Pure.

use std::time::Duration;

use crate::engine::id::VertexId;
use crate::engine::sched::Time;

/// One that still fails as before is mentioned again this often: often enough to stand in any log that is looked at,
/// seldom enough for a thousand of them.
const REMINDED_EACH: Duration = Duration::from_secs(3600);

/// How much is worth saying of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// It is news: all of it.
    InFull,
    /// That it is not tried again by itself; the failure is known.
    GivenUp,
    /// That it still fails, as it did.
    Reminder,
    /// Nothing: it is as it was.
    Nothing,
}

/// What has been said of one vertex since it was last as wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Complaint {
    /// How often it has failed.
    times: u32,
    /// Few ever fail: it takes no room in those that do not.
    failure: Option<Box<Told>>,
    blocked_by: Option<VertexId>,
}

#[derive(Clone, Debug)]
struct Told {
    text: String,
    at: Time,
    given_up: bool,
}

impl Complaint {
    /// It has failed, for this reason; `last`: it is not tried again by itself.
    pub fn failed(&mut self, text: &str, last: bool, now: Time) -> Telling {
        self.times = self.times.saturating_add(1);
        match &mut self.failure {
            Some(told) if told.text == text => {
                if last && !told.given_up {
                    told.given_up = true;
                    Telling::GivenUp
                } else if now.since(told.at) >= REMINDED_EACH {
                    told.at = now;
                    Telling::Reminder
                } else {
                    Telling::Nothing
                }
            }
            _ => {
                self.failure = Some(Box::new(Told { text: text.to_owned(), at: now, given_up: last }));
                Telling::InFull
            }
        }
    }

    /// It cannot run because of another. Whether that is news.
    pub fn blocked(&mut self, by: VertexId) -> bool {
        self.blocked_by.replace(by) != Some(by)
    }

    /// How often it has failed since it was last as wanted.
    pub fn times(&self) -> u32 {
        self.times
    }

    /// It is as wanted: how often it had failed.
    pub fn settled(&mut self) -> u32 {
        std::mem::take(self).times
    }
}

#[cfg(test)]
mod tests {
    use super::Telling::{GivenUp, InFull, Nothing, Reminder};
    use super::*;

    /// Seconds, text, whether it is the last try, and what is said.
    type Case = (u64, &'static str, bool, Telling);

    fn say(cases: &[Case]) {
        let mut complaint = Complaint::default();
        for (at, (secs, text, last, telling)) in cases.iter().enumerate() {
            let said = complaint.failed(text, *last, Time::from_secs(*secs));
            assert_eq!(said, *telling, "failure {at} of {cases:?}");
        }
        assert_eq!(complaint.settled() as usize, cases.len(), "all are counted");
        assert_eq!(complaint.failed(cases[0].1, true, Time(0)), InFull, "it was well in between");
    }

    #[test]
    fn the_same_is_said_once_and_again_after_an_hour() {
        say(&[(0, "a", true, InFull), (1, "a", true, Nothing), (3599, "a", true, Nothing)]);
        say(&[
            (0, "a", true, InFull),
            (3600, "a", true, Reminder),
            (3601, "a", true, Nothing),
            (7199, "a", true, Nothing),
            (7200, "a", true, Reminder),
        ]);
    }

    #[test]
    fn another_reason_is_news_and_so_is_the_first_come_back() {
        say(&[
            (0, "a", true, InFull),
            (1, "b", true, InFull),
            (2, "b", true, Nothing),
            (3, "a", true, InFull),
        ]);
    }

    #[test]
    fn that_no_try_is_left_is_said_once() {
        say(&[
            (0, "a", false, InFull),
            (1, "a", false, Nothing),
            (2, "a", true, GivenUp),
            (3, "a", false, Nothing),
            (4, "a", true, Nothing),
            (5, "b", false, InFull),
            (6, "b", true, GivenUp),
        ]);
    }

    #[test]
    fn that_it_is_blocked_is_said_once_for_each_that_blocks_it() {
        let mut complaint = Complaint::default();
        let said: Vec<bool> = [1, 1, 2, 1].map(|by| complaint.blocked(VertexId(by))).into();
        assert_eq!(said, [true, false, true, true]);
        complaint.settled();
        assert!(complaint.blocked(VertexId(1)));
    }
}
