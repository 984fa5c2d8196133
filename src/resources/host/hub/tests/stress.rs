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
        8 => fs::hard_link(dir.join("f"), other.join("f")),
        _ => fs::write(dir.join("f"), random.u64(..).to_string()),
    };
}

/// What can be seen at a path.
fn state(path: &Path) -> (Stamp, Option<Vec<u8>>) {
    (stamp_of(rustix::fs::lstat(path).ok().as_ref()), fs::read(path).ok())
}

/// Each subscriber looks at its path whenever it is told, as a resource does: in the end it has seen the end.
#[test]
fn after_two_thousand_random_changes_each_subscriber_has_seen_the_last() {
    for seed in 0..4 {
        let mut scene = Scene::new();
        let seen: Arc<Mutex<BTreeMap<&str, _>>> = Arc::default();
        let mut guards = Vec::new();
        for name in WATCHED {
            let (path, seen) = (scene.path(name), seen.clone());
            seen.lock().unwrap().insert(name, state(&path));
            let (at, sink_seen) = (path.clone(), seen.clone());
            let sink: PathSink = Arc::new(move |_| {
                let now = state(&at);
                sink_seen.lock().unwrap().insert(name, now);
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
        for name in WATCHED {
            if scene.stats().polled > 0 {
                // Links in a circle came up: who is polled is told within some milliseconds.
                continue;
            }
            assert_eq!(seen.lock().unwrap()[name], state(&scene.path(name)), "seed {seed}: {name}");
        }
        drop(guards);
        scene.end(SENTINEL);
        assert_eq!(scene.stats(), HubStats::default(), "seed {seed}");
    }
}
