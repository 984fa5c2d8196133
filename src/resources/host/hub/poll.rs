//! Paths that the kernel reports no events of are looked at once in a while.
//!
//! What `lstat` says (existence, mode, owner, size, times) is compared here, since `notify`'s poll watcher sees neither a
//! changed mode nor a path that does not exist yet, and tells times by the second. It does what needs reading: the trees
//! of recursive watches, and the contents of files whose times say nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::file_system::FileSystem;
use super::polled::{Polled, Reading};
use super::readers::Readers;
use super::tree::Delivery;
use crate::engine::path_watch::{PathEvent, PathSink};

/// Names a polled path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PollId(u64);

/// Looks at paths once in a while. There is no thread while there is no path.
#[derive(Debug)]
pub(super) struct Poller {
    shared: Arc<Shared>,
    next: AtomicU64,
}

struct Shared {
    interval: Duration,
    paths: Mutex<Paths>,
    readers: Mutex<Readers>,
    signal: Mutex<Signal>,
    wake: Condvar,
}

#[derive(Default)]
struct Paths {
    polled: BTreeMap<PollId, Arc<Polled>>,
    /// Whether the thread runs.
    running: bool,
}

/// What the polling thread waits for, besides the time.
#[derive(Debug, Default)]
struct Signal {
    stop: bool,
    /// Found by the readers.
    read: Vec<PathBuf>,
}

impl Poller {
    pub(super) fn new(interval: Duration) -> Self {
        let shared = Shared {
            interval,
            paths: Mutex::default(),
            readers: Mutex::default(),
            signal: Mutex::default(),
            wake: Condvar::new(),
        };
        Self { shared: Arc::new(shared), next: AtomicU64::new(0) }
    }

    /// Polls a path: changes from now on are seen.
    pub(super) fn add(&self, path: Arc<Path>, recursive: bool, follow: bool, sink: PathSink) -> PollId {
        let id = PollId(self.next.fetch_add(1, Ordering::Relaxed));
        let synthetic = nearest_file_system(&path) == FileSystem::Synthetic;
        let polled = Arc::new(Polled::new(path, follow, Reading::new(recursive, synthetic), synthetic, sink));
        self.shared.read(&polled);
        let mut paths = lock(&self.shared.paths);
        paths.polled.insert(id, polled);
        if !paths.running {
            match self.start() {
                Ok(()) => paths.running = true,
                Err(error) => tracing::error!(%error, "cannot poll paths: no thread can be started"),
            }
        }
        id
    }

    /// Polls a path no more.
    pub(super) fn remove(&self, id: PollId) {
        let ended = lock(&self.shared.paths).polled.remove(&id);
        if let Some(polled) = ended {
            lock(&self.shared.readers).end(&polled);
        }
    }

    /// How many paths are polled.
    pub(super) fn len(&self) -> usize {
        lock(&self.shared.paths).polled.len()
    }

    fn start(&self) -> io::Result<()> {
        let shared = self.shared.clone();
        thread::Builder::new().name("mgmt-poll".into()).spawn(move || shared.run()).map(drop)
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        lock(&self.shared.signal).stop = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    /// Lets a reader read a path, if that is what it takes, and it is there.
    fn read(self: &Arc<Self>, polled: &Polled) {
        let shared = Arc::downgrade(self);
        let report = move |paths: Vec<PathBuf>| {
            if let Some(shared) = shared.upgrade() {
                lock(&shared.signal).read.extend(paths);
                shared.wake.notify_all();
            }
        };
        lock(&self.readers).begin(polled, self.interval, report);
    }

    fn run(self: &Arc<Self>) {
        let mut next = Instant::now() + self.interval;
        loop {
            let signal = lock(&self.signal);
            let wait = next.saturating_duration_since(Instant::now());
            let idle = |signal: &mut Signal| !signal.stop && signal.read.is_empty();
            let (mut signal, _) =
                self.wake.wait_timeout_while(signal, wait, idle).unwrap_or_else(PoisonError::into_inner);
            if signal.stop {
                return;
            }
            let read = std::mem::take(&mut signal.read);
            drop(signal);
            let mut out = self.concerned(&read);
            if Instant::now() >= next {
                let mut paths = lock(&self.paths);
                if paths.polled.is_empty() {
                    paths.running = false;
                    return;
                }
                drop(paths);
                self.look_at_all(&mut out);
                next = Instant::now() + self.interval;
            }
            super::deliver(&mut out);
        }
    }

    /// A copy: the lock is not held while a dead server lets a call hang.
    fn snapshot(&self) -> Vec<Arc<Polled>> {
        lock(&self.paths).polled.values().cloned().collect()
    }

    fn concerned(&self, read: &[PathBuf]) -> Vec<Delivery> {
        if read.is_empty() {
            return Vec::new();
        }
        let concerned = |polled: &&Arc<Polled>| read.iter().any(|path| polled.covers(path));
        let event = PathEvent { stamp: None };
        self.snapshot().iter().filter(concerned).map(|polled| (polled.sink.clone(), event)).collect()
    }

    fn look_at_all(self: &Arc<Self>, out: &mut Vec<Delivery>) {
        for polled in self.snapshot() {
            if let Some(event) = polled.look() {
                // It may have appeared, or be another one: its reader begins anew.
                self.read(&polled);
                out.push((polled.sink.clone(), event));
            }
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("interval", &self.interval).finish_non_exhaustive()
    }
}

/// The file system of a path, or of the nearest ancestor that exists.
fn nearest_file_system(path: &Path) -> FileSystem {
    path.ancestors().find_map(|at| FileSystem::of(at).ok()).unwrap_or(FileSystem::Events)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
