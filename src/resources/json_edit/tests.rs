use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::sync::Arc;

use super::JsonEditKind;
use crate::engine::id::Label;
use crate::engine::kind::Uid;
use crate::engine::{Class, Declaration, Kind as _, Value};
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Subject, capabilities, refused, texts};

fn kind() -> (FakeWatch, JsonEditKind) {
    let watch = FakeWatch::new();
    (watch.clone(), JsonEditKind::new(Host::new(Arc::new(watch))))
}

fn edited(bench: &Bench, edits: &[&str], create: bool) -> Subject {
    let params = [("store", bench.place("f.json")), ("edits", texts(edits)), ("create", Value::Bool(create))];
    bench.build(&kind().1, "j", &params)
}

#[tokio::test]
async fn a_value_is_set_in_a_file_that_keeps_its_looks() {
    let bench = Bench::new();
    let text = "{\n\t\"z\": 1, // why\n\t\"a\": {}\n}\n";
    bench.write("f.json", text);
    fs::set_permissions(bench.path("f.json"), fs::Permissions::from_mode(0o640)).unwrap();
    let subject = edited(&bench, &[".z = 2", ".a.b = \"x\""], false);
    assert_eq!(subject.noop().await.shown(), ["edits: 1 -> .z = 2", "edits: absent -> .a.b = \"x\""]);
    assert_eq!(bench.read("f.json"), text, "a check only reads");
    let diff = subject.resource.diff(&subject.cx(), &crate::engine::Drift::none()).await.unwrap().unwrap();
    assert!(diff.contains("-\t\"z\": 1, // why\n") && diff.contains("+\t\"z\": 2, // why\n"), "{diff}");
    subject.repair().await;
    assert_eq!(bench.read("f.json"), "{\n\t\"z\": 2, // why\n\t\"a\": {\n\t\t\"b\": \"x\"\n\t}\n}\n");
    let found = fs::metadata(bench.path("f.json")).unwrap();
    assert_eq!(found.mode() & 0o7777, 0o640);
    bench.write("f.json", "{\"a\":{\"b\":\"x\"},\"z\":2.0}");
    assert!(subject.run().await.drift.is_empty(), "the values are the same");
    assert_eq!(fs::read_dir(bench.path("")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_sensitive_edit_is_in_no_error() {
    let bench = Bench::new();
    bench.write("f.json", "{\"a\": [1]}");
    let build = |edit: &str| {
        let params = [("store", bench.place("f.json")), ("edits", texts([edit]))];
        let mut declaration = Declaration::new(Label::new("json:edit", "j"), params.into_iter().collect());
        Arc::make_mut(&mut declaration.meta).sensitive.push("edits".into());
        kind().1.build(&declaration).map(|resource| bench.subject(declaration.label.clone(), resource))
    };
    for (edit, said) in [
        (".a.b = \"hunter2\"", "`edit 1 (sensitive)`: there is an array at `.a`"),
        (".a[7] = \"hunter2\"", "`edit 1 (sensitive)`: the array at `.a` has 1 element"),
    ] {
        let subject = build(edit).unwrap();
        let error = subject.try_run(subject.cx()).await.unwrap_err();
        let shown = format!("{error:?} {error} {:?}", error.hint());
        assert!(shown.contains(said) && !shown.contains("hunter2"), "{shown}");
    }
    let errors = build(".a = \"hunter2").unwrap_err();
    assert!(!format!("{errors:?}").contains("hunter2"), "{errors:?}");
    let plain = refused(&kind().1, "j", &[("store", bench.place("f.json")), ("edits", texts([".a = \"x"]))]);
    assert!(plain[0].hint.as_ref().unwrap().starts_with(".a = \"x\n"));
}

#[tokio::test]
async fn a_missing_file_is_made_only_if_asked_for() {
    let bench = Bench::new();
    let subject = edited(&bench, &[".a[0] = 1"], false);
    let error = subject.try_run(subject.cx()).await.unwrap_err();
    assert_eq!((error.class(), error.hint()), (Class::Transient, Some("`create: true` makes it")));
    let subject = edited(&bench, &[".a[0] = 1"], true);
    let ran = subject.repair().await;
    assert_eq!(ran.shown(), ["store: absent -> a new file", "edits: absent -> .a[0] = 1"]);
    assert_eq!(bench.read("f.json"), "{\n  \"a\": [\n    1\n  ]\n}\n");
    bench.write("f.json", "");
    subject.repair().await;
    let nothing = edited(&bench, &["del(.x)"], true);
    bench.write("f.json", "");
    nothing.repair().await;
    assert_eq!(bench.read("f.json"), "{}\n");
}

#[tokio::test]
async fn what_is_no_json_is_never_overwritten() {
    let bench = Bench::new();
    for (content, why) in [
        (&b"{\n  \"a\": oops\n}"[..], "line 2"),
        (b"", "there is no value"),
        (b"\xff", "it is not UTF-8 text"),
        (b"{\"a\": 1}", "`.a.b = 1`: there is a number at `.a`, where an object is needed"),
    ] {
        bench.write("f.json", content);
        let subject = edited(&bench, &[".a.b = 1"], false);
        let error = subject.try_run(subject.cx()).await.unwrap_err();
        assert_eq!(error.class(), Class::User);
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(fs::read(bench.path("f.json")).unwrap(), content);
    }
}

#[tokio::test]
async fn a_link_is_followed_and_a_mark_of_utf8_is_kept() {
    let bench = Bench::new();
    bench.write("real.json", "\u{feff}{}");
    symlink("real.json", bench.path("f.json")).unwrap();
    edited(&bench, &[".a = 1"], false).repair().await;
    assert!(bench.read("real.json").starts_with("\u{feff}{"));
    assert!(fs::symlink_metadata(bench.path("f.json")).unwrap().is_symlink());
    fs::remove_file(bench.path("real.json")).unwrap();
    assert!(edited(&bench, &[".a = 1"], true).failure().await.contains("a symbolic link to nothing"));
}

#[tokio::test]
async fn a_change_of_the_file_wakes_it() {
    let (bench, (watch, kind)) = (Bench::new(), kind());
    let subject = bench.build(&kind, "j", &[("store", bench.place("f.json")), ("edits", texts([".a = 1"]))]);
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    watch.change(bench.path("f.json"));
    assert_eq!(bench.wakes(), 1);
}

#[test]
fn mistakes_are_told_at_their_place_all_at_once() {
    let (_, kind) = kind();
    let edits = texts([".a = 1", ".a b", "del(.)"]);
    let params = [("store", Value::str("relative")), ("edits", edits), ("indent", Value::Int(9))];
    let wrong = refused(&kind, "j", &params);
    let at: Vec<_> = wrong.iter().map(|error| error.param).collect();
    assert_eq!(at, [Some("store"), Some("edits"), Some("edits"), Some("indent")]);
    assert_eq!(wrong[1].message, "edit 2, column 4: expected \"=\", \"+=\" or \"-=\", found \"b\"");
    assert_eq!(wrong[1].hint.as_deref(), Some(".a b\n   ^"));
    let shared = [("store", Value::str("etcd://x")), ("edits", texts([".a = 1"]))];
    assert!(refused(&kind, "j", &shared)[0].hint.as_deref().unwrap().contains("`kv`"));
    assert_eq!(refused(&kind, "/f", &[])[0].param, Some("edits"));
}

#[test]
fn whatever_makes_the_file_goes_before() {
    let (_, kind) = kind();
    for store in ["/etc/a.json", "file:///etc//a.json"] {
        let found = capabilities(&kind, "j", &[("store", Value::str(store)), ("edits", texts([".a = 1"]))]);
        assert!(found.asks.iter().any(|ask| ask.first_of[0] == Uid::path("/etc/a.json")), "{store}");
    }
}
