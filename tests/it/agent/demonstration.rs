//! The demonstration of 2016: three files kept, a fourth kept away.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::scratch::{Scratch, mode, stdout};

const GRAPH: &str = r#"
graph: graph8
resources:
  file:
  - name: dir
    path: DIR/out/
    state: exists
  - name: f1
    path: DIR/out/f1
    content: |
      i am f1
    state: exists
  - name: f2
    path: DIR/out/f2
    content: |
      i am f2
    mode: "0640"
    state: exists
  - name: f3
    path: DIR/out/f3
    content: |
      i am f3
    state: exists
  - name: f4
    path: DIR/out/f4
    state: absent
edges:
- name: e1
  from: {kind: file, name: f1}
  to: {kind: file, name: f2}
- name: e2
  from: {kind: file, name: f2}
  to: {kind: file, name: f3}
"#;

#[test]
fn by_its_own_command_line() {
    let scratch = Scratch::new();
    scratch.write("graph8.yaml", GRAPH);
    fs::create_dir(scratch.path("out")).unwrap();
    fs::write(scratch.path("out/f4"), "not wanted").unwrap();
    let output =
        scratch.output(&["run", "--file", "graph8.yaml", "--converged-timeout=5", "--graphviz=example1.dot"]);
    assert!(output.status.success(), "{output:?}");
    assert!(stdout(&output).contains("converged: 5 ok"), "{output:?}");
    for name in ["f1", "f2", "f3"] {
        assert_eq!(scratch.read(&format!("out/{name}")), format!("i am {name}\n"));
    }
    assert!(!scratch.path("out/f4").exists());
    let dot = scratch.read("example1.dot");
    assert!(dot.starts_with("digraph") && dot.matches("->").count() >= 6, "{dot}");
}

#[test]
fn the_demo_takes_a_program_that_is_there_and_builds_none_for_it() {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo.sh");
    let mut command = std::process::Command::new(demo);
    // Without cargo in the path.
    let ran = command.env("PATH", "/usr/bin:/bin").env("MGMT", "no/such/mgmt").current_dir("/").output();
    let ran = ran.unwrap();
    let (said, complained) = (stdout(&ran), super::scratch::stderr(&ran));
    assert!(said.ends_with("The program is /no/such/mgmt.\n"), "{said}");
    assert_eq!((ran.status.code(), complained.as_str()), (Some(1), "\ndemo: there is no /no/such/mgmt\n"));
}

#[test]
fn whatever_drifts_is_repaired() {
    let scratch = Scratch::new();
    let agent = scratch.agent(GRAPH, &[]);
    let (f2, f4) = (scratch.path("out/f2"), scratch.path("out/f4"));
    let is_right = || fs::read_to_string(&f2).is_ok_and(|text| text == "i am f2\n") && mode(&f2) == 0o640;

    for _ in 0..20 {
        fs::remove_file(&f2).unwrap();
        agent.until("f2 comes back", is_right);
    }
    fs::write(&f2, "overwritten").unwrap();
    agent.until("f2 has its content again", is_right);
    fs::set_permissions(&f2, fs::Permissions::from_mode(0o777)).unwrap();
    agent.until("f2 has its mode again", is_right);
    fs::rename(&f2, scratch.path("out/elsewhere")).unwrap();
    agent.until("f2 comes back after it was moved away", is_right);
    assert_eq!(scratch.read("out/elsewhere"), "i am f2\n", "what was moved away is left alone");
    fs::write(&f4, "not wanted").unwrap();
    agent.until("f4 goes away again", || !f4.exists());
    // The agent puts files back while they are being removed.
    let gone = (0..1000).any(|_| fs::remove_dir_all(scratch.path("out")).is_ok());
    assert!(gone, "the agent is faster than the file system");
    agent.until("all comes back after its directory was removed", || {
        is_right() && scratch.path("out/f1").exists() && scratch.path("out/f3").exists()
    });
    fs::rename(scratch.path("out"), scratch.path("away")).unwrap();
    agent.until("all comes back after its directory was moved away", is_right);
    fs::write(&f2, "overwritten again").unwrap();
    agent.until("and is watched there", is_right);
}
