//! Directories on the way to a path come and go.

use super::*;

#[test]
fn a_directory_removed_and_made_anew_is_followed() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("d")).unwrap();
    fs::write(scene.path("d/f"), "x").unwrap();
    scene.watch("d/f", Interest::SELF);
    fs::remove_dir_all(scene.path("d")).unwrap();
    scene.tells(["d/f"]);
    fs::create_dir(scene.path("d")).unwrap();
    scene.tells(["d/f"]);
    fs::write(scene.path("d/f"), "y").unwrap();
    scene.tells(["d/f"]);
}

#[test]
fn a_directory_made_anew_at_once_is_followed() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("d")).unwrap();
    scene.watch("d/f", Interest::SELF);
    for _ in 0..20 {
        fs::remove_dir_all(scene.path("d")).unwrap();
        fs::create_dir(scene.path("d")).unwrap();
        fs::write(scene.path("d/f"), "y").unwrap();
        scene.tells(["d/f"]);
        chmod(scene.path("d/f"), 0o600);
        scene.tells(["d/f"]);
    }
}

#[test]
fn missing_parents_may_appear_one_by_one_or_at_once() {
    let mut scene = Scene::new();
    scene.watch("a/b/c/f", Interest::SELF);
    let watches = scene.stats().watches;
    fs::create_dir(scene.path("a")).unwrap();
    scene.told();
    assert_eq!(scene.stats().watches, watches + 1);
    fs::create_dir_all(scene.path("a/b/c")).unwrap();
    scene.tells(["a/b/c/f"]);
    fs::write(scene.path("a/b/c/f"), "x").unwrap();
    scene.tells(["a/b/c/f"]);
    fs::remove_dir_all(scene.path("a")).unwrap();
    scene.tells(["a/b/c/f"]);
    assert_eq!(scene.stats().watches, watches);
    fs::create_dir_all(scene.path("a/b/c")).unwrap();
    fs::write(scene.path("a/b/c/f"), "x").unwrap();
    scene.tells(["a/b/c/f"]);
    chmod(scene.path("a/b/c/f"), 0o600);
    scene.tells(["a/b/c/f"]);
}

#[test]
fn a_file_where_a_parent_should_be_is_waited_out() {
    let mut scene = Scene::new();
    fs::write(scene.path("a"), "in the way").unwrap();
    scene.watch("a/b/f", Interest::SELF);
    fs::remove_file(scene.path("a")).unwrap();
    fs::create_dir_all(scene.path("a/b")).unwrap();
    scene.tells(["a/b/f"]);
    fs::write(scene.path("a/b/f"), "x").unwrap();
    scene.tells(["a/b/f"]);
}

#[test]
fn a_directory_moved_away_and_back_is_followed() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("d")).unwrap();
    fs::write(scene.path("d/f"), "x").unwrap();
    scene.watch("d/f", Interest::SELF);
    fs::rename(scene.path("d"), scene.path("e")).unwrap();
    scene.tells(["d/f"]);
    chmod(scene.path("e/f"), 0o600);
    scene.quiet();
    fs::rename(scene.path("e"), scene.path("d")).unwrap();
    scene.tells(["d/f"]);
    chmod(scene.path("d/f"), 0o644);
    scene.tells(["d/f"]);
}

#[test]
fn a_directory_far_above_may_move_or_be_replaced() {
    let mut scene = Scene::new();
    fs::create_dir_all(scene.path("a/b/c")).unwrap();
    fs::write(scene.path("a/b/c/f"), "x").unwrap();
    fs::create_dir_all(scene.path("z/b/c")).unwrap();
    fs::write(scene.path("z/b/c/f"), "z").unwrap();
    scene.watch("a/b/c/f", Interest::SELF);
    fs::rename(scene.path("a"), scene.path("y")).unwrap();
    scene.tells(["a/b/c/f"]);
    chmod(scene.path("y/b/c/f"), 0o600);
    scene.quiet();
    fs::rename(scene.path("z"), scene.path("a")).unwrap();
    scene.tells(["a/b/c/f"]);
    chmod(scene.path("a/b/c/f"), 0o600);
    scene.tells(["a/b/c/f"]);
}

#[test]
fn a_write_to_a_file_that_nobody_watches_wakes_nobody() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("d")).unwrap();
    scene.watch("d/e/f", Interest::SELF);
    fs::write(scene.path("other"), "x").unwrap();
    fs::write(scene.path("d/other"), "x").unwrap();
    scene.quiet();
}

#[test]
fn the_root_can_be_watched() {
    let mut scene = Scene::new();
    scene.watch_at("root", Path::new("/"), Interest::SELF);
    scene.quiet();
    scene.end("root");
}
