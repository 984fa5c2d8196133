//! Many subscriptions in one directory.

use std::time::Instant;

use super::*;

#[test]
fn ten_thousand_paths_of_a_directory_share_one_watch() {
    let mut scene = Scene::new();
    scene.quiet();
    fs::create_dir(scene.path("d")).unwrap();
    let before = scene.stats();
    let paths: Vec<PathBuf> = (0..10_000).map(|number| scene.path(&format!("d/file-{number}"))).collect();
    let sink = scene.sink("any");
    let start = Instant::now();
    let guards: Vec<PathGuard> =
        paths.iter().map(|path| scene.hub.watch(path, Interest::LOOKED_AT, sink.clone()).unwrap()).collect();
    let armed = start.elapsed();
    let stats = scene.stats();
    assert_eq!(stats.watches, before.watches + 1);
    assert_eq!(stats.subscriptions, before.subscriptions + 10_000);
    scene.watch("d/file-77", Interest::SELF);
    fs::write(scene.path("d/file-77"), "x").unwrap();
    scene.tells(["any", "d/file-77"]);
    scene.end("d/file-77");
    let start = Instant::now();
    drop(guards);
    println!("armed in {armed:?}, ended in {:?}", start.elapsed());
    assert_eq!(scene.stats(), before);
}

#[test]
fn a_cold_run_of_ten_thousand_files_loses_nothing_and_tells_nobody() {
    let mut scene = Scene::new();
    scene.quiet();
    fs::create_dir(scene.path("d")).unwrap();
    let paths: Vec<PathBuf> = (0..10_000).map(|number| scene.path(&format!("d/file-{number}"))).collect();
    let sink = scene.sink("any");
    let _guards: Vec<PathGuard> =
        paths.iter().map(|path| scene.hub.watch(path, Interest::LOOKED_AT, sink.clone()).unwrap()).collect();
    for path in &paths {
        let temp = path.with_file_name(crate::resources::host::temp_name::next_temp_name());
        fs::write(&temp, "x").unwrap();
        chmod(&temp, 0o600);
        fs::rename(&temp, path).unwrap();
    }
    scene.quiet();
    assert_eq!(scene.stats().overflows, 0);
}
