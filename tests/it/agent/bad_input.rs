//! Bad input: a clear error at its place, and nothing applied.

use std::fs;

use super::scratch::{Scratch, stderr};

/// Runs a graph that must be refused; what was said.
fn refused(text: &str) -> String {
    let scratch = Scratch::new();
    let good = "  file:\n  - name: good\n    path: DIR/good\n    content: x\n";
    let output = scratch.once(&text.replace("GOOD", good));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!scratch.path("good").exists(), "something was applied");
    stderr(&output)
}

#[test]
fn a_cycle_is_named() {
    let log = refused(
        "graph: g\nresources:\n  noop:\n  - name: a\n  - name: b\n  - name: c\nGOODedges:\n\
         - {from: {kind: noop, name: a}, to: {kind: noop, name: b}}\n\
         - {from: {kind: noop, name: b}, to: {kind: noop, name: c}}\n\
         - {from: {kind: noop, name: c}, to: {kind: noop, name: a}}\n",
    );
    for name in ["a", "b", "c"] {
        assert!(log.contains(&format!("noop[{name:?}]")), "{log}");
    }
}

#[test]
fn what_is_unknown_gets_a_suggestion() {
    let log = refused("graph: g\nresources:\nGOOD  flie:\n  - name: a\n");
    assert!(log.contains("flie") && log.contains("`file`"), "{log}");
    let log = refused("graph: g\nresources:\n  file:\n  - name: a\n    path: /x\n    contnt: x\n");
    assert!(log.contains("contnt") && log.contains("`content`"), "{log}");
    let log = refused(
        "graph: g\nresources:\n  noop:\n  - name: alpha\n  - name: beta\nedges:\n\
         - {from: {kind: noop, name: alpha}, to: {kind: noop, name: betta}}\n",
    );
    assert!(log.contains("betta") && log.contains("beta"), "{log}");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let log = refused(
        "graph: g\nresources:\n  file:\n  - name: one\n    path: /tmp/x\n    mode: \"999\"\n  - name: two\n    \
         path: relative\n  - name: three\n    path: /tmp/y\n    purge: maybe\n",
    );
    for place in ["graph.yaml:6:", "graph.yaml:8:", "graph.yaml:11:"] {
        assert!(log.contains(place), "{place} is missing in\n{log}");
    }
}

#[test]
fn two_of_one_name_show_both_places() {
    let log = refused(
        "graph: g\nresources:\n  file:\n  - name: a\n    path: /tmp/x\n    content: one\n  - name: a\n    \
         path: /tmp/x\n    content: two\n",
    );
    assert!(log.contains("graph.yaml:7:") && log.contains("4 |"), "{log}");
}

#[test]
fn an_alias_bomb_is_defused() {
    let mut text = "graph: g\nresources:\n  noop:\n  - name: a\n    comment: &a0 x\n".to_owned();
    for level in 1..40 {
        let before = level - 1;
        text += &format!(
            "  - name: a{level}\n    meta: {{sema: &a{level} [*a{before}, *a{before}, *a{before}]}}\n"
        );
    }
    assert!(refused(&text).contains("error"));
}

#[test]
fn files_that_are_no_graphs() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("folder.yaml")).unwrap();
    fs::write(scratch.path("binary.yaml"), b"graph: \xff\xfe").unwrap();
    fs::write(scratch.path("empty.yaml"), "").unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let (here, fifo) = (rustix::fs::CWD, rustix::fs::FileType::Fifo);
    rustix::fs::mknodat(here, scratch.path("pipe.yaml"), fifo, mode, 0).unwrap();
    for (file, said) in [
        ("folder.yaml", "directory"),
        ("binary.yaml", "UTF-8"),
        ("empty.yaml", "empty"),
        ("none.yaml", "none.yaml"),
        ("pipe.yaml", "pipe"),
    ] {
        let output = scratch.output(&["run", file]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(&output).contains(said), "{output:?}");
    }
}

#[test]
fn a_line_of_ten_megabytes_is_read_and_an_excerpt_of_it_is_short() {
    let scratch = Scratch::new();
    let long = "x".repeat(10_000_000);
    let output = scratch.once(&format!(
        "graph: g\nresources:\n  file:\n  - name: f\n    path: DIR/f\n    content: \"{long}\"\n"
    ));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(fs::metadata(scratch.path("f")).unwrap().len(), 10_000_000);
    let output = scratch.once(&format!("graph: g\nresources: {{file: [{{name: f, bad: \"{long}\"}}]}}\n"));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).lines().all(|line| line.chars().count() < 260), "{}", stderr(&output).len());
}

#[test]
fn wrong_arguments_are_usage() {
    let scratch = Scratch::new();
    for args in
        [&["run", "--converged-timeuot", "5", "x.yaml"][..], &["run"], &["rum"], &["run", "perl", "x.yaml"]]
    {
        let output = scratch.output(args);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {output:?}");
    }
    let output = scratch.output(&["run", "--converged-timeuot", "5", "x.yaml"]);
    assert!(stderr(&output).contains("--converged-timeout"), "{output:?}");
}
