//! What fails, what that holds up, and what it does not.

use super::scratch::{Scratch, stderr, stdout};

const FAILING: &str = r#"
graph: failing
resources:
  exec:
  - name: bad
    cmd: /bin/false
  - name: after
    cmd: touch DIR/after
  - name: last
    cmd: touch DIR/last
  file:
  - name: free
    path: DIR/free
    content: free
edges:
- from: {kind: exec, name: bad}
  to: {kind: exec, name: after}
- from: {kind: exec, name: after}
  to: {kind: exec, name: last}
"#;

#[test]
fn the_branch_that_is_free_converges_and_the_rest_is_named() {
    let scratch = Scratch::new();
    let output = scratch.once(FAILING);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(scratch.read("free"), "free");
    assert!(!scratch.path("after").exists() && !scratch.path("last").exists());
    let summary = stdout(&output);
    assert!(summary.contains("1 ok (1 changed), 1 failed, 2 blocked"), "{summary}");
    assert!(summary.contains(r#"blocked exec["after"] by exec["bad"]"#), "{summary}");
    assert!(summary.contains(r#"blocked exec["last"] by exec["bad"]"#), "{summary}");
    let log = stderr(&output);
    assert!(log.contains("graph.yaml:5:5") && log.contains("declared here"), "{log}");
}

#[test]
fn retries_are_made_and_counted() {
    let scratch = Scratch::new();
    let output = scratch.once(
        r#"
graph: retries
resources:
  exec:
  - name: third
    cmd: echo try >> DIR/tries; test "$(wc -l < DIR/tries)" -ge 3
    shell: /bin/sh
    meta: {retry: 5, delay: 10}
"#,
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(scratch.read("tries").lines().count(), 3);
}

#[test]
fn what_fails_as_before_is_told_once_counted_and_told_again_when_it_is_well() {
    let scratch = Scratch::new();
    let graph = r#"
graph: bell
resources:
  exec:
  - name: bad
    cmd: echo try >> DIR/tries; cat DIR/why >&2; test -e DIR/mended
    shell: /bin/sh
    watchfiles: [DIR/bell]
  - name: after
    cmd: touch DIR/after
edges:
- from: {kind: exec, name: bad}
  to: {kind: exec, name: after}
"#;
    scratch.save("why", "first reason");
    let agent = scratch.agent(graph, &[]);
    let tries = || scratch.read("tries").lines().count();
    let ring = |times: usize| {
        for _ in 0..times {
            let before = tries();
            scratch.save("bell", &format!("{before}"));
            agent.until("it is tried again", || tries() > before);
        }
    };
    ring(3);
    assert_eq!(agent.log().matches("first reason").count(), 1, "{}", agent.log());
    scratch.save("why", "second reason");
    ring(3);
    agent.until_said("second reason", 1);
    let log = agent.log();
    assert_eq!(log.matches("cannot apply exec[\"bad\"]").count(), 2, "{log}");
    assert_eq!(log.matches("is blocked by a failure").count(), 1, "{log}");
    scratch.save("mended", "");
    scratch.save("bell", "now");
    agent.until("what waited has run", || scratch.path("after").exists());
    agent.until_said("exec[\"bad\"] is well again failures=", 1);
    let log = agent.log();
    let count = log.split("is well again failures=").nth(1).and_then(|rest| rest.split_whitespace().next());
    let failures: usize = count.unwrap().parse().unwrap();
    // One try at the least for each ring, and the last one was well.
    assert!((6..tries()).contains(&failures), "{failures} of {}: {log}", tries());
}

#[test]
fn a_timeout_ends_what_takes_too_long() {
    let scratch = Scratch::new();
    let output = scratch.once(
        "graph: slow\nresources:\n  exec:\n  - name: slow\n    cmd: sleep 600\n    meta: {timeout: 100}\n",
    );
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(stderr(&output).contains("not done after 100 ms"), "{output:?}");
}

#[test]
fn noop_of_one_resource_or_of_all_changes_nothing() {
    let scratch = Scratch::new();
    let graph = r#"
graph: careful
resources:
  file:
  - name: not this
    path: DIR/not
    content: x
    meta: {noop: true}
  - name: but this
    path: DIR/but
    content: x
"#;
    let output = scratch.once(graph);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!scratch.path("not").exists() && scratch.path("but").exists());
    std::fs::remove_file(scratch.path("but")).unwrap();
    let output = scratch.output(&["run", "--noop", "--converged-timeout", "0", "graph.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!scratch.path("not").exists() && !scratch.path("but").exists());
    assert!(stdout(&output).contains("2 would change"), "{output:?}");
}

#[test]
fn a_semaphore_and_the_option_for_all_admit_one_at_a_time() {
    let scratch = Scratch::new();
    // Each notes that it runs, and fails if another does.
    let one = |name: &str, meta: &str| {
        format!(
            "  - name: {name}\n    cmd: mkdir DIR/busy && sleep 0.05 && rmdir DIR/busy\n    shell: /bin/sh\n{meta}"
        )
    };
    let graph = |meta: &str| {
        let names = ["a", "b", "c", "d"];
        let execs: String = names.iter().map(|name| one(name, meta)).collect();
        format!("graph: one at a time\nresources:\n  exec:\n{execs}")
    };
    let output = scratch.once(&graph("    meta: {sema: [\"only:1\"]}\n"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    scratch.write("graph.yaml", &graph(""));
    let output = scratch.output(&["run", "--sema", "1", "--converged-timeout", "0", "graph.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_polled_file_is_repaired_without_a_watch() {
    let scratch = Scratch::new();
    let agent = scratch.agent(
        "graph: polled\nresources:\n  file:\n  - name: f\n    path: DIR/f\n    content: x\n    meta: {poll: 1}\n",
        &[],
    );
    std::fs::remove_file(scratch.path("f")).unwrap();
    agent.until("it comes back at the next poll", || scratch.path("f").exists());
}

#[test]
fn four_execs_of_one_length_three_in_a_chain_take_their_order() {
    let scratch = Scratch::new();
    let exec = |name: &str| {
        format!(
            "  - name: {name}\n    cmd: echo start {name} >> DIR/log; sleep 0.2; echo end {name} >> DIR/log\n    shell: /bin/sh\n"
        )
    };
    let execs: String = ["one", "two", "three", "free"].iter().map(|name| exec(name)).collect();
    let output = scratch.once(&format!(
        "graph: parallel\nresources:\n  exec:\n{execs}edges:\n\
         - from: {{kind: exec, name: one}}\n  to: {{kind: exec, name: two}}\n\
         - from: {{kind: exec, name: two}}\n  to: {{kind: exec, name: three}}\n"
    ));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let log = scratch.read("log");
    let at = |line: &str| log.lines().position(|known| known == line).unwrap();
    assert!(at("end one") < at("start two") && at("end two") < at("start three"), "{log}");
    assert!(at("start free") < at("end one"), "the free one ran beside the first\n{log}");
}
