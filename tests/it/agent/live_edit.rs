//! The file edited while it runs.

use std::collections::BTreeMap;
use std::fs;

use super::scratch::{Agent, Scratch};

fn graph(resources: &[(&str, &str)], edges: &[(&str, &str)]) -> String {
    let mut text = "graph: live\nresources:\n  file:\n".to_owned();
    for (name, content) in resources {
        text += &format!("  - name: {name}\n    path: DIR/{name}\n    content: {content}\n");
    }
    text += "edges:\n";
    for (from, to) in edges {
        text += &format!("- from: {{kind: file, name: {from}}}\n  to: {{kind: file, name: {to}}}\n");
    }
    text
}

/// Ends the agent; how often it checked each vertex of its last graph.
fn checks(scratch: &Scratch, agent: Agent) -> BTreeMap<String, u64> {
    agent.signal(rustix::process::Signal::INT);
    let (status, log) = agent.end();
    assert!(status.success(), "{log}");
    let report: serde_json::Value = serde_json::from_str(&scratch.read("report")).unwrap();
    let rows = report["rows"].as_array().unwrap();
    rows.iter()
        .map(|row| (row["name"].as_str().unwrap().to_owned(), row["checks"].as_u64().unwrap()))
        .collect()
}

#[test]
fn exactly_the_touched_vertices_run() {
    let scratch = Scratch::new();
    let first = graph(&[("same", "one"), ("changed", "one"), ("removed", "one")], &[]);
    let agent = scratch.agent(&first, &["--report", "report"]);
    let second = graph(&[("same", "one"), ("changed", "two"), ("added", "one")], &[("same", "changed")]);
    scratch.save("graph.yaml", &second);
    agent.until("the change is there", || {
        scratch.path("added").exists()
            && fs::read_to_string(scratch.path("changed")).is_ok_and(|text| text == "two")
    });
    assert!(scratch.path("removed").exists(), "what leaves the graph is left as it is");
    agent.until_said("the graph runs", 2);
    let checks = checks(&scratch, agent);
    let expected = [("added", 1), ("changed", 1), ("same", 1)];
    assert_eq!(checks, expected.into_iter().map(|(name, count)| (name.to_owned(), count)).collect());
}

#[test]
fn an_edge_alone_runs_nothing() {
    let scratch = Scratch::new();
    let resources = [("a", "one"), ("b", "one")];
    let agent = scratch.agent(&graph(&resources, &[]), &["--report", "report"]);
    scratch.save("graph.yaml", &graph(&resources, &[("a", "b")]));
    agent.until_said("the graph runs", 2);
    assert_eq!(checks(&scratch, agent).values().copied().collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_syntax_error_leaves_the_old_graph_running_and_is_shown_once() {
    let scratch = Scratch::new();
    let agent = scratch.agent(&graph(&[("a", "one")], &[]), &[]);
    scratch.save("graph.yaml", "graph: live\nresources:\n  file:\n  - name: a\n    pth: /nowhere\n");
    agent.until_said("graph.yaml:5:5", 1);
    fs::remove_file(scratch.path("a")).unwrap();
    agent.until("the old graph is still kept", || scratch.path("a").exists());
    scratch.save("graph.yaml", &graph(&[("a", "two")], &[]));
    agent.until("the mended graph runs", || {
        fs::read_to_string(scratch.path("a")).is_ok_and(|text| text == "two")
    });
    assert_eq!(agent.log().matches("graph.yaml:5:5").count(), 1, "{}", agent.log());
    assert!(agent.log().contains("did you mean"), "{}", agent.log());
}

#[test]
fn a_graph_written_in_place_is_read_when_it_is_complete() {
    let scratch = Scratch::new();
    let agent = scratch.agent(&graph(&[("a", "one")], &[]), &[]);
    scratch.write("graph.yaml", &graph(&[("a", "two")], &[]));
    agent.until("the change is there", || {
        fs::read_to_string(scratch.path("a")).is_ok_and(|text| text == "two")
    });
    assert!(!agent.log().contains("error"), "{}", agent.log());
}

#[test]
fn sighup_reads_again_and_reports_what_is_still_wrong() {
    let scratch = Scratch::new();
    let agent = scratch.agent(&graph(&[("a", "one")], &[]), &[]);
    fs::remove_file(scratch.path("graph.yaml")).unwrap();
    agent.signal(rustix::process::Signal::HUP);
    agent.until_said("graph.yaml", 1);
    scratch.save("graph.yaml", &graph(&[("a", "two")], &[]));
    agent.until("it goes on", || fs::read_to_string(scratch.path("a")).is_ok_and(|text| text == "two"));
}
