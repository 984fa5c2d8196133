//! The watch hub: one inotify instance and one thread for every path that anyone in this process watches.
//!
//! Directories are watched, not files, down from the root of each path, so that a path is followed through whatever
//! happens to the directories and links on the way to it. What the kernel reports no events of is polled. It never
//! calls a sink with its lock held, and never ticks while nothing happens.
//!
//! Not seen: writes through a memory map.

mod arm;
mod descend;
mod dispatch;
mod event;
mod file_system;
mod kernel;
mod live;
mod mounts;
mod node;
mod poll;
mod polled;
mod readers;
mod settle;
mod slab;
mod sub;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;

use self::live::{Live, Open};
use self::node::SubId;
use self::poll::{PollId, Poller};
use self::tree::Delivery;
use crate::engine::path_watch::{Interest, PathGuard, PathSink, PathWatch, PathWatchError, Watching};

/// How often paths without events are looked at.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Watches paths for the whole process.
pub struct Hub {
    shared: Arc<Shared>,
}

/// What the hub holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubStats {
    /// Watches of the kernel's.
    pub watches: usize,
    /// Paths that someone watches, and links on the way to them.
    pub subscriptions: usize,
    /// How many times the kernel has lost events.
    pub overflows: u64,
    /// Paths that are polled.
    pub polled: usize,
}

struct Shared {
    open: Open,
    poller: Arc<Poller>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// From the first watch on.
    live: Option<Live>,
    /// The limit of inotify instances was reported.
    warned: bool,
}

impl Hub {
    /// A hub. It takes no thread and no file descriptor before the first watch.
    pub fn start() -> Arc<Self> {
        Self::with(Box::new(live::open), POLL_INTERVAL)
    }

    fn with(open: Open, poll_interval: Duration) -> Arc<Self> {
        let poller = Arc::new(Poller::new(poll_interval));
        Arc::new(Self { shared: Arc::new(Shared { open, poller, state: Mutex::default() }) })
    }

    /// What it holds now.
    pub fn stats(&self) -> HubStats {
        let state = self.shared.lock();
        let mut stats = HubStats { polled: self.shared.poller.len(), ..HubStats::default() };
        if let Some(live) = &state.live {
            let tree = &live.tree;
            stats.watches = tree.watches.len();
            stats.subscriptions = tree.subs.len();
            stats.overflows = tree.overflows;
        }
        stats
    }
}

impl PathWatch for Hub {
    fn watch(&self, path: &Path, interest: Interest, sink: PathSink) -> Result<PathGuard, PathWatchError> {
        if !path.is_absolute() {
            return Err(PathWatchError::NotAbsolute(path.to_owned()));
        }
        let refused = |source: std::io::Error| PathWatchError::Watch { path: path.to_owned(), source };
        let mut state = self.shared.lock();
        if state.live.is_none() {
            match (self.shared.open)() {
                Ok(opened) => {
                    let live = Live::start(opened, &self.shared).map_err(refused)?;
                    state.live = Some(live);
                }
                Err(Errno::MFILE | Errno::NFILE) => {
                    if !std::mem::replace(&mut state.warned, true) {
                        tracing::warn!(
                            "no inotify instance is left for this user: paths are polled; raise \
                             fs.inotify.max_user_instances"
                        );
                    }
                    drop(state);
                    return Ok(PathGuard::new(self.shared.poll(path, interest, sink)));
                }
                Err(error) => return Err(refused(error.into())),
            }
        }
        let live = state.live.as_mut().expect("was just made");
        let sub = live.tree.subscribe(path, interest, sink);
        live.wake_if_pending();
        drop(state);
        Ok(PathGuard::new(Guard { shared: self.shared.clone(), sub }))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls a path without a kernel's help.
    fn poll(&self, path: &Path, interest: Interest, sink: PathSink) -> PolledGuard {
        let follow = interest.closed_writes || interest.recursive;
        let id = self.poller.add(path.into(), interest.recursive, follow, sink);
        PolledGuard { poller: self.poller.clone(), id }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // Guards may live on; they end nothing any more.
        let live = self.shared.lock().live.take();
        drop(live);
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hub").field(&self.stats()).finish()
    }
}

/// Ends a watch when it is dropped.
struct Guard {
    shared: Arc<Shared>,
    sub: SubId,
}

impl Watching for Guard {
    fn look_again(&self) {
        let mut state = self.shared.lock();
        let Some(live) = state.live.as_mut() else { return };
        live.tree.queue_look(self.sub);
        live.tree.settle();
        live.wake_if_pending();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let Some(live) = state.live.as_mut() else { return };
        let ended = live.tree.unsubscribe(self.sub);
        live.wake_if_pending();
        drop(state);
        // Only now: what the sink holds may be other guards.
        drop(ended);
    }
}

/// Ends the polling of a path when it is dropped.
struct PolledGuard {
    poller: Arc<Poller>,
    id: PollId,
}

/// A poll sees each change of the file, by whatever name.
impl Watching for PolledGuard {}

impl Drop for PolledGuard {
    fn drop(&mut self) {
        self.poller.remove(self.id);
    }
}

/// Calls the sinks. One that panics is its owner's bug, and no reason for the others to hear nothing any more.
fn deliver(out: &mut Vec<Delivery>) {
    for (sink, event) in out.drain(..) {
        if catch_unwind(AssertUnwindSafe(|| sink(event))).is_err() {
            tracing::error!("a subscriber of a path panicked");
        }
    }
}
