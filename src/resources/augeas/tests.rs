//! With the real augtool, where it is.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use super::AugeasKind;
use crate::engine::kind::Uid;
use crate::engine::{Class, Value};
use crate::resources::host::process::FakeProcesses;
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Given, Subject, capabilities, refused, texts};

fn kind() -> AugeasKind {
    AugeasKind::new(Host::new(Arc::new(FakeWatch::new())))
}

fn fields(pairs: &[(&str, &str)]) -> Value {
    Value::Struct(pairs.iter().map(|(name, value)| (Arc::from(*name), Value::str(value))).collect())
}

fn set(path: &str, value: &str) -> Value {
    fields(&[("path", path), ("value", value)])
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(items.into_iter().collect())
}

/// A bench with a hosts file; `None`, and a word about it, where there is no augtool.
fn bench() -> Option<Bench> {
    let there = ["/usr/bin/augtool", "/usr/local/bin/augtool"].iter().any(|path| Path::new(path).exists());
    if !there {
        eprintln!("skipped: needs augtool");
        return None;
    }
    let bench = Bench::new();
    bench.write("hosts", "# ours\n127.0.0.1\tlocalhost\n\n10.0.0.1 a   b\n");
    Some(bench)
}

fn hosts(bench: &Bench, more: Given<'_>) -> Subject {
    let mut params = vec![("file", bench.place("hosts")), ("lens", Value::str("Hosts.lns"))];
    params.extend_from_slice(more);
    bench.build(&kind(), "h", &params)
}

