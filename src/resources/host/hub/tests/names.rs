//! A path in a directory that is there.

use super::*;

#[test]
fn nothing_is_held_before_the_first_watch() {
    let scene = Scene::new();
    assert_eq!(scene.stats(), HubStats::default());
    assert!(scene.hub.shared.lock().live.is_none());
}

#[test]
fn a_relative_path_is_refused() {
    let scene = Scene::new();
    assert!(scene.hub.watch(Path::new("f"), Interest::SELF, scene.sink("f")).is_err());
}

#[test]
fn each_way_to_change_a_file_is_an_event_of_it_alone() {
    let mut scene = Scene::new();
    scene.watch("f", Interest::SELF);
    scene.watch("g", Interest::SELF);
    let f = scene.path("f");
    let mut check = |act: &dyn Fn()| {
        act();
        scene.tells(["f"]);
    };
    check(&|| fs::write(&f, "one").unwrap());
    check(&|| fs::write(&f, "two").unwrap());
    check(&|| chmod(&f, 0o600));
    check(&|| fs::remove_file(&f).unwrap());
    let aside = f.with_file_name("aside");
    fs::write(&aside, "three").unwrap();
    check(&|| fs::rename(&aside, &f).unwrap());
    check(&|| fs::rename(&f, &aside).unwrap());
    check(&|| std::os::unix::fs::symlink("nowhere", &f).unwrap());
}

#[test]
fn reading_is_no_event() {
    let mut scene = Scene::new();
    fs::write(scene.path("f"), "x").unwrap();
    scene.watch("f", Interest::SELF);
    scene.watch("d", Interest::CONTENT);
    assert_eq!(fs::read(scene.path("f")).unwrap(), b"x");
    assert!(fs::read_dir(scene.path("")).unwrap().count() > 0);
    scene.quiet();
}

#[test]
fn a_directory_itself_changes_by_its_attributes_and_not_by_its_entries() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("d")).unwrap();
    scene.watch("d", Interest::SELF);
    fs::write(scene.path("d/f"), "x").unwrap();
    scene.quiet();
    chmod(scene.path("d"), 0o700);
    scene.tells(["d"]);
    fs::remove_dir_all(scene.path("d")).unwrap();
    scene.tells(["d"]);
}

#[test]
fn a_dropped_guard_ends_the_events_and_the_last_one_the_watch() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("d")).unwrap();
    scene.quiet();
    let before = scene.stats();
    scene.watch("d/f", Interest::SELF);
    scene.watch("d/g", Interest::CONTENT);
    assert_eq!(scene.stats().watches, before.watches + 1);
    scene.end("d/f");
    fs::write(scene.path("d/f"), "x").unwrap();
    fs::write(scene.path("d/g"), "x").unwrap();
    scene.tells(["d/g"]);
    scene.end("d/g");
    assert_eq!(scene.stats(), before);
    scene.end(SENTINEL);
    assert_eq!(scene.stats(), HubStats::default());
}

#[test]
fn a_sink_may_watch_and_end_watches() {
    let scene = Scene::new();
    let held: Arc<Mutex<Vec<PathGuard>>> = Arc::default();
    let (hub, inner, path, keep) = (scene.hub.clone(), scene.sink("g"), scene.path("g"), held.clone());
    let done = scene.sink("done");
    let sink: PathSink = Arc::new(move |event| {
        let mut held = keep.lock().unwrap();
        held.clear();
        held.push(hub.watch(&path, Interest::SELF, inner.clone()).unwrap());
        done(event);
    });
    held.lock().unwrap().push(scene.hub.watch(&scene.path("g"), Interest::SELF, scene.sink("g")).unwrap());
    let _guard = scene.hub.watch(&scene.path("f"), Interest::SELF, sink).unwrap();
    fs::create_dir(scene.path("f")).unwrap();
    assert_eq!(scene.next().0, "done");
    fs::write(scene.path("g"), "x").unwrap();
    assert_eq!(scene.next().0, "g");
    held.lock().unwrap().clear();
}

#[test]
fn a_sink_that_panics_does_not_end_the_hub() {
    let mut scene = Scene::new();
    let sink: PathSink = Arc::new(|_| panic!("a bug"));
    let _guard = scene.hub.watch(&scene.path("f"), Interest::SELF, sink).unwrap();
    scene.watch("g", Interest::SELF);
    fs::write(scene.path("f"), "x").unwrap();
    fs::write(scene.path("g"), "x").unwrap();
    scene.tells(["g"]);
}

#[test]
fn guards_may_outlive_the_hub() {
    let Scene { hub, dir, send, events, guards, .. } = {
        let mut scene = Scene::new();
        scene.watch("f", Interest::SELF);
        scene
    };
    drop(hub);
    drop(guards);
    drop((dir, send, events));
}
