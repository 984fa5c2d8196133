//! A few threads that are awake for short local work.
//!
//! A hop through a general thread pool costs more than checking a small file does. So each run is polled once, right
//! here; most are done then. One that waits (for a process, for a bus, for a big file on the blocking pool) moves on
//! to tokio.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;

use super::STUCK_AFTER;
use super::clock::Clock;
use super::job::{Ending, Job, Report};
use super::mailbox::{Mailbox, Message};
use super::run;
use crate::engine::id::{Generation, VertexId};
use crate::engine::resource::ResourceError;
use crate::engine::sched::Time;

/// Reports that are held back to be sent together, at the most: enough to make waking the driver cheap.
const BATCH: usize = 64;
/// After a run that took longer, reports are sent at once: then it is not the sending that costs.
const SLOW: Duration = Duration::from_micros(200);

/// A thread that finds only jobs for places where others are at work joins them after so long: then the system is slow
/// there, and it is waiting that takes the time.
const PLACE_PATIENCE: Duration = Duration::from_millis(1);
/// So many jobs are looked at for one in another place.
const PLACE_LOOK: usize = 32;

/// The threads and their queue.
#[derive(Debug)]
pub(super) struct Crew {
    shared: Arc<Shared>,
    threads: usize,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    mailbox: Arc<Mailbox>,
    clock: Clock,
    tokio: Handle,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Reports to be sent together. They lie here, and not with a thread, so that none is lost with one that is stuck.
    unsent: Vec<Message>,
    /// What each thread is at, by thread number; `None`: idle or replaced.
    at_work: Vec<Option<AtWork>>,
    idle: usize,
    closed: bool,
}

/// What a thread is at.
#[derive(Clone, Copy, Debug)]
struct AtWork {
    vertex: VertexId,
    generation: Generation,
    since: Time,
    place: Option<u64>,
}

/// A run that has not come back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stuck {
    pub vertex: VertexId,
    pub generation: Generation,
}

impl Crew {
    /// Starts one thread a core, two at the least: one may be held up by a slow disk.
    pub fn start(mailbox: Arc<Mailbox>, clock: Clock, tokio: Handle) -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
        let shared =
            Arc::new(Shared { queue: Mutex::default(), filled: Condvar::new(), mailbox, clock, tokio });
        let crew = Self { shared, threads };
        crew.hire(threads);
        crew
    }

    fn hire(&self, count: usize) {
        for _ in 0..count {
            let number = {
                let mut queue = self.shared.lock();
                queue.at_work.push(None);
                queue.at_work.len() - 1
            };
            let shared = self.shared.clone();
            std::thread::Builder::new()
                .name("mgmt-crew".into())
                .spawn(move || shared.work(number))
                .expect("a few threads can be started");
        }
    }

    /// Hands over jobs.
    pub fn take_on(&self, jobs: &mut Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let mut queue = self.shared.lock();
        let many = jobs.len() > 1;
        queue.jobs.extend(jobs.drain(..));
        let anyone_idle = queue.idle > 0;
        drop(queue);
        if anyone_idle {
            if many { self.shared.filled.notify_all() } else { self.shared.filled.notify_one() }
        }
    }

    /// The runs that have not come back for too long. Their threads are written off and replaced.
    pub fn write_off_stuck(&self) -> Vec<Stuck> {
        let now = self.shared.clock.now();
        let mut stuck = Vec::new();
        let mut queue = self.shared.lock();
        for slot in &mut queue.at_work {
            if let Some(work) = *slot
                && now.since(work.since) > STUCK_AFTER
            {
                *slot = None;
                stuck.push(Stuck { vertex: work.vertex, generation: work.generation });
            }
        }
        let unsent = std::mem::take(&mut queue.unsent);
        drop(queue);
        self.shared.mailbox.post_all(unsent);
        self.hire(stuck.len().min(self.threads));
        stuck
    }

    /// Lets idle threads end.
    pub fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.filled.notify_all();
    }
}

