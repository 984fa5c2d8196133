//! Our own writes, which are no news to who made them.

use super::*;
use crate::resources::host::temp_name::next_temp_name;

fn save(scene: &Scene, temp: &str, name: &str) {
    fs::write(scene.path(temp), "content").unwrap();
    chmod(scene.path(temp), 0o640);
    fs::rename(scene.path(temp), scene.path(name)).unwrap();
}

#[test]
fn our_own_rename_is_no_event() {
    let mut scene = Scene::new();
    scene.watch("f", Interest::SELF);
    for _ in 0..3 {
        save(&scene, &next_temp_name(), "f");
        scene.quiet();
    }
}

#[test]
fn our_own_rename_is_news_to_a_reader() {
    let mut scene = Scene::new();
    scene.watch("f", Interest::CONTENT);
    save(&scene, &next_temp_name(), "f");
    let events = scene.all();
    assert_eq!(events, [("f".to_owned(), PathEvent { stamp: Some(scene.stamp("f")) })]);
}

#[test]
fn the_rename_of_another_is_an_event_whatever_it_was_named() {
    let mut scene = Scene::new();
    scene.watch("f", Interest::SELF);
    save(&scene, "f~", "f");
    scene.tells(["f"]);
    save(&scene, ".mgmt-0123456789abcdef-0", "f");
    scene.tells(["f"]);
}

#[test]
fn temporary_names_are_never_events_of_a_tree() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("d")).unwrap();
    scene.watch("d", Interest::TREE);
    for temp in [next_temp_name(), ".mgmt-0123456789abcdef-0".to_owned()] {
        fs::write(scene.path("d").join(&temp), "x").unwrap();
        fs::remove_file(scene.path("d").join(&temp)).unwrap();
    }
    scene.quiet();
}

#[test]
fn what_may_be_an_echo_bears_the_state_just_after() {
    let mut scene = Scene::new();
    fs::write(scene.path("f"), "x").unwrap();
    scene.watch("f", Interest::SELF);
    scene.watch("d", Interest::SELF);
    let stamped = |scene: &Scene, name: &str| (name.to_owned(), PathEvent { stamp: Some(scene.stamp(name)) });
    chmod(scene.path("f"), 0o600);
    assert_eq!(scene.all(), [stamped(&scene, "f")]);
    fs::create_dir(scene.path("d")).unwrap();
    assert_eq!(scene.all(), [stamped(&scene, "d")]);
    fs::remove_file(scene.path("f")).unwrap();
    assert_eq!(scene.all(), [("f".to_owned(), PathEvent { stamp: Some(stamp_of(None)) })]);
}

#[test]
fn a_write_in_place_bears_no_stamp() {
    let mut scene = Scene::new();
    fs::write(scene.path("f"), "x").unwrap();
    scene.watch("f", Interest::SELF);
    fs::write(scene.path("f"), "y").unwrap();
    let events = scene.all();
    assert!(!events.is_empty() && events.iter().all(|(_, event)| event.stamp.is_none()), "{events:?}");
}
