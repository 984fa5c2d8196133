//! Trees.

use std::io::Write;

use super::*;

#[test]
fn a_change_at_any_depth_is_an_event() {
    let mut scene = Scene::new();
    fs::create_dir_all(scene.path("d/a/b")).unwrap();
    scene.watch("d", Interest::TREE);
    scene.watch("d/a/b/f", Interest::SELF);
    fs::write(scene.path("d/a/b/f"), "x").unwrap();
    scene.tells(["d", "d/a/b/f"]);
    fs::write(scene.path("d/g"), "x").unwrap();
    scene.tells(["d"]);
    chmod(scene.path("d/a/b"), 0o700);
    scene.tells(["d"]);
    fs::write(scene.path("outside"), "x").unwrap();
    scene.quiet();
}

#[test]
fn what_appears_is_watched_with_what_is_in_it() {
    let mut scene = Scene::new();
    scene.watch("d", Interest::TREE);
    fs::create_dir_all(scene.path("d/a/b/c")).unwrap();
    fs::write(scene.path("d/a/b/c/f"), "x").unwrap();
    scene.tells(["d"]);
    chmod(scene.path("d/a/b/c/f"), 0o600);
    scene.tells(["d"]);
    fs::create_dir_all(scene.path("elsewhere/deep")).unwrap();
    fs::rename(scene.path("elsewhere"), scene.path("d/moved")).unwrap();
    scene.tells(["d"]);
    fs::write(scene.path("d/moved/deep/f"), "x").unwrap();
    scene.tells(["d"]);
    fs::remove_dir_all(scene.path("d")).unwrap();
    scene.tells(["d"]);
    scene.end("d");
    scene.end(SENTINEL);
    assert_eq!(scene.stats(), HubStats::default());
}

#[test]
fn what_is_moved_out_is_watched_no_more() {
    let mut scene = Scene::new();
    fs::create_dir_all(scene.path("d/a/b")).unwrap();
    scene.watch("d", Interest::TREE);
    let watches = scene.stats().watches;
    fs::rename(scene.path("d/a"), scene.path("a")).unwrap();
    scene.tells(["d"]);
    fs::write(scene.path("a/b/f"), "x").unwrap();
    scene.quiet();
    assert_eq!(scene.stats().watches, watches - 2);
}

#[test]
fn links_below_are_not_followed_but_the_tree_may_be_one() {
    let mut scene = Scene::new();
    fs::create_dir_all(scene.path("real/a")).unwrap();
    fs::create_dir(scene.path("outside")).unwrap();
    std::os::unix::fs::symlink("../outside", scene.path("real/l")).unwrap();
    std::os::unix::fs::symlink("real", scene.path("tree")).unwrap();
    scene.watch("tree", Interest::TREE);
    scene.watch("tree/l/f", Interest::SELF);
    fs::write(scene.path("outside/f"), "x").unwrap();
    scene.tells(["tree/l/f"]);
    fs::write(scene.path("real/a/f"), "x").unwrap();
    scene.tells(["tree"]);
    chmod(scene.path("real"), 0o700);
    scene.tells(["tree"]);
}

#[test]
fn a_tree_may_be_read_too() {
    let mut scene = Scene::new();
    fs::create_dir_all(scene.path("d/a")).unwrap();
    scene.watch("d", Interest { closed_writes: true, ..Interest::TREE });
    let file = fs::File::create(scene.path("d/a/f")).unwrap();
    (&file).write_all(b"half").unwrap();
    scene.quiet();
    drop(file);
    scene.tells(["d"]);
    std::os::unix::fs::symlink("f", scene.path("d/a/l")).unwrap();
    scene.tells(["d"]);
}
