//! The thread that reads the kernel's queue. It sleeps in the kernel until there is something, and then drains all of
//! it before it sleeps again: the queue is bounded, and a cold run fills it fast.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, Reader};
use rustix::io::Errno;

use super::event::RawEvent;
use super::kernel::{Inotify, Kernel};
use super::mounts::Mounts;
use super::tree::{Delivery, Tree};
use super::{Shared, deliver};

/// The kernel and the queue of its events.
pub(super) type Opened = (Box<dyn Kernel>, Arc<OwnedFd>);

/// How to come by them.
pub(super) type Open = Box<dyn Fn() -> Result<Opened, Errno> + Send + Sync>;

/// A read takes up to this much of the queue: over five thousand events with names of 16 bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// The kernel itself.
pub(super) fn open() -> Result<Opened, Errno> {
    let queue = Arc::new(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?);
    Ok((Box::new(Inotify { queue: queue.clone() }), queue))
}

/// The running hub.
pub(super) struct Live {
    pub(super) tree: Tree,
    wake: Arc<Wake>,
    thread: Option<JoinHandle<()>>,
}

/// Interrupts the sleep of the thread.
struct Wake {
    fd: OwnedFd,
    stop: AtomicBool,
}

impl Live {
    pub(super) fn start((kernel, queue): Opened, shared: &Arc<Shared>) -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let wake = Arc::new(Wake { fd, stop: AtomicBool::new(false) });
        let mounts = Mounts::open();
        let mounts = mounts
            .inspect_err(|error| tracing::warn!(%error, "mounts over watched directories are not noticed"))
            .ok();
        let thread = {
            let (wake, shared) = (wake.clone(), Arc::downgrade(shared));
            let run = move || run(&queue, mounts, &wake, &shared);
            thread::Builder::new().name("mgmt-watch".into()).spawn(run)?
        };
        Ok(Self { tree: Tree::new(kernel, shared.poller.clone()), wake, thread: Some(thread) })
    }

    /// Lets the thread tell what is pending: sinks are called by it alone.
    pub(super) fn wake_if_pending(&self) {
        if !self.tree.pending.is_empty() {
            self.wake.wake();
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.wake.stop.store(true, Ordering::SeqCst);
        self.wake.wake();
        // A sink may drop the hub, on the very thread.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

impl Wake {
    fn wake(&self) {
        let _ = rustix::io::write(&self.fd, &1_u64.to_ne_bytes());
    }

    fn clear(&self) {
        let _ = rustix::io::read(&self.fd, &mut [0_u8; 8]);
    }
}

fn run(queue: &OwnedFd, mut mounts: Option<Mounts>, wake: &Wake, shared: &Weak<Shared>) {
    // Never touched before it is needed: an idle hub does not hold this memory.
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let mut out = Vec::new();
    let mut echoes = Echoes::default();
    loop {
        if echoes.are_many() {
            // Only the bell of the hub itself shortens this.
            let _ = poll(&mut [PollFd::new(&wake.fd, PollFlags::IN)], Some(&ECHO_PAUSE));
        }
        // Reading would never wait, so that is not asked for; only what is exceptional is.
        let of_mounts = mounts.as_ref().map(|mounts| PollFd::new(mounts, PollFlags::PRI));
        let mut fds = [
            PollFd::new(queue, PollFlags::IN),
            PollFd::new(&wake.fd, PollFlags::IN),
            of_mounts.unwrap_or_else(|| PollFd::new(&wake.fd, PollFlags::empty())),
        ];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => {
                tracing::error!(%error, "poll of watched paths failed: no path is watched any more");
                return;
            }
        }
        let woken = !fds[1].revents().is_empty();
        let remounted = !fds[2].revents().is_empty();
        if wake.stop.load(Ordering::SeqCst) {
            return;
        }
        let Some(shared) = shared.upgrade() else { return };
        if woken {
            wake.clear();
            flush(&shared, &mut out);
        }
        if remounted && let Some(mounts) = &mut mounts {
            remount(mounts, &shared, &mut out);
        }
        let told = drain(queue, buffer.spare_capacity_mut(), &shared, &mut out);
        echoes.count(told || woken);
    }
}

/// While the agent writes thousands of files, the queue is full of the echoes of its own writes, and waking up for each
/// would cost as much as writing. After so many reads in a row that told nobody anything, the thread pauses before each.
const MANY_ECHOES: u32 = 16;
/// At a million events a second, a quarter of the kernel's queue.
const ECHO_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 4_000_000 };
/// Reads further apart than this are not in a row.
const ECHO_GAP: Duration = Duration::from_millis(20);

/// Reads in a row that told nobody anything.
#[derive(Default)]
struct Echoes {
    in_a_row: u32,
    last: Option<Instant>,
}

impl Echoes {
    fn are_many(&self) -> bool {
        self.in_a_row >= MANY_ECHOES
    }

    fn count(&mut self, told: bool) {
        let now = Instant::now();
        let in_time = self.last.is_some_and(|last| now.duration_since(last) < ECHO_GAP);
        self.in_a_row = if told || !in_time { 0 } else { self.in_a_row + 1 };
        self.last = Some(now);
    }
}

/// Takes in what is queued, a buffer at a time, until there is something to tell, and tells it. Whether there was.
fn drain(queue: &OwnedFd, buffer: &mut [MaybeUninit<u8>], shared: &Shared, out: &mut Vec<Delivery>) -> bool {
    let mut reader = Reader::new(queue, buffer);
    loop {
        // The first event of a buffer is what reads it: without the lock.
        let first = match reader.next() {
            Ok(event) => event,
            Err(Errno::INTR) => continue,
            Err(Errno::WOULDBLOCK) => return false,
            Err(error) => {
                tracing::error!(%error, "read of the events of watched paths failed");
                return false;
            }
        };
        let mut state = shared.lock();
        let Some(live) = state.live.as_mut() else { return false };
        live.tree.handle(&raw(&first));
        while !reader.is_buffer_empty() {
            let Ok(event) = reader.next() else { break };
            live.tree.handle(&raw(&event));
        }
        live.tree.settle();
        live.tree.take_deliveries(out);
        drop(state);
        if !out.is_empty() {
            deliver(out);
            // Whoever was told has work to do now. If there is more, the next poll says so at once.
            return true;
        }
    }
}

/// Looks again at where something was mounted or unmounted.
fn remount(mounts: &mut Mounts, shared: &Shared, out: &mut Vec<Delivery>) {
    let points = match mounts.changes() {
        Ok(points) => points,
        Err(error) => return tracing::error!(%error, "read of the table of mounts failed"),
    };
    if let Some(live) = shared.lock().live.as_mut() {
        points.iter().for_each(|point| live.tree.remounted(point));
        live.tree.settle();
        live.tree.take_deliveries(out);
    }
    deliver(out);
}

/// Tells what was found elsewhere than in the queue.
fn flush(shared: &Shared, out: &mut Vec<Delivery>) {
    if let Some(live) = shared.lock().live.as_mut() {
        live.tree.take_deliveries(out);
    }
    deliver(out);
}

fn raw<'a>(event: &'a inotify::Event<'a>) -> RawEvent<'a> {
    RawEvent {
        wd: event.wd(),
        flags: event.events(),
        cookie: event.cookie(),
        name: event.file_name().map_or(&[], |name| name.to_bytes()),
    }
}
