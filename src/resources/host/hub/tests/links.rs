//! Links on the way, and files with several names.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn a_directory_behind_a_link_is_watched_and_so_is_the_link() {
    let mut scene = Scene::new();
    fs::create_dir_all(scene.path("one")).unwrap();
    fs::create_dir_all(scene.path("two")).unwrap();
    symlink("one", scene.path("l")).unwrap();
    scene.watch("l/f", Interest::SELF);
    fs::write(scene.path("one/f"), "x").unwrap();
    scene.tells(["l/f"]);
    // Led elsewhere.
    symlink("two", scene.path("l2")).unwrap();
    fs::rename(scene.path("l2"), scene.path("l")).unwrap();
    scene.tells(["l/f"]);
    fs::write(scene.path("one/f"), "y").unwrap();
    scene.quiet();
    fs::write(scene.path("two/f"), "x").unwrap();
    scene.tells(["l/f"]);
}

#[test]
fn where_a_link_leads_may_move_away_and_come_back() {
    let mut scene = Scene::new();
    fs::create_dir_all(scene.path("a/b")).unwrap();
    symlink(scene.path("a/b"), scene.path("l")).unwrap();
    scene.watch("l/f", Interest::SELF);
    fs::rename(scene.path("a"), scene.path("z")).unwrap();
    scene.tells(["l/f"]);
    fs::write(scene.path("z/b/f"), "x").unwrap();
    scene.quiet();
    fs::rename(scene.path("z"), scene.path("a")).unwrap();
    scene.tells(["l/f"]);
    chmod(scene.path("a/b/f"), 0o600);
    scene.tells(["l/f"]);
}

#[test]
fn links_to_links_are_followed_each() {
    let mut scene = Scene::new();
    fs::create_dir_all(scene.path("d/e")).unwrap();
    symlink("d", scene.path("one")).unwrap();
    symlink("one/../one/e", scene.path("two")).unwrap();
    symlink("two", scene.path("three")).unwrap();
    scene.watch("three/f", Interest::SELF);
    fs::write(scene.path("d/e/f"), "x").unwrap();
    scene.tells(["three/f"]);
    fs::remove_file(scene.path("two")).unwrap();
    scene.tells(["three/f"]);
    fs::create_dir(scene.path("two")).unwrap();
    scene.tells(["three/f"]);
    fs::write(scene.path("two/f"), "x").unwrap();
    scene.tells(["three/f"]);
    scene.end("three/f");
    scene.end(SENTINEL);
    assert_eq!(scene.stats(), HubStats::default());
}

#[test]
fn links_in_a_circle_are_polled() {
    let mut scene = Scene::new();
    symlink("b", scene.path("a")).unwrap();
    symlink("a", scene.path("b")).unwrap();
    symlink("c/x", scene.path("c")).unwrap();
    scene.watch("a/f", Interest::SELF);
    scene.watch("c/f", Interest::SELF);
    assert_eq!(scene.stats().polled, 2);
    fs::remove_file(scene.path("b")).unwrap();
    fs::create_dir(scene.path("b")).unwrap();
    fs::write(scene.path("b/f"), "x").unwrap();
    assert_eq!(scene.next().0, "a/f");
}

#[test]
fn a_reader_follows_the_last_link_and_a_repairer_does_not() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("d")).unwrap();
    fs::write(scene.path("d/content"), "x").unwrap();
    symlink("d/content", scene.path("l")).unwrap();
    scene.watch_at("reader", &scene.path("l"), Interest::CONTENT);
    scene.watch_at("repairer", &scene.path("l"), Interest::SELF);
    fs::write(scene.path("d/content"), "y").unwrap();
    scene.tells(["reader"]);
    fs::rename(scene.path("d"), scene.path("e")).unwrap();
    scene.tells(["reader"]);
    fs::remove_file(scene.path("l")).unwrap();
    symlink("e/content", scene.path("l")).unwrap();
    scene.tells(["reader", "repairer"]);
    fs::write(scene.path("e/content"), "z").unwrap();
    scene.tells(["reader"]);
}

#[test]
fn a_file_with_several_names_changes_through_each() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("d")).unwrap();
    fs::write(scene.path("f"), "x").unwrap();
    fs::hard_link(scene.path("f"), scene.path("d/other")).unwrap();
    scene.watch("f", Interest::SELF);
    fs::write(scene.path("d/other"), "y").unwrap();
    scene.tells(["f"]);
    fs::remove_file(scene.path("d/other")).unwrap();
    scene.tells(["f"]);
    // Its other name came after the watch: the kernel does not tell the directory, so the next event does.
    scene.watch("g", Interest::CONTENT);
    fs::write(scene.path("g"), "x").unwrap();
    fs::hard_link(scene.path("g"), scene.path("d/g2")).unwrap();
    fs::write(scene.path("g"), "y").unwrap();
    scene.tells(["g"]);
    fs::write(scene.path("d/g2"), "z").unwrap();
    scene.tells(["g"]);
    // No longer its other name.
    fs::remove_file(scene.path("g")).unwrap();
    scene.tells(["g"]);
    fs::write(scene.path("d/g2"), "z").unwrap();
    scene.quiet();
}

#[test]
fn who_looks_for_itself_says_when_a_file_has_several_names() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("d")).unwrap();
    fs::write(scene.path("f"), "x").unwrap();
    fs::hard_link(scene.path("f"), scene.path("d/other")).unwrap();
    // The first path of a directory is looked at when the directory is armed.
    scene.quiet();
    scene.watch("f", Interest::LOOKED_AT);
    let watches = scene.stats().watches;
    scene.guards[1].1.look_again();
    assert_eq!(scene.stats().watches, watches + 1);
    fs::write(scene.path("d/other"), "y").unwrap();
    scene.tells(["f"]);
    // What comes later, the hub sees by itself.
    fs::remove_file(scene.path("f")).unwrap();
    scene.tells(["f"]);
    fs::hard_link(scene.path("d/other"), scene.path("f")).unwrap();
    scene.tells(["f"]);
    chmod(scene.path("d/other"), 0o600);
    scene.tells(["f"]);
}
