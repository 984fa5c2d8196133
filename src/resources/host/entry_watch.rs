//! Watching entries of /proc/sys: kernel parameters that anybody may write.
//!
//! Inotify sees writes through the same proc mount. It does not see those of other mounts, changes that the kernel makes by
//! itself (`conf.all.forwarding` changes `ip_forward`), and it would see nothing any more once the kernel has dropped
//! the entry's inode from its cache: so each entry is pinned by an open handle, and all are looked at from time to time.

use std::collections::{BTreeMap, HashMap};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::fs::{Mode, OFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::engine::Wake;
use crate::engine::cx::Waker;

/// How often all entries are looked at, and by how much that varies: so that hosts do not all look at once.
const LOOK_EVERY: Duration = Duration::from_secs(30);
const JITTER_MS: u64 = 3_000;

/// One inotify instance for all entries.
#[derive(Debug, Default)]
pub struct EntryWatch(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: Option<Open>,
    members: BTreeMap<u64, (i32, Waker)>,
    /// How many members a kernel's watch has, and what pins the entry.
    watches: HashMap<i32, (usize, OwnedFd)>,
}

#[derive(Debug)]
struct Open {
    inotify: Arc<OwnedFd>,
    task: tokio::task::JoinHandle<()>,
}

/// An entry that is watched; dropping it ends that.
#[derive(Debug)]
pub struct Watched {
    state: Arc<Mutex<State>>,
    id: u64,
}

impl EntryWatch {
    /// Wakes whenever this entry was written, and from time to time. To be called within the runtime.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn watch(&self, path: &Path, waker: Waker) -> std::io::Result<Watched> {
        let mut state = lock(&self.0);
        if state.open.is_none() {
            state.open = Some(open(&self.0)?);
        }
        let Some(open) = &state.open else { unreachable!("it was just opened") };
        let pin = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let through = format!("/proc/self/fd/{}", pin.as_raw_fd());
        // Not when it is closed: a write that the kernel refused would be an event of our own, without end.
        let watch = inotify::add_watch(&*open.inotify, through, WatchFlags::MODIFY)?;
        state.watches.entry(watch).or_insert((0, pin)).0 += 1;
        let id = state.next;
        state.next += 1;
        state.members.insert(id, (watch, waker));
        Ok(Watched { state: self.0.clone(), id })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        let Some((watch, _)) = state.members.remove(&self.id) else { return };
        if let Some((count, _)) = state.watches.get_mut(&watch) {
            *count -= 1;
            if *count == 0 {
                state.watches.remove(&watch);
                if let Some(open) = &state.open {
                    // Gone by itself where the entry is.
                    let _ = inotify::remove_watch(&*open.inotify, watch);
                }
            }
        }
        if state.members.is_empty()
            && let Some(open) = state.open.take()
        {
            open.task.abort();
        }
    }
}

fn open(state: &Arc<Mutex<State>>) -> std::io::Result<Open> {
    let inotify = Arc::new(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?);
    #[expect(deprecated, reason = "what replaces it is unsafe; a descriptor upholds what is asked of it")]
    let ready = AsyncFd::with_interest(inotify.clone(), Interest::READABLE)?;
    let state = Arc::downgrade(state);
    let task = tokio::spawn(async move {
        loop {
            let jitter = getrandom::u64().unwrap_or_default() % JITTER_MS;
            let written: Option<Vec<i32>> = tokio::select! {
                ready = ready.readable() => match ready {
                    Ok(mut guard) => {
                        let written = read(guard.get_inner());
                        guard.clear_ready();
                        Some(written)
                    }
                    // The runtime ends.
                    Err(_) => return,
                },
                () = tokio::time::sleep(LOOK_EVERY + Duration::from_millis(jitter)) => None,
            };
            let Some(state) = state.upgrade() else { return };
            let is_meant = |watch: i32| written.as_ref().is_none_or(|written| written.contains(&watch));
            let wakers: Vec<Waker> = lock(&state)
                .members
                .values()
                .filter(|(watch, _)| is_meant(*watch))
                .map(|(_, it)| it.clone())
                .collect();
            wakers.iter().for_each(|waker| waker.wake(Wake::default()));
        }
    });
    Ok(Open { inotify, task })
}

/// Which watches have events. All that is there is read, so that the next one is told anew.
fn read(inotify: &OwnedFd) -> Vec<i32> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = Reader::new(inotify, &mut buffer);
    let mut written = Vec::new();
    // Each event is of at least 16 bytes; more than the kernel queues does not come at once.
    for _ in 0..16_384 {
        let Ok(event) = reader.next() else { break };
        written.push(event.wd());
    }
    written
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
