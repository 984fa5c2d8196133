use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;
use std::time::Duration;

use super::TarKind;
use crate::engine::Value;
use crate::engine::kind::Uid;
use crate::resources::host::{FakeWatch, Host, Hub};
use crate::resources::testing::{Bench, Subject, capabilities, listing, refused, texts};

fn kind() -> TarKind {
    TarKind::new(Host::new(Arc::new(FakeWatch::new())))
}

fn archive(bench: &Bench, inputs: &[&str], format: i64) -> Subject {
    let inputs = texts(inputs.iter().map(|input| bench.path(input).to_str().unwrap().to_owned()));
    let params = [("path", bench.place("out.tar")), ("inputs", inputs), ("format", Value::Int(format))];
    bench.build(&kind(), "t", &params)
}

/// Names below the scratch folder, with types and what they hold.
fn content(bench: &Bench) -> Vec<(String, String)> {
    let file = fs::File::open(bench.path("out.tar")).unwrap();
    let root = bench.path("").to_str().unwrap()[1..].to_owned();
    let mut found = Vec::new();
    for entry in ::tar::Archive::new(file).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let name = name.strip_prefix(&root).expect("names are whole paths without a slash").to_owned();
        let link = entry.link_name_bytes().map(|link| String::from_utf8(link.into_owned()).unwrap());
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
        found.push((name, link.map_or(text, |link| format!("-> {link}"))));
    }
    found
}

fn tree(bench: &Bench) {
    fs::create_dir_all(bench.path("in/b/c")).unwrap();
    bench.write("in/z", "last");
    bench.write("in/b/f", "deep");
    symlink("../z", bench.path("in/b/link")).unwrap();
    bench.write("single", "alone");
}

fn pairs(found: &[(String, String)]) -> Vec<(&str, &str)> {
    found.iter().map(|(name, holds)| (name.as_str(), holds.as_str())).collect()
}

#[tokio::test]
async fn inputs_are_archived_in_order_with_all_below_them() {
    for format in [0, 2, 4, 8] {
        let bench = Bench::new();
        tree(&bench);
        let subject = archive(&bench, &["single", "in", "in/b"], format);
        let before = listing(&bench.path(""));
        assert!(subject.noop().await.shown()[0].starts_with("inputs: absent -> "));
        assert_eq!(listing(&bench.path("")), before);
        subject.repair().await;
        let wanted = [
            ("single", "alone"),
            ("in/", ""),
            ("in/b/", ""),
            ("in/b/c/", ""),
            ("in/b/f", "deep"),
            ("in/b/link", "-> ../z"),
            ("in/z", "last"),
        ];
        assert_eq!(pairs(&content(&bench)), wanted, "format {format}");
    }
}

#[tokio::test]
async fn it_is_made_anew_when_something_in_it_changes_or_it_is_damaged() {
    let bench = Bench::new();
    tree(&bench);
    let subject = archive(&bench, &["in"], 8);
    subject.repair().await;
    let first = fs::read(bench.path("out.tar")).unwrap();
    bench.write("in/new", "");
    subject.repair().await;
    fs::set_permissions(bench.path("in/z"), fs::Permissions::from_mode(0o600)).unwrap();
    subject.repair().await;
    fs::remove_file(bench.path("in/new")).unwrap();
    bench.write("out.tar", &first[..first.len() - 1]);
    subject.repair().await;
    fs::remove_file(bench.path("out.tar")).unwrap();
    subject.repair().await;
    assert!(archive(&bench, &["in"], 0).run().await.drift.is_empty(), "nothing is kept in memory");
}

#[tokio::test]
async fn an_archive_among_its_inputs_does_not_hold_itself() {
    let bench = Bench::new();
    tree(&bench);
    let params =
        [("path", bench.place("in/out.tar")), ("inputs", texts([bench.path("in").to_str().unwrap()]))];
    let subject = bench.build(&kind(), "t", &params);
    let dir = fs::File::open(bench.path("in")).unwrap();
    subject.repair().await;
    // As if the archive had been put there at another second.
    dir.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert!(subject.run().await.drift.is_empty());
    let text = fs::read(bench.path("in/out.tar")).unwrap();
    assert!(!text.windows(7).any(|window| window == b"out.tar"));
}

#[tokio::test]
async fn long_names_fit_into_all_formats_but_the_oldest() {
    let long = "n".repeat(120);
    for (format, fits) in [(2, false), (4, true), (8, true)] {
        let bench = Bench::new();
        let target = format!("{long}/{long}");
        fs::create_dir(bench.path(&long)).unwrap();
        bench.write(&target, "x");
        symlink(&target, bench.path(&long).join("link")).unwrap();
        let subject = archive(&bench, &[&long], format);
        if !fits {
            assert!(subject.failure().await.contains("File name too long"));
            assert!(!bench.path("out.tar").exists());
            continue;
        }
        subject.repair().await;
        let (link, arrow) = (format!("{long}/link"), format!("-> {target}"));
        let wanted = [(&*format!("{long}/"), ""), (&*link, &*arrow), (&*target, "x")];
        assert_eq!(pairs(&content(&bench)), wanted, "format {format}");
    }
    let bench = Bench::new();
    let half = "h".repeat(90);
    fs::create_dir(bench.path(&half)).unwrap();
    bench.write(&format!("{half}/f"), "x");
    archive(&bench, &[&half], 2).repair().await;
    assert_eq!(content(&bench)[1].0, format!("{half}/f"), "in two fields");
}

#[tokio::test]
async fn a_missing_input_is_an_error_and_nothing_is_made() {
    let bench = Bench::new();
    assert!(archive(&bench, &["none"], 0).failure().await.contains("none"));
    assert!(!bench.path("out.tar").exists());
}

#[tokio::test]
async fn changes_of_files_and_below_directories_wake_it() {
    let bench = Bench::new();
    tree(&bench);
    let kind = TarKind::new(Host::new(Hub::start()));
    let inputs = texts(["in", "single"].map(|input| bench.path(input).to_str().unwrap().to_owned()));
    let subject = bench.build(&kind, "t", &[("path", bench.place("out.tar")), ("inputs", inputs)]);
    let _armed = subject.resource.watch(&subject.cx()).await.unwrap();
    for change in ["in/b/c/new", "single", "out.tar"] {
        let before = bench.wakes();
        bench.write(change, "new");
        let woken = tokio::time::timeout(Duration::from_secs(20), bench.woken_after(before)).await;
        assert!(woken.is_ok(), "{change} woke nobody");
    }
}

#[test]
fn all_that_is_wrong_is_refused_at_once() {
    let kind = kind();
    let given = [("inputs", texts(["/a", "b", "/out"])), ("format", Value::Int(3))];
    let wrong: Vec<_> = refused(&kind, "/out", &given).into_iter().map(|error| error.param).collect();
    assert_eq!(wrong, [Some("inputs"), Some("inputs"), Some("format")]);
    assert_eq!(refused(&kind, "/out", &[])[0].param, Some("inputs"));
    assert_eq!(refused(&kind, "/out/", &[("inputs", texts(["/a"]))]).len(), 1);
    let known = capabilities(&kind, "/x/out", &[("inputs", texts(["/a/", "/b"]))]);
    assert_eq!(known.offers, [Uid::path("/x/out")]);
    let asked: Vec<_> = known
        .asks
        .iter()
        .filter(|ask| ask.first_of[0].sort == "path")
        .map(|ask| ask.first_of[0].id.to_string())
        .collect();
    assert_eq!(asked, ["/x", "/a", "/b"]);
    assert!(known.waits);
}
