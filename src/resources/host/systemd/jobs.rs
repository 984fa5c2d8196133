//! Jobs that someone waits for, and those that have just ended: the end of one may be read before the answer that names it.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::JobResult;

/// How long the end of a job is kept that nobody waits for yet.
const KEPT: Duration = Duration::from_secs(1);
/// How many are, at the most.
const MOST: usize = 8192;

/// Jobs by number.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    ended: VecDeque<(Instant, u32, JobResult)>,
    waiting: HashMap<u32, Vec<oneshot::Sender<JobResult>>>,
}

impl Jobs {
    /// A job has ended.
    pub fn end(&mut self, job: u32, result: JobResult, now: Instant) {
        let waiting = self.waiting.remove(&job).unwrap_or_default();
        for waits in waiting {
            // Who has gone does not care.
            let _ = waits.send(result);
        }
        // Kept in any case: a job may be asked for twice, as another request is merged into it.
        self.ended.push_back((now, job, result));
        while self.ended.len() > MOST
            || self.ended.front().is_some_and(|(at, ..)| now.duration_since(*at) > KEPT)
        {
            self.ended.pop_front();
        }
    }

    /// Tells the end of a job, which may have been already. Numbers are not used twice within a second.
    pub fn wait(&mut self, job: u32) -> oneshot::Receiver<JobResult> {
        let (send, receive) = oneshot::channel();
        if let Some((_, _, result)) = self.ended.iter().rev().find(|(_, ended, _)| *ended == job) {
            let _ = send.send(*result);
        } else {
            self.waiting.entry(job).or_default().push(send);
        }
        receive
    }

    /// The connection is lost: no end will be heard of.
    pub fn lose(&mut self) {
        self.waiting.clear();
        self.ended.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_job_reaches_who_waits_whichever_comes_first() {
        let (mut jobs, now) = (Jobs::default(), Instant::now());
        let mut early = jobs.wait(1);
        jobs.end(1, JobResult::Done, now);
        jobs.end(2, JobResult::Failed, now);
        assert_eq!(early.try_recv(), Ok(JobResult::Done));
        assert_eq!(jobs.wait(2).try_recv(), Ok(JobResult::Failed));
        assert_eq!(jobs.wait(1).try_recv(), Ok(JobResult::Done));
    }

    #[test]
    fn ends_are_forgotten_after_a_second_and_lost_with_the_connection() {
        let (mut jobs, now) = (Jobs::default(), Instant::now());
        jobs.end(1, JobResult::Done, now);
        jobs.end(2, JobResult::Done, now + Duration::from_secs(2));
        assert!(jobs.wait(1).try_recv().is_err());
        let mut waits = jobs.wait(3);
        jobs.lose();
        assert!(waits.try_recv().is_err());
        assert!(jobs.ended.is_empty());
    }
}
