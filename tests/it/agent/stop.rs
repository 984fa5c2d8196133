//! ^C, ^C^C, ^C^C^C, SIGTERM.

use rustix::process::Signal;

use super::scratch::{Agent, Scratch};

/// A chain of two; the first says when it runs, ignores SIGTERM if asked to, and never ends by itself.
fn sleeper(scratch: &Scratch, trap: &str) -> Agent {
    scratch.write(
        "graph.yaml",
        &format!(
            "graph: sleepers\nresources:\n  exec:\n  - name: first\n    shell: /bin/sh\n    \
             cmd: {trap} echo $$ > DIR/pid.new; mv DIR/pid.new DIR/pid; while :; do sleep 0.05; test -e DIR/go && exit 0; done\n  \
             - name: second\n    cmd: touch DIR/second\n    shell: /bin/sh\nedges:\n\
             - from: {{kind: exec, name: first}}\n  to: {{kind: exec, name: second}}\n"
        ),
    );
    let agent = Agent::start(scratch.mgmt(&["run", "graph.yaml"]));
    agent.until("the first runs", || scratch.path("pid").exists());
    agent
}

fn is_alive(scratch: &Scratch) -> bool {
    std::path::Path::new(&format!("/proc/{}", scratch.read("pid").trim())).exists()
}

#[test]
fn the_first_lets_what_runs_finish_and_starts_nothing_new() {
    let scratch = Scratch::new();
    let agent = sleeper(&scratch, "");
    agent.signal(Signal::INT);
    agent.until_said("stops", 1);
    assert!(is_alive(&scratch));
    scratch.write("go", "");
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!scratch.path("second").exists(), "{log}");
}

#[test]
fn the_second_ends_what_runs_by_its_signal() {
    let scratch = Scratch::new();
    let agent = sleeper(&scratch, "");
    agent.signal(Signal::INT);
    agent.until_said("stops", 1);
    agent.signal(Signal::INT);
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!is_alive(&scratch) && !scratch.path("second").exists(), "{log}");
}

#[test]
fn the_third_kills_what_does_not_listen() {
    let scratch = Scratch::new();
    let agent = sleeper(&scratch, "trap '' TERM;");
    agent.signal(Signal::INT);
    agent.until_said("stops", 1);
    agent.signal(Signal::INT);
    agent.until_said("cancels", 1);
    assert!(is_alive(&scratch), "it ignores the signal");
    agent.signal(Signal::INT);
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!is_alive(&scratch), "{log}");
}

#[test]
fn an_idle_agent_ends_at_once() {
    let scratch = Scratch::new();
    let agent = scratch
        .agent("graph: idle\nresources:\n  file:\n  - name: f\n    path: DIR/f\n    content: x\n", &[]);
    agent.signal(Signal::TERM);
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn while_a_failing_exec_waits_for_its_retry_one_is_enough() {
    let scratch = Scratch::new();
    scratch.write(
        "graph.yaml",
        "graph: retrying\nresources:\n  exec:\n  - name: bad\n    cmd: /bin/false\n    meta: {retry: 10, delay: 600000}\n",
    );
    let agent = Agent::start(scratch.mgmt(&["run", "graph.yaml"]));
    agent.until_said("retries left", 1);
    agent.signal(Signal::INT);
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(0), "{log}");
}
