//! `mgmt explain`, `completions`, `man`.

use super::Scratch;

fn out(args: &[&str]) -> String {
    let ran = Scratch::new().mgmt(args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
    ran.out
}

#[test]
fn a_code_a_kind_and_a_parameter_are_explained() {
    insta::assert_snapshot!(out(&["explain", "y0022"]), @r"
    Y0022: an edge from a resource to itself

      Nothing can run before itself. Remove the edge, or correct one of its ends.
    ");
    let recurse = "  recurse (bool, false if not given)\n      Go into directories below: ";
    assert!(out(&["explain", "file.recurse"]).starts_with(recurse));
    let retry = out(&["explain", "retry"]);
    assert_eq!(retry, out(&["explain", "meta.retry"]));
    assert!(out(&["explain", "meta"]).contains(&retry));
    let file = out(&["explain", "file"]);
    assert!(file.starts_with("file\n\n  Keeps a file") && file.contains("\n  content (str)\n"), "{file}");
}

#[test]
fn what_is_misspelt_gets_a_hint() {
    let scratch = Scratch::new();
    for (word, hint) in [
        ("fiel", "did you mean `file`?"),
        ("file.mdoe", "did you mean `file.mode`?"),
        ("retyr", "did you mean `retry`?"),
        ("selinux", "it is a parameter: `mgmt explain file.selinux`"),
        ("???", "`mgmt explain` lists all topics"),
    ] {
        let ran = scratch.mgmt(&["explain", word]);
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains(&format!("= hint: {hint}\n")), "{word}: {}", ran.err);
    }
}

#[test]
fn alone_it_lists_every_topic() {
    let list = out(&["explain"]);
    for word in ["\n  file ", "\n  retry ", "\n  Y0001 "] {
        assert!(list.contains(word), "{word:?} in {list}");
    }
    let json: serde_json::Value = serde_json::from_str(&out(&["explain", "--json"])).unwrap();
    assert!(json["kinds"].as_array().unwrap().iter().any(|kind| kind["kind"] == "file"));
}

#[test]
fn the_reference_page_is_the_one_that_is_committed() {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/resources.md");
    let page = out(&["explain", "--all", "--markdown"]);
    assert!(page == std::fs::read_to_string(committed).unwrap(), "out of date; run: make fix");
}

#[test]
fn shells_learn_commands_kinds_and_files() {
    for shell in ["bash", "zsh", "fish"] {
        let script = out(&["completions", shell]);
        for word in ["plan", "converged-timeout", "file", "Y0001", "sensitive"] {
            assert!(script.contains(word), "{word} in {shell}'s completions");
        }
    }
    assert_eq!(Scratch::new().mgmt(&["completions", "tcsh"]).code, 64);
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let scratch = Scratch::new();
    assert_eq!(scratch.mgmt(&["man", "--dir", "deep/man1"]).code, 0);
    for (page, word) in
        [("mgmt.1", "SUBCOMMANDS"), ("mgmt-run.1", "MGMT_NOOP"), ("mgmt-plan.1", ".SH EXAMPLES")]
    {
        let text = std::fs::read_to_string(scratch.path("deep/man1").join(page)).unwrap();
        assert!(text.contains(word), "{word} in {page}: {text}");
    }
    assert!(out(&["man"]).contains(".TH mgmt 1"));
}