impl Queue {
    /// The first job that is not for a place where another thread is at work.
    fn next_elsewhere(&mut self) -> Option<Job> {
        let taken = |job: &Job| {
            let at_work = self.at_work.iter().flatten();
            job.place.is_some() && at_work.filter(|work| work.place == job.place).count() > 0
        };
        let at = self.jobs.iter().take(PLACE_LOOK).position(|job| !taken(job))?;
        self.jobs.remove(at)
    }

    fn begin(&mut self, number: usize, job: Job, now: Time) -> Job {
        self.at_work[number] =
            Some(AtWork { vertex: job.vertex, generation: job.generation, since: now, place: job.place });
        job
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, number: usize) {
        let _context = self.tokio.enter();
        let mut report = None;
        while let Some(job) = self.next(number, report) {
            report = self.first_poll(job);
        }
    }

    /// Takes the report of the last job, and gives the next.
    fn next(&self, number: usize, report: Option<Report>) -> Option<Job> {
        let mut queue = self.lock();
        queue.at_work[number] = None;
        let slow = report.as_ref().is_some_and(|report| report.took > SLOW);
        queue.unsent.extend(report.map(|report| Message::Finished(Box::new(report))));
        if !queue.unsent.is_empty() && (slow || queue.unsent.len() >= BATCH || queue.jobs.is_empty()) {
            let unsent = std::mem::take(&mut queue.unsent);
            drop(queue);
            self.mailbox.post_all(unsent);
            queue = self.lock();
        }
        loop {
            if let Some(job) = queue.next_elsewhere() {
                return Some(queue.begin(number, job, self.clock.now()));
            }
            if queue.jobs.is_empty() {
                if queue.closed {
                    return None;
                }
                queue.idle += 1;
                queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
                continue;
            }
            let waited =
                self.filled.wait_timeout(queue, PLACE_PATIENCE).unwrap_or_else(PoisonError::into_inner);
            queue = waited.0;
            if waited.1.timed_out()
                && let Some(job) = queue.jobs.pop_front()
            {
                return Some(queue.begin(number, job, self.clock.now()));
            }
        }
    }

    /// Runs a job as far as it goes without waiting; `None`: tokio has it now.
    fn first_poll(&self, job: Job) -> Option<Report> {
        let (vertex, generation) = (job.vertex, job.generation);
        let started = self.clock.now();
        let mut future = Box::pin(run::run(job, self.clock, self.mailbox.clone()));
        let polled = catch_unwind(AssertUnwindSafe(|| {
            Pin::new(&mut future).poll_unpin(&mut Context::from_waker(Waker::noop()))
        }));
        match polled {
            Ok(Poll::Ready(report)) => Some(report),
            Ok(Poll::Pending) => {
                let (mailbox, clock) = (self.mailbox.clone(), self.clock);
                self.tokio.spawn(async move {
                    let report = AssertUnwindSafe(future).catch_unwind().await;
                    let report = report
                        .unwrap_or_else(|panic| panicked(vertex, generation, started, clock, panic.as_ref()));
                    mailbox.post(Message::Finished(Box::new(report)));
                });
                None
            }
            Err(panic) => Some(panicked(vertex, generation, started, self.clock, panic.as_ref())),
        }
    }
}

/// A resource panicked: a bug in it, and no more than the end of this run.
#[derive(Debug, thiserror::Error)]
#[error("the resource panicked: {0}")]
struct Panicked(String);

fn panicked(
    vertex: VertexId,
    generation: Generation,
    started: Time,
    clock: Clock,
    panic: &(dyn std::any::Any + Send),
) -> Report {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Report {
        vertex,
        generation,
        wakes: None,
        wrote: None,
        ending: Ending::Failed(Arc::new(ResourceError::bug(Panicked(text)))),
        failed: Vec::new(),
        foreseen: Vec::new(),
        took: clock.now().since(started),
    }
}
