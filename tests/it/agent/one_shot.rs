//! From cron: summary, exit code, report, status file.

use super::scratch::{Agent, Scratch, stderr, stdout};

const HELLO: &str =
    "graph: hello\nresources:\n  file:\n  - name: hello\n    path: DIR/hello\n    content: hello\n";

#[test]
fn a_second_run_changes_nothing() {
    let scratch = Scratch::new();
    assert!(stdout(&scratch.once(HELLO)).contains("converged: 1 ok (1 changed), 0 failed, 0 blocked"));
    assert!(stdout(&scratch.once(HELLO)).contains("converged: 1 ok (0 changed), 0 failed, 0 blocked"));
}

#[test]
fn the_report_has_a_row_a_resource() {
    let scratch = Scratch::new();
    scratch.write("graph.yaml", HELLO);
    let output =
        scratch.output(&["run", "--report", "report.json", "--converged-timeout", "0", "graph.yaml"]);
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_str(&scratch.read("report.json")).unwrap();
    assert_eq!(report["exit_code"], 0);
    assert_eq!(report["counts"]["ok"], 1);
    let row = &report["rows"][0];
    assert_eq!((row["kind"].as_str(), row["name"].as_str()), (Some("file"), Some("hello")));
    assert_eq!((row["state"].as_str(), row["changes"].as_u64()), (Some("ok"), Some(1)));
    assert!(row["origin"].as_str().unwrap().ends_with("graph.yaml:4:5"), "{row}");
}

#[test]
fn what_cannot_be_written_is_said_before_anything_is_applied() {
    for option in ["--report", "--graphviz", "--converged-status-file", "--record"] {
        let scratch = Scratch::new();
        scratch.write("graph.yaml", HELLO);
        let output = scratch.output(&["run", option, "nowhere/x", "--converged-timeout", "0", "graph.yaml"]);
        assert_eq!(output.status.code(), Some(75), "{option}: {output:?}");
        assert!(
            stderr(&output).contains("nowhere/x") && !scratch.path("hello").exists(),
            "{option}: {output:?}"
        );
    }
}

#[test]
fn a_report_that_gets_lost_does_not_take_the_summary_along() {
    let scratch = Scratch::new();
    scratch.write("graph.yaml", HELLO);
    let output = scratch.output(&["run", "--report", "/dev/full", "--converged-timeout", "0", "graph.yaml"]);
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    assert!(stdout(&output).contains("converged: 1 ok"), "{output:?}");
    assert!(stderr(&output).contains("/dev/full"), "{output:?}");
}

#[test]
fn a_summary_quotes_no_terminal_codes() {
    let scratch = Scratch::new();
    let output = scratch.once(
        "graph: g\nresources:\n  exec:\n  - name: e\n    cmd: printf '\\033[31mred' >&2; exit 1\n    shell: /bin/sh\n",
    );
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(stdout(&output).contains("red") && !stdout(&output).contains('\x1b'), "{output:?}");
}

#[test]
fn options_about_convergence_without_its_time_are_noticed() {
    let scratch = Scratch::new();
    scratch.write("graph.yaml", "graph: g\nresources:\n  exit:\n  - name: leave\n");
    let output = scratch.output(&["run", "--converged-status-file", "status", "graph.yaml"]);
    assert!(stderr(&output).contains("--converger-timeout"), "{output:?}");
}

#[test]
fn a_second_agent_on_the_same_prefix_is_told_who_has_it() {
    let scratch = Scratch::new();
    let agent = scratch.agent(HELLO, &[]);
    let output = scratch.output(&["run", "graph.yaml"]);
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    assert!(stderr(&output).contains(&format!("process {}", agent.pid())), "{output:?}");
}

#[test]
fn out_of_time_is_said_by_the_exit_code() {
    let scratch = Scratch::new();
    scratch.write(
        "graph.yaml",
        "graph: slow\nresources:\n  exec:\n  - name: slow\n    cmd: sleep 600\n    meta: {timeout: 2000}\n",
    );
    let output = scratch.output(&["run", "--max-runtime", "1", "--converged-timeout", "0", "graph.yaml"]);
    assert!(matches!(output.status.code(), Some(3 | 4)), "{output:?}");
    assert!(stderr(&output).contains("the time that it may run is up"), "{output:?}");
}

#[test]
fn the_exit_resource_chooses_the_exit_code() {
    let scratch = Scratch::new();
    scratch.write("graph.yaml", "graph: exit\nresources:\n  exit:\n  - name: leave\n    code: 42\n");
    let output = scratch.output(&["run", "graph.yaml"]);
    assert_eq!(output.status.code(), Some(42), "{output:?}");
}

#[test]
fn a_reader_who_has_left_is_no_failure() {
    let scratch = Scratch::new();
    scratch.write("graph.yaml", HELLO);
    let mut command = scratch.mgmt(&["run", "--converged-timeout", "0", "graph.yaml"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = command.stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn one_file_and_no_network_flags_open_no_port() {
    let scratch = Scratch::new();
    let agent = scratch.agent(HELLO, &[]);
    let inodes: Vec<String> = std::fs::read_dir(format!("/proc/{}/fd", agent.pid()))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let sockets =
            std::fs::read_to_string(format!("/proc/{}/net/{table}", agent.pid())).unwrap_or_default();
        for line in sockets.lines().skip(1) {
            let inode = line.split_whitespace().nth(9).unwrap_or_default();
            assert!(!inodes.iter().any(|own| own == inode), "{table}: {line}");
        }
    }
    Agent::end({
        agent.signal(rustix::process::Signal::INT);
        agent
    });
}
