//! Random changes by another thread.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::thread;

use super::*;

const WATCHED: [&str; 7] = ["a/f", "a/b/f", "a/b/c/f", "d/f", "d/b/f", "l/f", "a"];
const STEPS: usize = 2_000;

/// One change of the tree; most fail, since what they change is not there.
fn change(root: &Path, random: &mut fastrand::Rng) {
    let dirs = ["a", "a/b", "a/b/c", "d", "d/b", "l"];
    let dir = root.join(dirs[random.usize(..dirs.len())]);
    let other = root.join(dirs[random.usize(..dirs.len())]);
    let _ = match random.u32(..10) {
        0 | 1 => fs::create_dir_all(&dir),
        2 => fs::remove_dir_all(&dir),
        3 => fs::rename(&dir, &other),
        4 => fs::remove_file(dir.join("f")),
        5 => fs::rename(dir.join("f"), other.join("f")),
        6 => fs::remove_file(root.join("l")).or_else(|_| fs::remove_dir_all(root.join("l"))),
        7 => symlink(random.choice(["a", "a/b", "d", "l"]).unwrap(), root.join("l")),
        8 => fs::set_permissions(dir.join("f"), fs::Permissions::from_mode(random.u32(0o600..0o700))),
        _ => fs::write(dir.join("f"), random.u64(..).to_string()),
    };
}

/// Stamp, inode and mode, content.
type Seen = (Option<Stamp>, Option<(u64, u32)>, Option<Vec<u8>>);

/// What can be seen at a path. A directory's entries change its times, size and links, but are not the directory.
fn state(path: &Path) -> Seen {
    let stat = rustix::fs::lstat(path).ok();
    let is_dir = path.is_dir();
    let stamp = (!is_dir).then(|| stamp_of(stat.as_ref()));
    (stamp, stat.map(|stat| (stat.st_ino, stat.st_mode)), fs::read(path).ok())
}

/// Each subscriber looks at its path whenever it is told, as a resource does: in the end it has seen the end.
#[test]
fn after_two_thousand_random_changes_each_subscriber_has_seen_the_last() {
    let mut polled = 0;
    for seed in 0..8 {
        let mut scene = Scene::new();
        let seen: Arc<Mutex<BTreeMap<&str, _>>> = Arc::default();
        let mut guards = Vec::new();
        for name in WATCHED {
            let (path, seen) = (scene.path(name), seen.clone());
            seen.lock().unwrap().insert(name, state(&path));
            let (at, sink_seen) = (path.clone(), seen.clone());
            let told = scene.sink(name);
            let sink: PathSink = Arc::new(move |event| {
                let now = state(&at);
                sink_seen.lock().unwrap().insert(name, now);
                told(event);
            });
            guards.push(scene.hub.watch(&path, Interest::SELF, sink).unwrap());
        }
        let root = scene.path("");
        thread::spawn(move || {
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..STEPS {
                change(&root, &mut random);
            }
        })
        .join()
        .unwrap();
        scene.all();
        let behind = |scene: &Scene| {
            let seen = seen.lock().unwrap();
            WATCHED.into_iter().find(|name| seen[name] != state(&scene.path(name)))
        };
        while let Some(name) = behind(&scene) {
            // Where links in a circle came up, paths are polled, and soon told of.
            assert!(scene.stats().polled > 0, "seed {seed}: {name}");
            let last = scene.events.recv_timeout(TOO_LONG);
            let seen = &seen.lock().unwrap()[name];
            assert!(last.is_ok(), "seed {seed}: {name}: {seen:?} is {:?}", state(&scene.path(name)));
        }
        polled += scene.stats().polled;
        drop(guards);
        scene.end(SENTINEL);
        assert_eq!(scene.stats(), HubStats::default(), "seed {seed}");
    }
    assert!(polled < 8 * WATCHED.len() / 2, "most are watched: {polled}");
}
