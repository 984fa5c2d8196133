//! Between any two calls of the hub's to the kernel, anything may happen.
//!
//! Here each call takes a random while, before and after, while another thread changes the tree in steps of about the same
//! length. So changes fall between an event and its reading, a look and an arming, an arming and the next look.

use std::os::unix::fs::symlink;
use std::thread;
use std::time::Instant;

use rustix::fs::Stat;
use rustix::fs::inotify::WatchFlags;
use rustix::io::Errno;

use super::*;
use crate::resources::host::hub::file_system::FileSystem;
use crate::resources::host::hub::kernel::Kernel;

/// No call of the hub's, and no step of the writer's, is delayed by more.
const DELAY_MAX_US: u64 = 60;

const ROUNDS: u64 = 150;

/// The kernel, which takes its time.
struct Slow(Box<dyn Kernel>);

impl Kernel for Slow {
    fn add_watch(&mut self, path: &Path, flags: WatchFlags) -> Result<i32, Errno> {
        slowly(|| self.0.add_watch(path, flags))
    }

    fn remove_watch(&mut self, wd: i32) {
        slowly(|| self.0.remove_watch(wd));
    }

    fn lstat(&self, path: &Path) -> Option<Stat> {
        slowly(|| self.0.lstat(path))
    }

    fn read_link(&self, path: &Path) -> Option<PathBuf> {
        slowly(|| self.0.read_link(path))
    }

    fn file_system(&self, path: &Path) -> Result<FileSystem, Errno> {
        slowly(|| self.0.file_system(path))
    }

    fn directories(&self, path: &Path) -> Vec<Box<[u8]>> {
        slowly(|| self.0.directories(path))
    }
}

fn slowly<T>(call: impl FnOnce() -> T) -> T {
    pause();
    let result = call();
    pause();
    result
}

/// Half of the time none at all. Busy: a sleep is much longer than what it is to fall between.
fn pause() {
    let end = Instant::now()
        + Duration::from_micros(fastrand::u64(..2 * DELAY_MAX_US).saturating_sub(DELAY_MAX_US));
    while Instant::now() < end {
        thread::yield_now();
    }
}

/// A path that somebody looks at whenever told.
struct Follower {
    path: PathBuf,
    seen: Arc<Mutex<Option<Vec<u8>>>>,
    _guard: PathGuard,
}

impl Follower {
    fn new(scene: &Scene, name: &str, interest: Interest) -> Self {
        let (path, seen) = (scene.path(name), Arc::<Mutex<Option<Vec<u8>>>>::default());
        let (at, inner, told) = (path.clone(), seen.clone(), scene.sink(name));
        let sink: PathSink = Arc::new(move |event| {
            *inner.lock().unwrap() = fs::read(&at).ok();
            told(event);
        });
        let guard = scene.hub.watch(&path, interest, sink).unwrap();
        Self { path, seen, _guard: guard }
    }

    /// Waits until it has seen what is there.
    fn catches_up(&self, scene: &Scene, round: u64) {
        let last = fs::read(&self.path).ok();
        let end = Instant::now() + TOO_LONG;
        while *self.seen.lock().unwrap() != last {
            let left = end.saturating_duration_since(Instant::now());
            let event = scene.events.recv_timeout(left);
            assert!(event.is_ok(), "round {round}: {:?}: {:?}", self.path, self.seen.lock().unwrap());
        }
    }
}

/// The writer runs on a thread of its own from `round` to `round`; in the end each follower has seen the end.
fn race(
    names: &[(&str, Interest)],
    prepare: impl Fn(&Path),
    write: impl Fn(&Path, u64) + Clone + Send + 'static,
) {
    let scene = Scene::with(Box::new(|| {
        let (kernel, queue) = live::open()?;
        Ok((Box::new(Slow(kernel)), queue))
    }));
    prepare(scene.dir.path());
    let followers: Vec<Follower> =
        names.iter().map(|(name, interest)| Follower::new(&scene, name, *interest)).collect();
    for round in 0..ROUNDS {
        let (root, write) = (scene.path(""), write.clone());
        thread::spawn(move || write(&root, round)).join().unwrap();
        for follower in &followers {
            follower.catches_up(&scene, round);
        }
        assert_eq!(scene.stats().polled, 0, "what is polled proves nothing");
    }
}

