use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use super::GzipKind;
use crate::engine::Value;
use crate::engine::kind::Uid;
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Subject, capabilities, listing, refused};

fn kind() -> GzipKind {
    GzipKind::new(Host::new(Arc::new(FakeWatch::new())))
}

fn unpacked(bench: &Bench) -> String {
    let mut text = String::new();
    let file = fs::File::open(bench.path("out.gz")).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

fn of_file(bench: &Bench, level: i64) -> Subject {
    let params =
        [("path", bench.place("out.gz")), ("input", bench.place("in")), ("level", Value::Int(level))];
    bench.build(&kind(), "z", &params)
}

#[tokio::test]
async fn it_is_made_when_the_input_or_level_changes_and_when_the_output_is_damaged() {
    let bench = Bench::new();
    bench.write("in", "one\n".repeat(1000));
    fs::set_permissions(bench.path("in"), fs::Permissions::from_mode(0o640)).unwrap();
    let subject = of_file(&bench, -1);
    let before = listing(&bench.path(""));
    assert!(subject.noop().await.shown()[0].starts_with("input: absent -> 4000 bytes"));
    assert_eq!(listing(&bench.path("")), before);
    subject.repair().await;
    assert_eq!(unpacked(&bench), "one\n".repeat(1000));
    let mode = || fs::metadata(bench.path("out.gz")).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(), 0o640);
    let first = fs::read(bench.path("out.gz")).unwrap();

    bench.write("in", "two\n");
    fs::set_permissions(bench.path("out.gz"), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(subject.repair().await.shown()[0].starts_with("input: 4000 bytes"));
    assert_eq!((unpacked(&bench).as_str(), mode()), ("two\n", 0o600));
    bench.write("out.gz", "damage");
    assert!(subject.repair().await.shown()[0].starts_with("path: 6 bytes"));
    fs::remove_file(bench.path("out.gz")).unwrap();
    subject.repair().await;
    assert_eq!(of_file(&bench, 9).repair().await.shown(), ["level: 6 -> 9"]);

    bench.write("in", "one\n".repeat(1000));
    of_file(&bench, -1).repair().await;
    assert_eq!(fs::read(bench.path("out.gz")).unwrap(), first, "the same input gives the same bytes");
}

#[tokio::test]
async fn what_is_remembered_outlives_the_agent_and_can_be_lost() {
    let bench = Bench::new();
    let build = || {
        let params = [("content", Value::str("text")), ("level", Value::Int(-2))];
        bench.build(&kind(), bench.path("out.gz").to_str().unwrap(), &params)
    };
    build().repair().await;
    assert!(build().run().await.drift.is_empty());
    fs::remove_dir_all(bench.prefix()).unwrap();
    assert!(build().repair().await.shown()[0].starts_with("content: made of what is unknown"));
    assert_eq!(unpacked(&bench), "text");
}

#[tokio::test]
async fn input_that_is_missing_or_a_directory_is_an_error() {
    let bench = Bench::new();
    let subject = of_file(&bench, 0);
    assert!(subject.failure().await.contains("No such file"), "{}", subject.failure().await);
    fs::create_dir(bench.path("in")).unwrap();
    assert!(subject.failure().await.contains("is a directory"));
    bench.write("text", "");
    let params = [("path", bench.place("in")), ("input", bench.place("text"))];
    assert!(bench.build(&kind(), "z", &params).failure().await.contains("is a directory"));
}

#[test]
fn all_that_is_wrong_is_refused() {
    let kind = kind();
    let input = ("input", Value::str("/in"));
    let content = ("content", Value::str("x"));
    assert_eq!(refused(&kind, "/out", &[])[0].param, None);
    assert_eq!(refused(&kind, "/out", &[input.clone(), content.clone()])[0].param, Some("content"));
    assert_eq!(refused(&kind, "/in", std::slice::from_ref(&input))[0].param, Some("input"));
    assert_eq!(refused(&kind, "/out/", std::slice::from_ref(&input)).len(), 1);
    let level = ("level", Value::Int(10));
    let wrong: Vec<_> = refused(&kind, "out", &[content, level]).into_iter().map(|e| e.param).collect();
    assert_eq!(wrong, [None, Some("level")]);
    let known = capabilities(&kind, "/a/out", &[input]);
    assert_eq!(known.offers, [Uid::path("/a/out")]);
    assert_eq!(known.asks[3].first_of, [Uid::path("/in")]);
    assert!(known.waits);
}
