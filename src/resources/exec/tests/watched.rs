use futures_util::StreamExt;

use super::*;

#[tokio::test]
async fn each_watched_path_wakes_until_the_watch_is_dropped() {
    let (mut scene, _) = Scene::fake();
    let exec = scene.build(&[("watchfiles", "[/a,/b]"), ("creates", "/c"), ("mtimes", "[/d]")]);
    let wakes = exec.watch(&scene.cx()).await.unwrap();
    for path in ["/a", "/b", "/c", "/d"] {
        assert_eq!(scene.paths.change(path), 1);
        scene.woken.recv().await.unwrap();
    }
    drop(wakes);
    assert!(scene.paths.watched().is_empty());
}

#[tokio::test]
async fn each_line_of_the_watchcmd_wakes_and_its_end_is_an_error() {
    let scene = Scene::real();
    let script = "echo one; echo two; echo why >&2; exit 9";
    let exec = scene.build(&[("watchcmd", script), ("watchshell", "/bin/sh"), ("watchfiles", "[/a]")]);
    let wakes = exec.watch(&scene.cx()).await.unwrap();
    assert_eq!(scene.paths.change("/a"), 1, "both at once");
    let items: Vec<_> = wakes.stream.unwrap().collect().await;
    let [Ok(_), Ok(_), Err(error)] = &items[..] else { panic!("{items:?}") };
    assert_eq!(error.to_string(), format!("watchcmd `{script}` ended: exit status 9: why"));
    assert!(error.hint().unwrap().contains("`poll`"));
}

#[tokio::test]
async fn a_watchcmd_that_cannot_start_fails_the_watch() {
    let scene = Scene::real();
    let exec = scene.build(&[("watchcmd", "/no/such/command")]);
    assert!(exec.watch(&scene.cx()).await.is_err());
}

#[tokio::test]
async fn without_anything_to_watch_there_is_no_watch() {
    let (scene, _) = Scene::fake();
    let wakes = scene.build(&[]).watch(&scene.cx()).await.unwrap();
    assert!(wakes.guard.is_none() && wakes.stream.is_none());
}
