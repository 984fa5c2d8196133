//! File systems mounted over what is watched.

use std::process::Command;

use super::*;

/// Set for the process that has mounts of its own.
const INSIDE: &str = "MGMT_TEST_OWN_MOUNTS";

/// Runs a test in a process with mounts of its own, which go with it whatever happens.
fn with_own_mounts(name: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let permitted = Command::new("unshare").args(["--mount", "true"]).output();
    if !permitted.is_ok_and(|ran| ran.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "mounts of one's own are not permitted");
        eprintln!("skipped: needs `unshare --mount`, and root");
        return;
    }
    let inside = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("resources::host::hub::tests::mounts::{name}"), "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inside.stdout) + String::from_utf8_lossy(&inside.stderr);
    assert!(inside.status.success() && said.contains("1 passed"), "{said}");
}

fn call(program: &str, args: &[&str], path: &Path) {
    let ran = Command::new(program).args(args).arg(path).output().unwrap();
    assert!(ran.status.success(), "{program}: {ran:?}");
}

fn mount_tmpfs(path: &Path) {
    call("mount", &["-t", "tmpfs", "none"], path);
}

#[test]
fn a_mount_over_a_directory_is_noticed_and_what_is_in_it_is_followed() {
    with_own_mounts("a_mount_over_a_directory_is_noticed_and_what_is_in_it_is_followed", || {
        let mut scene = Scene::new();
        fs::create_dir_all(scene.path("d/e")).unwrap();
        fs::create_dir(scene.path("aside")).unwrap();
        fs::write(scene.path("d/e/f"), "x").unwrap();
        for (name, interest) in
            [("d", Interest::SELF), ("d/e/f", Interest::SELF), ("aside/f", Interest::SELF)]
        {
            scene.watch(name, interest);
        }
        mount_tmpfs(&scene.path("d"));
        scene.tells(["d", "d/e/f"]);
        fs::create_dir(scene.path("d/e")).unwrap();
        scene.tells(["d/e/f"]);
        fs::write(scene.path("d/e/f"), "y").unwrap();
        scene.tells(["d/e/f"]);
        call("umount", &[], &scene.path("d"));
        scene.tells(["d", "d/e/f"]);
        chmod(scene.path("d/e/f"), 0o600);
        scene.tells(["d/e/f"]);
        assert_eq!(scene.stats().polled, 0);
    });
}

#[test]
fn a_mount_within_a_watched_tree_belongs_to_the_tree() {
    with_own_mounts("a_mount_within_a_watched_tree_belongs_to_the_tree", || {
        let mut scene = Scene::new();
        fs::create_dir_all(scene.path("t/a b/c")).unwrap();
        scene.watch("t", Interest::TREE);
        for point in ["t/a b/c", "t/a b"] {
            mount_tmpfs(&scene.path(point));
            scene.tells(["t"]);
            fs::write(scene.path(point).join("f"), "x").unwrap();
            scene.tells(["t"]);
        }
    });
}

#[test]
fn a_mount_is_noticed_through_links_and_over_a_file() {
    with_own_mounts("a_mount_is_noticed_through_links_and_over_a_file", || {
        let mut scene = Scene::new();
        fs::create_dir(scene.path("d")).unwrap();
        fs::write(scene.path("other"), "other").unwrap();
        fs::write(scene.path("file"), "file").unwrap();
        std::os::unix::fs::symlink("d", scene.path("l")).unwrap();
        scene.watch("l/f", Interest::SELF);
        scene.watch("file", Interest::CONTENT);
        mount_tmpfs(&scene.path("d"));
        scene.tells(["l/f"]);
        fs::write(scene.path("d/f"), "x").unwrap();
        scene.tells(["l/f"]);
        call("mount", &["--bind", scene.path("other").to_str().unwrap()], &scene.path("file"));
        scene.tells(["file"]);
    });
}

#[test]
fn a_mount_without_events_is_polled() {
    with_own_mounts("a_mount_without_events_is_polled", || {
        let mut scene = Scene::new();
        fs::create_dir(scene.path("d")).unwrap();
        scene.watch("d/version", Interest::SELF);
        assert_eq!(scene.stats().polled, 0);
        call("mount", &["-t", "proc", "none"], &scene.path("d"));
        scene.tells(["d/version"]);
        assert_eq!(scene.stats().polled, 1);
    });
}
