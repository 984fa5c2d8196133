//! What all commands share: help, wrong arguments, pipes, colours.

use std::process::Stdio;

use super::{MGMT, Scratch};

#[test]
fn wrong_arguments_exit_64_with_a_suggestion() {
    let scratch = Scratch::new();
    for (args, said) in [
        (&["pln"][..], "a similar subcommand exists: 'plan'"),
        (&["run", "--nop", "x.yaml"], "a similar argument exists: '--noop'"),
        (&["run"], "which graph?"),
        (&["run", "--sema", "0", "x.yaml"], "--sema needs a positive number"),
        (&["run", "cobol", "x"], "is no language"),
        (&["run", "--log", "loud=louder", "x.yaml"], "--log"),
        (&["run", "--log", "lod", "x.yaml"], "\"lod\" is no level"),
        (&["plan"], "<FILE>"),
        (&["check"], "<FILE>..."),
        (&["graph", "--format", "png", "x.yaml"], "[possible values: text, dot, svg, json]"),
        (&[], "Usage: mgmt <COMMAND>"),
    ] {
        let ran = scratch.mgmt(args);
        assert_eq!((ran.code, ran.out.as_str()), (64, ""), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{args:?}: {}", ran.err);
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    let scratch = Scratch::new();
    let commands =
        ["run", "plan", "check", "graph", "status", "top", "replay", "explain", "completions", "man"];
    for command in commands {
        let ran = scratch.mgmt(&[command, "--help"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{command}");
        assert!(ran.out.contains(&format!("Examples:\n  mgmt {command}")), "{command}: {}", ran.out);
    }
    let version = format!("mgmt {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(scratch.mgmt(&["--version"]).out, version);
}

#[test]
fn help_never_shows_what_the_environment_holds() {
    let ran = Scratch::new()
        .mgmt_with(&["run", "--help"], &[("MGMT_PGP_IDENTITY", "x"), ("MGMT_PREFIX", "/secret")]);
    assert!(ran.out.contains("[env: MGMT_PREFIX]") && !ran.out.contains("/secret"), "{}", ran.out);
}

#[test]
fn errors_that_nobody_reads_keep_their_exit_codes() {
    let scratch = Scratch::new();
    scratch.write("bad.yaml", "graph: [\n");
    for (args, code) in [
        (&["plan", "bad.yaml"][..], 1),
        (&["check", "bad.yaml"], 1),
        (&["run", "bad.yaml"], 1),
        (&["run"], 64),
        (&["top"], 64),
        (&["status"], 75),
        (&["replay", "none"], 1),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = scratch.finish(scratch.command(MGMT, args).stderr(Stdio::from(writer)));
        assert_eq!(ran.code, code, "{args:?}");
    }
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let scratch = Scratch::new();
    scratch.write("site.yaml", "graph: g\n");
    for args in
        [&["explain", "--all"][..], &["man"], &["--help"], &["plan", "site.yaml"], &["check", "site.yaml"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = scratch.finish(scratch.command(MGMT, args).stdout(Stdio::from(writer)));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
    }
}
