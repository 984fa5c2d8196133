//! What the kernel refuses, loses, or does not report.

use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::inotify::{ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::*;
use crate::resources::host::hub::event::RawEvent;
use crate::resources::host::hub::kernel::Kernel;

/// A kernel with so many watches left.
struct Limited {
    kernel: Box<dyn Kernel>,
    left: Arc<AtomicUsize>,
}

impl Kernel for Limited {
    fn add_watch(&mut self, path: &Path, flags: WatchFlags) -> Result<i32, Errno> {
        let left = self.left.load(Ordering::SeqCst);
        self.left.store(left.checked_sub(1).ok_or(Errno::NOSPC)?, Ordering::SeqCst);
        self.kernel.add_watch(path, flags)
    }

    fn remove_watch(&mut self, wd: i32) {
        self.kernel.remove_watch(wd);
    }
}

#[test]
fn beyond_the_limit_of_watches_paths_are_polled() {
    let left = Arc::new(AtomicUsize::new(usize::MAX));
    let limit = left.clone();
    let mut scene = Scene::with(Box::new(move || {
        let (kernel, queue) = live::open()?;
        Ok((Box::new(Limited { kernel, left: limit.clone() }), queue))
    }));
    fs::create_dir_all(scene.path("d/e")).unwrap();
    fs::write(scene.path("d/e/f"), "x").unwrap();
    scene.quiet();
    left.store(0, Ordering::SeqCst);
    scene.watch("d/e/f", Interest::SELF);
    scene.watch("d/g", Interest::TREE);
    assert_eq!(scene.stats().polled, 2);
    chmod(scene.path("d/e/f"), 0o600);
    assert_eq!(scene.next().0, "d/e/f");
    fs::create_dir_all(scene.path("d/g/h")).unwrap();
    assert_eq!(scene.next().0, "d/g");
    scene.told();
    fs::write(scene.path("d/g/h/f"), "x").unwrap();
    assert_eq!(scene.next().0, "d/g");
    scene.guards.clear();
    assert_eq!(scene.stats(), HubStats::default());
}

#[test]
fn without_an_inotify_instance_paths_are_polled() {
    let mut scene = Scene::with(Box::new(|| Err(Errno::MFILE)));
    scene.watch("d/f", Interest::SELF);
    fs::create_dir(scene.path("d")).unwrap();
    fs::write(scene.path("d/f"), "x").unwrap();
    assert_eq!(scene.next().0, "d/f");
    assert_eq!(scene.stats().polled, 1);
    scene.end("d/f");
    assert_eq!(scene.stats(), HubStats::default());
}

#[test]
fn when_events_are_lost_everyone_is_told_and_every_directory_is_looked_at() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("d")).unwrap();
    scene.watch("d/e/f", Interest::SELF);
    scene.watch("t", Interest::TREE);
    scene.watch("g", Interest::CONTENT);
    scene.quiet();
    {
        let mut state = scene.hub.shared.lock();
        let live = state.live.as_mut().unwrap();
        // While the lock is held, these happen unseen.
        fs::create_dir(scene.path("d/e")).unwrap();
        fs::create_dir_all(scene.path("t/u/v")).unwrap();
        let lost = RawEvent { wd: -1, flags: ReadFlags::QUEUE_OVERFLOW, cookie: 0, name: b"" };
        live.tree.handle(&lost);
        live.tree.settle();
        assert!(live.tree.pending.iter().all(|pending| pending.told.certain));
        assert_eq!(live.tree.overflows, 1);
        let armed = live.tree.nodes.keys().filter(|node| {
            let state = live.tree.nodes.get(*node).unwrap().state;
            matches!(state, crate::resources::host::hub::node::State::Armed(_))
        });
        assert!(armed.count() >= 6, "d, d/e, t, t/u, t/u/v and what is around");
        live.wake_if_pending();
    }
    let mut told = scene.told();
    told.retain(|label| label != SENTINEL);
    assert_eq!(told, ["d/e/f", "g", "t"]);
    assert_eq!(scene.stats().overflows, 1);
    fs::write(scene.path("t/u/v/f"), "x").unwrap();
    fs::write(scene.path("d/e/f"), "x").unwrap();
    scene.tells(["d/e/f", "t"]);
}

#[test]
fn proc_is_polled_by_content() {
    let mut scene = Scene::new();
    // Only this thread's own name changes.
    let tid = rustix::thread::gettid().as_raw_nonzero();
    let path = PathBuf::from(format!("/proc/self/task/{tid}/comm"));
    scene.watch_at("comm", &path, Interest::SELF);
    assert_eq!(scene.stats().polled, 1);
    scene.quiet();
    fs::write(&path, "renamed").unwrap();
    assert_eq!(scene.next().0, "comm");
    scene.end("comm");
    assert_eq!(scene.stats().polled, 0);
}
