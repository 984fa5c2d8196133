//! Readers, who must never see half a file.

use std::io::Write;

use super::*;

#[test]
fn a_write_counts_once_it_is_closed() {
    let mut scene = Scene::new();
    scene.watch("f", Interest::CONTENT);
    let mut file = fs::File::create(scene.path("f")).unwrap();
    file.write_all(b"half").unwrap();
    scene.quiet();
    file.write_all(b" and whole").unwrap();
    scene.quiet();
    drop(file);
    let events = scene.all();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].1, PathEvent { stamp: None });
}

#[test]
fn an_editors_rename_save_is_one_event() {
    let mut scene = Scene::new();
    fs::write(scene.path("f"), "old").unwrap();
    scene.watch("f", Interest::CONTENT);
    fs::write(scene.path("f.new"), "new").unwrap();
    fs::rename(scene.path("f.new"), scene.path("f")).unwrap();
    assert_eq!(scene.all().len(), 1);
}

#[test]
fn attributes_are_not_content() {
    let mut scene = Scene::new();
    fs::write(scene.path("f"), "old").unwrap();
    scene.watch("f", Interest::CONTENT);
    scene.watch("g", Interest::SELF);
    chmod(scene.path("f"), 0o600);
    scene.quiet();
    fs::remove_file(scene.path("f")).unwrap();
    scene.tells(["f"]);
}

#[test]
fn links_are_complete_as_they_are_made() {
    let mut scene = Scene::new();
    fs::write(scene.path("content"), "x").unwrap();
    scene.watch("hard", Interest::CONTENT);
    scene.watch("soft", Interest::CONTENT);
    fs::hard_link(scene.path("content"), scene.path("hard")).unwrap();
    scene.tells(["hard"]);
    std::os::unix::fs::symlink("content", scene.path("soft")).unwrap();
    scene.tells(["soft"]);
}

#[test]
fn a_directory_that_appears_with_the_file_in_it_is_an_event() {
    let mut scene = Scene::new();
    scene.watch("d/f", Interest::CONTENT);
    fs::create_dir(scene.path("e")).unwrap();
    fs::write(scene.path("e/f"), "x").unwrap();
    fs::rename(scene.path("e"), scene.path("d")).unwrap();
    scene.tells(["d/f"]);
}
