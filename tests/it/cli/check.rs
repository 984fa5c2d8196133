//! `mgmt check`.

use super::Scratch;

const FINE: &str = "\
graph: site
resources:
  file:
  - {name: a, path: DIR/a, state: exists}
  - {name: b, path: DIR/b, state: exists}
edges:
- {name: e, from: {kind: file, name: a}, to: {kind: file, name: b}}
";
const WRONG: &str = "graph: site\nresources:\n  fil: []\nedgs: []\n";

#[test]
fn a_file_without_faults_is_fine_and_nothing_is_made() {
    let scratch = Scratch::new();
    scratch.write("site.yaml", FINE);
    let ran = scratch.mgmt(&["check", "site.yaml"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "site.yaml: 2 resources, 1 edge: fine\n"), "{}", ran.err);
    assert_eq!(std::fs::read_dir(scratch.path(".")).unwrap().count(), 1);
}

#[test]
fn all_faults_of_all_files_are_shown_at_once() {
    let scratch = Scratch::new();
    scratch.write("site.yaml", FINE);
    scratch.write("wrong.yaml", WRONG);
    let ran = scratch.mgmt(&["check", "wrong.yaml", "site.yaml"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.out, @r"
    wrong.yaml: 2 errors
    site.yaml: 2 resources, 1 edge: fine
    ");
    insta::assert_snapshot!(ran.err, @r"
    error[Y0014]: there is no kind `fil`
     --> wrong.yaml:3:3
      |
    3 |   fil: []
      |   ^^^
      = hint: did you mean `file`?

    error[Y0012]: unknown key `edgs` of the graph file
     --> wrong.yaml:4:1
      |
    4 | edgs: []
      | ^^^^
      = hint: did you mean `edges`?
    ");
}

#[test]
fn programs_are_told_as_json() {
    let scratch = Scratch::new();
    scratch.write("wrong.yaml", WRONG);
    let ran = scratch.mgmt(&["check", "--json", "wrong.yaml"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert_eq!(told[0]["fine"], false);
    assert_eq!(told[0]["diagnostics"][0]["code"], "Y0014");
    assert_eq!(told[0]["diagnostics"][1]["place"]["line"], 4);
}

#[test]
fn what_is_no_graph_file_is_told_apart() {
    let scratch = Scratch::new();
    scratch.write("broken.yaml", "graph: [");
    scratch.write("graph.txt", "graph: g");
    std::fs::create_dir(scratch.path("folder.yaml")).unwrap();
    for (file, code) in [
        ("missing.yaml", "L0002"),
        ("folder.yaml", "L0003"),
        ("graph.txt", "L0007"),
        ("broken.yaml", "Y0001"),
    ] {
        for command in ["check", "plan", "graph", "run"] {
            let ran = scratch.mgmt(&[command, file]);
            assert_eq!(ran.code, 1, "{command} {file}: {}", ran.err);
            assert!(ran.err.contains(&format!("error[{code}]")), "{command} {file}: {}", ran.err);
        }
    }
}

#[test]
fn a_run_says_that_nothing_was_applied() {
    let scratch = Scratch::new();
    scratch.write("wrong.yaml", WRONG);
    let ran = scratch.mgmt(&["run", "wrong.yaml"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.ends_with("\n2 errors in wrong.yaml; nothing was applied\n"), "{}", ran.err);
}
