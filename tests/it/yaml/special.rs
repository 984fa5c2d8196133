//! Files that are no case: too large, unreadable, or not files.

use std::fs;
use std::path::Path;

use mgmt::engine::{Registry, Source};
use mgmt::lang::diag::excerpt::WIDTH;
use mgmt::lang::diag::{Diagnostic, Style, codes, render};
use mgmt::lang::{source, yaml};

use super::kinds::registry;

fn load_error(path: &Path) -> Diagnostic {
    *source::load(path).expect_err("it cannot be loaded").diagnostic
}

#[test]
fn a_directory_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(load_error(folder.path()).code, Some(&codes::DIRECTORY));
}

#[test]
fn a_missing_file_is_told_from_an_unreadable_one() {
    let folder = tempfile::tempdir().unwrap();
    let error = source::load(&folder.path().join("none.yaml")).expect_err("there is none");
    assert!(error.missing);
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = source::load(&file.join("below.yaml")).expect_err("a file has nothing below it");
    assert!(!error.missing);
    let shown = render(&error.diagnostic, Style::PLAIN);
    assert!(shown.contains("cannot read the file") && shown.contains("Not a directory"), "{shown}");
}

#[test]
fn a_file_beyond_the_limit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.yaml");
    fs::File::create(&path).unwrap().set_len(source::SIZE_LIMIT + 1).unwrap();
    assert_eq!(load_error(&path).code, Some(&codes::TOO_LARGE));
}

#[test]
fn an_endless_device_is_refused_and_not_read_for_ever() {
    assert_eq!(load_error(Path::new("/dev/zero")).code, Some(&codes::TOO_LARGE));
}

#[test]
fn a_line_of_10_megabytes_is_read() {
    let long = "x".repeat(10_000_000);
    for quote in ["", "\"", "'"] {
        let text = format!(
            "graph: g\nresources:\n  file:\n  - {{name: /a, content: {quote}{long}{quote}, contend: 1, mode: 0644}}\n"
        );
        let source = Source::new("long.yaml", text);
        let errors = yaml::parse(&source, &registry()).expect_err("`contend` is unknown");
        let shown = render(&errors[0], Style::PLAIN);
        assert!(shown.contains("did you mean `content`?"), "{shown}");
        let widest = shown.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= WIDTH + "4 | ".len(), "{widest} columns");
        assert!(shown.lines().any(|line| line.contains("^^^^^^^")), "{shown}");
    }
}

#[test]
fn a_whole_graph_on_one_long_line_is_read() {
    let mut text = "{\"graph\": \"g\", \"resources\": {\"noop\": [".to_owned();
    for at in 0..300_000 {
        text.push_str(&format!("{{\"name\": \"a resource with the number {at}\"}}, "));
    }
    text.push_str("{\"nmae\": \"z\", \"name\": \"z\"}]}}\n");
    assert!(text.len() > 10_000_000);
    let errors = yaml::parse(&Source::new("long.yaml", text), &registry()).expect_err("`nmae` is unknown");
    assert_eq!(errors.len(), 1);
    assert!(render(&errors[0], Style::PLAIN).contains("did you mean `name`?"));
}

#[test]
fn a_hundred_errors_are_shown_and_the_rest_is_counted() {
    let mut text = "graph: g\nresources:\n  noop:\n".to_owned();
    for at in 0..50_000 {
        text.push_str(&format!("  - {{name: n{at}, contnet: 1}}\n"));
    }
    let errors = yaml::parse(&Source::new("many.yaml", text), &registry()).expect_err("all are wrong");
    assert_eq!(errors.len(), 101);
    assert_eq!(errors[100].message, "and 49900 more errors");
}

#[test]
fn a_diagnostic_is_one_json_object() {
    let source = Source::new("a.yaml", "graph: g\nresouces: {}\n");
    let errors = yaml::parse(&source, &Registry::default()).expect_err("a key is misspelt");
    let json = serde_json::to_value(&errors[0]).unwrap();
    assert_eq!(json["code"], "Y0012");
    assert_eq!(json["severity"], "error");
    assert_eq!(json["place"]["file"], "a.yaml");
    assert_eq!((&json["place"]["line"], &json["place"]["column"]), (&2.into(), &1.into()));
    assert_eq!(json["hints"][0], "did you mean `resources`?");
}
