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
use tokio::time::Instant;

use crate::engine::Wake;
use crate::engine::cx::Waker;

/// How often all entries are looked at. It varies by a tenth, so that hosts do not all look at once.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// One inotify instance for all entries.
#[derive(Debug)]
pub struct EntryWatch {
    state: Arc<Mutex<State>>,
    look_every: Duration,
}

impl Default for EntryWatch {
    fn default() -> Self {
        Self::looking_every(LOOK_EVERY)
    }
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: Option<Open>,
    /// Each with the kernel's watch of its entry; `None`: there is no entry yet.
    members: BTreeMap<u64, (Option<i32>, Waker)>,
    /// How many members a kernel's watch has, and what pins the entry.
    watches: HashMap<i32, (usize, OwnedFd)>,
}

#[derive(Debug)]
struct Open {
    inotify: Arc<OwnedFd>,
    task: tokio::task::JoinHandle<()>,
}

/// A member that is woken; dropping it ends that.
#[derive(Debug)]
pub struct Watched {
    state: Arc<Mutex<State>>,
    id: u64,
}

impl EntryWatch {
    /// With so long between two looks at all entries.
    pub fn looking_every(look_every: Duration) -> Self {
        Self { state: Arc::default(), look_every }
    }

    /// Wakes whenever this entry was written, and from time to time. To be called within the runtime.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn watch(&self, path: &Path, waker: Waker) -> std::io::Result<Watched> {
        let mut state = lock(&self.state);
        let inotify = self.opened(&mut state)?;
        let pin = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let through = format!("/proc/self/fd/{}", pin.as_raw_fd());
        // Not when it is closed: a write that the kernel refused would be an event of our own, without end.
        let watch = inotify::add_watch(&*inotify, through, WatchFlags::MODIFY)?;
        state.watches.entry(watch).or_insert((0, pin)).0 += 1;
        Ok(self.join(&mut state, Some(watch), waker))
    }

    /// Wakes from time to time, for an entry that is not there yet: nothing tells of its coming. To be called within the
    /// runtime.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn await_entry(&self, waker: Waker) -> std::io::Result<Watched> {
        let mut state = lock(&self.state);
        self.opened(&mut state)?;
        Ok(self.join(&mut state, None, waker))
    }

    fn opened(&self, state: &mut State) -> std::io::Result<Arc<OwnedFd>> {
        if let Some(open) = &state.open {
            return Ok(open.inotify.clone());
        }
        let open = open(&self.state, self.look_every)?;
        Ok(state.open.insert(open).inotify.clone())
    }

    fn join(&self, state: &mut State, watch: Option<i32>, waker: Waker) -> Watched {
        let id = state.next;
        state.next += 1;
        state.members.insert(id, (watch, waker));
        Watched { state: self.state.clone(), id }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        let Some((watch, _)) = state.members.remove(&self.id) else { return };
        if let Some(watch) = watch
            && let Some((count, _)) = state.watches.get_mut(&watch)
        {
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

fn open(state: &Arc<Mutex<State>>, look_every: Duration) -> std::io::Result<Open> {
    let inotify = Arc::new(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?);
    #[expect(deprecated, reason = "what replaces it is unsafe; a descriptor upholds what is asked of it")]
    let ready = AsyncFd::with_interest(inotify.clone(), Interest::READABLE)?;
    let state = Arc::downgrade(state);
    let next_look = move || {
        let percent = u32::try_from(getrandom::u64().unwrap_or_default() % 100).unwrap_or_default();
        Instant::now() + look_every + look_every * percent / 1_000
    };
    let task = tokio::spawn(async move {
        // Not put off by events: one entry may be written all the time.
        let mut look = next_look();
        loop {
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
                () = tokio::time::sleep_until(look) => {
                    look = next_look();
                    None
                }
            };
            let Some(state) = state.upgrade() else { return };
            let is_meant = |watch: Option<i32>| {
                written.as_ref().is_none_or(|written| watch.is_some_and(|watch| written.contains(&watch)))
            };
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