fn step(change: impl FnOnce() -> std::io::Result<()>) {
    pause();
    change().unwrap();
}

/// While this is held, the hub learns of nothing: it sees what is done meanwhile only once all of it is done.
fn unseen(scene: &Scene, act: impl FnOnce()) {
    let _held = scene.hub.shared.lock();
    act();
}

#[test]
fn whoever_looked_at_what_came_and_went_unseen_is_told() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("there")).unwrap();
    fs::write(scene.path("there/f"), "x").unwrap();
    fs::create_dir(scene.path("other")).unwrap();
    symlink("there", scene.path("l")).unwrap();
    for name in ["a/f", "b/c/f", "there/f", "l/g"] {
        scene.watch(name, Interest::SELF);
    }
    let [a, b, there, away] = ["a", "b", "there", "away"].map(|name| scene.path(name));
    unseen(&scene, || {
        fs::create_dir(&a).unwrap();
        fs::write(a.join("f"), "x").unwrap();
        fs::remove_dir_all(&a).unwrap();
    });
    scene.tells(["a/f"]);
    unseen(&scene, || {
        fs::create_dir_all(b.join("c")).unwrap();
        fs::write(b.join("c/f"), "x").unwrap();
        fs::remove_dir_all(b.join("c")).unwrap();
    });
    scene.tells(["b/c/f"]);
    unseen(&scene, || {
        fs::rename(&there, &away).unwrap();
        fs::rename(&away, &there).unwrap();
    });
    scene.tells(["l/g", "there/f"]);
    unseen(&scene, || {
        for to in ["other", "there"] {
            symlink(to, scene.path("next")).unwrap();
            fs::rename(scene.path("next"), scene.path("l")).unwrap();
        }
    });
    scene.tells(["l/g"]);
}

#[test]
fn directories_may_appear_and_go_at_any_moment_of_arming() {
    let write = |root: &Path, round: u64| {
        let steps = ["a", "a/b", "a/b/c"];
        steps.iter().for_each(|dir| step(|| fs::create_dir(root.join(dir))));
        step(|| fs::write(root.join("a/b/c/f"), round.to_string()));
        if round.is_multiple_of(3) {
            step(|| fs::remove_dir_all(root.join("a")));
        } else {
            step(|| fs::rename(root.join("a"), root.join(format!("aside-{round}"))));
        }
        if round.is_multiple_of(2) {
            steps.iter().for_each(|dir| step(|| fs::create_dir(root.join(dir))));
            step(|| fs::write(root.join("a/b/c/f"), round.to_string()));
            step(|| fs::write(root.join("a/b/c/f"), "last"));
        } else {
            step(|| fs::rename(root.join(format!("aside-{round}")).join("b"), root.join("b")).or(Ok(())));
        }
        let _ = fs::remove_dir_all(root.join("b"));
        if round % 4 == 3 {
            let _ = fs::remove_dir_all(root.join("a"));
        } else if round.is_multiple_of(2) {
            step(|| fs::rename(root.join("a"), root.join(format!("away-{round}"))));
        }
    };
    race(&[("a/b/c/f", Interest::SELF), ("a/b/c/f", Interest::CONTENT)], |_| {}, write);
}

#[test]
fn where_links_lead_may_change_at_any_moment_of_following() {
    let prepare = |root: &Path| {
        fs::create_dir(root.join("d")).unwrap();
        fs::write(root.join("d/content"), "x").unwrap();
        symlink("d/content", root.join("l")).unwrap();
        symlink("d", root.join("dir")).unwrap();
    };
    let write = |root: &Path, round: u64| {
        let to = format!("e{round}");
        step(|| fs::write(root.join("d/content"), round.to_string()));
        step(|| fs::rename(root.join("d"), root.join(&to)));
        step(|| symlink(format!("{to}/content"), root.join("l2")));
        step(|| fs::rename(root.join("l2"), root.join("l")));
        step(|| fs::write(root.join(&to).join("content"), format!("{round} moved")));
        step(|| fs::rename(root.join(&to), root.join("d")));
        step(|| fs::remove_file(root.join("l")));
        step(|| symlink("d/content", root.join("l")));
        step(|| fs::write(root.join("d/content"), format!("{round} back")));
    };
    race(&[("l", Interest::CONTENT), ("dir/content", Interest::SELF)], prepare, write);
}