#[tokio::test]
async fn values_are_set_and_the_rest_stays_as_it_is() {
    let Some(bench) = bench() else { return };
    std::fs::set_permissions(bench.path("hosts"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let sets = [
        set("*[ipaddr = \"10.0.0.1\"]/canonical", "c"),
        set("01/ipaddr", "10.0.0.2"),
        set("01/canonical", "new"),
    ];
    // Once it is written, `01` is `3`: what is meant is said by what it holds.
    let subject = hosts(&bench, &[("sets", list(sets[..1].iter().cloned()))]);
    let file = bench.path("hosts").display().to_string();
    let path = format!("/files{file}/*[ipaddr = \"10.0.0.1\"]/canonical");
    assert_eq!(subject.noop().await.shown(), [format!("sets: {path} = \"a\" -> {path} = \"c\"")]);
    assert!(bench.read("hosts").contains("10.0.0.1 a   b"), "a check only reads");
    subject.repair().await;
    assert_eq!(bench.read("hosts"), "# ours\n127.0.0.1\tlocalhost\n\n10.0.0.1 c   b\n");
    assert_eq!(std::fs::metadata(bench.path("hosts")).unwrap().mode() & 0o7777, 0o640);
    let names: Vec<_> =
        std::fs::read_dir(bench.path("")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["hosts"], "nothing is left over");
    let error = hosts(&bench, &[("sets", list(sets[1..].iter().cloned()))]).failure().await;
    assert!(error.contains("differs after it was edited: sets"), "{error}");
}

#[tokio::test]
async fn nodes_are_removed_made_and_moved_behind_guards() {
    let Some(bench) = bench() else { return };
    let ins = fields(&[
        ("label", "#comment"),
        ("where", "before"),
        ("path", "1"),
        ("unless", "#comment[. = \"top\"]"),
    ]);
    let params = [
        ("rm", texts(["*/alias"])),
        ("ins", list([ins])),
        ("sets", list([set("#comment[following-sibling::*[1][label() = \"1\"]]", "top")])),
        ("match", texts(["*[ipaddr = \"127.0.0.1\"]", "!*[ipaddr = \"::1\"]"])),
    ];
    let subject = hosts(&bench, &params[..1]);
    subject.repair().await;
    assert!(!bench.read("hosts").contains(" b"));
    let subject = hosts(&bench, &params);
    bench.write("hosts", "127.0.0.1 localhost\n::1 six\n");
    assert!(subject.run().await.drift.is_empty(), "a guard is closed");
    bench.write("hosts", "127.0.0.1 localhost\n");
    subject.repair().await;
    assert_eq!(bench.read("hosts"), "# top\n127.0.0.1 localhost\n");
    let mv = list([fields(&[("from", "1/alias"), ("to", "2/alias")])]);
    bench.write("hosts", "10.0.0.1 a x\n10.0.0.2 b\n");
    hosts(&bench, &[("mv", mv)]).repair().await;
    assert_eq!(bench.read("hosts"), "10.0.0.1 a\n10.0.0.2 b x\n");
}

#[tokio::test]
async fn what_is_no_file_of_the_lens_is_never_written() {
    let Some(bench) = bench() else { return };
    let sets = || list([set("1/canonical", "x y")]);
    let subject = hosts(&bench, &[("sets", sets())]);
    let before = bench.read("hosts");
    let error = subject.try_run(subject.cx()).await.unwrap_err();
    assert_eq!(error.class(), Class::User);
    assert!(error.to_string().starts_with("write "), "{error}");
    assert_eq!(bench.read("hosts"), before);
    bench.write("hosts", "oops\n");
    let error = subject.try_run(subject.cx()).await.unwrap_err();
    assert_eq!(error.class(), Class::User);
    assert!(error.to_string().contains("parse_failed, line 1"), "{error}");
    let several = hosts(&bench, &[("sets", list([set("*/ipaddr", "10.0.0.1")]))]);
    bench.write("hosts", "10.0.0.1 a\n10.0.0.2 b\n");
    assert!(several.failure().await.contains("is about 2 nodes"));
    let params = [("file", bench.place("hosts")), ("lens", Value::str("No.lns")), ("sets", sets())];
    let error = bench.build(&kind(), "h", &params).failure().await;
    assert!(error.contains("find lens No.lns"), "{error}");
}

#[tokio::test]
async fn a_file_that_others_can_replace_is_left_alone() {
    let bench = Bench::new();
    bench.write("hosts", "10.0.0.1 a\n");
    std::fs::create_dir(bench.path("open")).unwrap();
    bench.write("open/hosts", "10.0.0.1 a\n");
    std::fs::set_permissions(bench.path("open"), std::fs::Permissions::from_mode(0o777)).unwrap();
    std::os::unix::fs::symlink(bench.path("hosts"), bench.path("open/link")).unwrap();
    std::os::unix::fs::symlink(bench.path("open/hosts"), bench.path("link")).unwrap();
    for name in ["open/hosts", "open/link", "open/none", "link"] {
        let params = [
            ("file", bench.place(name)),
            ("lens", Value::str("Hosts.lns")),
            ("sets", list([set("1/canonical", "x")])),
        ];
        let subject = bench.build(&kind(), "h", &params);
        let error = subject.try_run(subject.cx()).await.unwrap_err();
        assert_eq!(error.class(), Class::User, "{error}");
        assert!(error.to_string().contains("others can put something else"), "{error}");
    }
    assert_eq!(
        (bench.read("hosts"), bench.read("open/hosts")),
        ("10.0.0.1 a\n".into(), "10.0.0.1 a\n".into())
    );
}

#[tokio::test]
async fn without_augtool_its_package_is_named() {
    let bench = Bench::new();
    let processes = Arc::new(FakeProcesses::default());
    let host = Host { processes, ..Host::over(Arc::new(FakeWatch::new())) };
    let params = [("lens", Value::str("Hosts.lns")), ("sets", list([set("1/ipaddr", "x")]))];
    let subject = bench.build(&AugeasKind::new(Arc::new(host)), "/etc/hosts", &params);
    let error = subject.try_run(subject.cx()).await.unwrap_err();
    assert_eq!((error.class(), error.hint()), (Class::Transient, Some("install the package augeas-tools")));
}

#[test]
fn all_that_is_wrong_is_refused_and_what_goes_before_is_known() {
    let ins = fields(&[("label", "x"), ("where", "above"), ("path", "1"), ("unless", "")]);
    let params = [("file", Value::str("/a b")), ("lens", Value::str("a b")), ("ins", list([ins]))];
    let at: Vec<_> = refused(&kind(), "h", &params).iter().filter_map(|error| error.param).collect();
    assert_eq!(at, ["file", "lens", "ins", "ins"]);
    assert_eq!(refused(&kind(), "/f", &[("lens", Value::str("Hosts.lns"))])[0].param, Some("sets"));
    let found = capabilities(&kind(), "/etc/hosts", &[("lens", Value::str("Hosts.lns"))]);
    let asked: Vec<_> = found.asks.iter().flat_map(|ask| &ask.first_of).collect();
    for wanted in [Uid::path("/etc/hosts"), Uid::new("package", "augeas-tools")] {
        assert!(asked.contains(&&wanted), "{wanted:?}");
    }
}
