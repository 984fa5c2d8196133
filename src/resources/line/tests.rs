use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::sync::Arc;

use super::LineKind;
use crate::engine::kind::Uid;
use crate::engine::{Declaration, Kind as _, Label, Meta, Value};
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Subject, capabilities, refused};

fn kind() -> (FakeWatch, LineKind) {
    let watch = FakeWatch::new();
    (watch.clone(), LineKind::new(Host::new(Arc::new(watch))))
}

fn line(bench: &Bench, file: &str, content: &str, present: bool) -> Subject {
    let state = Value::str(if present { "exists" } else { "absent" });
    let params = [("file", bench.place(file)), ("content", Value::str(content)), ("state", state)];
    bench.build(&kind().1, "l", &params)
}

#[tokio::test]
async fn a_line_is_added_to_a_file_that_keeps_its_looks() {
    let bench = Bench::new();
    bench.write("f", "a\nb");
    fs::set_permissions(bench.path("f"), fs::Permissions::from_mode(0o4610)).unwrap();
    let subject = line(&bench, "f", "new", true);
    let noop = subject.noop().await;
    assert_eq!(noop.shown(), [r#"content: absent -> "new""#]);
    assert_eq!(bench.read("f"), "a\nb");
    let diff = subject.resource.diff(&subject.cx(), &noop.drift).await.unwrap().unwrap();
    assert!(diff.ends_with("@@ -1,2 +1,3 @@\n a\n-b\n\\ No newline at end of file\n+b\n+new\n"), "{diff}");
    subject.repair().await;
    assert_eq!(bench.read("f"), "a\nb\nnew\n");
    assert_eq!(fs::metadata(bench.path("f")).unwrap().mode() & 0o7777, 0o4610);
    assert_eq!(fs::read_dir(bench.path("")).unwrap().count(), 1, "something is left behind");
}

#[tokio::test]
async fn lines_are_removed_wherever_they_stand_and_a_missing_file_is_fine() {
    let bench = Bench::new();
    bench.write("f", "x\r\na\nb\ny\na\nb\n");
    let subject = line(&bench, "f", "a\nb\n", false);
    assert_eq!(subject.repair().await.shown(), [r#"content: "a\nb" -> absent"#]);
    assert_eq!(bench.read("f"), "x\r\ny\n");
    assert!(line(&bench, "none", "a", false).run().await.drift.is_empty());
    assert!(line(&bench, "no/dir", "a", false).run().await.drift.is_empty());
    assert!(!bench.path("none").exists());
}

#[tokio::test]
async fn a_missing_file_is_made_and_its_directory_is_not() {
    let bench = Bench::new();
    let subject = line(&bench, "f", "a", true);
    subject.repair().await;
    assert_eq!(bench.read("f"), "a\n");
    assert_eq!(fs::metadata(bench.path("f")).unwrap().mode() & 0o7777, 0o644);
    assert!(line(&bench, "no/f", "a", true).failure().await.contains("no/f"));
}

#[tokio::test]
async fn what_is_trimmed_is_the_content() {
    let bench = Bench::new();
    bench.write("f", "a\n");
    let params =
        |trim| [("file", bench.place("f")), ("content", Value::str("\n  a \n")), ("trim", Value::Bool(trim))];
    assert!(bench.build(&kind().1, "l", &params(true)).run().await.drift.is_empty());
    bench.build(&kind().1, "l", &params(false)).repair().await;
    assert_eq!(bench.read("f"), "a\n\n  a \n");
}

#[tokio::test]
async fn a_link_is_followed_and_one_to_nothing_is_an_error() {
    let bench = Bench::new();
    bench.write("real", "a\n");
    symlink("real", bench.path("link")).unwrap();
    line(&bench, "link", "b", true).repair().await;
    assert_eq!(bench.read("real"), "a\nb\n");
    assert!(fs::symlink_metadata(bench.path("link")).unwrap().is_symlink());
    symlink("nowhere", bench.path("dangling")).unwrap();
    assert!(line(&bench, "dangling", "b", true).failure().await.contains("a symbolic link to nothing"));
    fs::create_dir(bench.path("dir")).unwrap();
    assert!(line(&bench, "dir", "b", true).failure().await.contains("is a directory"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn resources_that_share_a_file_lose_nothing() {
    const EACH: usize = 24;
    let bench = Bench::new();
    let removed: String = (0..EACH).map(|at| format!("old {at}\n")).collect();
    bench.write("f", removed);
    let host = LineKind::new(Host::new(Arc::new(FakeWatch::new())));
    let build = |content: String, state| {
        let params =
            [("file", bench.place("f")), ("content", Value::str(content)), ("state", Value::str(state))];
        bench.build(&host, "l", &params)
    };
    let edits =
        (0..EACH).flat_map(|at| [build(format!("new {at}"), "exists"), build(format!("old {at}"), "absent")]);
    let running: Vec<_> = edits
        .map(|subject| {
            tokio::spawn(async move {
                assert!(!subject.run().await.drift.is_empty());
            })
        })
        .collect();
    for run in running {
        run.await.unwrap();
    }
    let text = bench.read("f");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let mut wanted: Vec<String> = (0..EACH).map(|at| format!("new {at}")).collect();
    wanted.sort_unstable();
    assert_eq!(lines, wanted);
}

#[tokio::test]
async fn a_long_file_is_edited_too() {
    let bench = Bench::new();
    bench.write("f", "0123456789abcde\n".repeat(100_000));
    let subject = line(&bench, "f", "end", true);
    subject.repair().await;
    assert!(bench.read("f").ends_with("e\nend\n"));
}

#[tokio::test]
async fn homes_are_found_and_the_file_is_watched() {
    let (bench, (watch, kind)) = (Bench::new(), kind());
    let root = bench.build(&kind, "l", &[("file", Value::str("~root/.x")), ("content", Value::str("a"))]);
    let _armed = root.resource.watch(&root.cx()).await.unwrap();
    assert_eq!(watch.change("/root/.x"), 1);
    assert_eq!(bench.wakes(), 1);
    let nobody = [("file", Value::str("~no such user/x")), ("content", Value::str("a"))];
    assert!(bench.build(&kind, "l", &nobody).failure().await.contains("there is no user"));
    let own = capabilities(&kind, "l", &[("file", Value::str("~/x"))]);
    assert!(own.asks[0].first_of[0].id.ends_with("/x"));
}

#[test]
fn it_runs_after_the_file_or_the_nearest_directory_above() {
    let found = capabilities(&kind().1, "l", &[("file", Value::str("/a//b/c"))]);
    assert_eq!(found.asks[0].first_of, [Uid::path("/a/b/c"), Uid::path("/a/b"), Uid::path("/a")]);
    assert!(found.offers.is_empty());
}

#[test]
fn all_that_is_wrong_is_refused_at_once() {
    let kind = kind().1;
    let given = [("file", Value::str("a/b")), ("content", Value::str("")), ("state", Value::str("present"))];
    let params: Vec<_> = refused(&kind, "l", &given).into_iter().map(|error| error.param.unwrap()).collect();
    assert_eq!(params, ["file", "content", "state"]);
    for file in ["", "/", "/a/", "~", "~anna", "~/", "~/../x", "/a/../b"] {
        let given = [("file", Value::str(file)), ("content", Value::str("x"))];
        assert_eq!(refused(&kind, "l", &given)[0].param, Some("file"), "{file:?}");
    }
}

#[tokio::test]
async fn an_undo_brings_back_what_was_and_leaves_alone_what_was_right() {
    for (found, present, undone) in
        [("x\n", true, "x\n"), ("x\na\n", true, "x\na\n"), ("a\nx\n", false, "x\na\n"), ("x\n", false, "x\n")]
    {
        let (bench, kind) = (Bench::new(), kind().1);
        bench.write("f", found);
        let state = Value::str(if present { "exists" } else { "absent" });
        let params = [("file", bench.place("f")), ("content", Value::str("a")), ("state", state)];
        let mut declaration = Declaration::new(Label::new("line", "l"), params.iter().cloned().collect());
        declaration.meta = Arc::new(Meta { reverse: true, ..Meta::clone(&Meta::shared_default()) });
        let subject = bench.subject(declaration.label.clone(), kind.build(&declaration).unwrap());
        let undo = subject.resource.undo(&subject.cx()).await.unwrap().unwrap();
        subject.run().await;
        let undo: Vec<_> = undo.iter().map(|(name, value)| (name, value.clone())).collect();
        bench.build(&kind, "l", &undo).run().await;
        assert_eq!(bench.read("f"), undone, "{found:?} {present}");
    }
}
