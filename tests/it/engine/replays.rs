//! A recorded run, replayed, is as the live one was.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use mgmt::engine::replay::Replay;
use mgmt::engine::runtime::record::{self, Recorder};
use mgmt::engine::runtime::snapshot::Rows;
use mgmt::engine::sched::Limits;
use mgmt::engine::value::Value;

use super::toy::{Bench, toy};

/// Records a run in which one fails, one is blocked, and others are put right and damaged. Gives the states at its end.
async fn recorded(path: &Path) -> Vec<(String, String)> {
    let mut bench = Bench::with(|config| {
        config.limits = Limits { converged_after: Some(std::time::Duration::ZERO), ..config.limits };
        config.record = Some(Recorder::create(path, config.limits).unwrap());
    });
    let bad = || toy("bad").param("fails", Value::Bool(true));
    let edges = [("a", "b", true), ("bad", "behind", false)];
    bench.swap(vec![toy("a"), toy("b"), bad(), toy("behind")], &edges).await;
    bench.until("converged true").await;
    bench.world.damage("a");
    bench.until("changed b").await;
    bench.swap(vec![toy("a"), toy("b"), bad(), toy("behind"), toy("late")], &edges).await;
    bench.until("changed late").await;
    bench.until("converged true").await;
    let snapshot = bench.engine.snapshot(Rows::All).await.unwrap();
    bench.engine.stop(mgmt::engine::sched::StopLevel::Finish);
    bench.until("stopped").await;
    snapshot.rows.into_iter().map(|row| (row.label.to_string(), row.state)).collect()
}

fn states(path: &Path) -> Vec<(String, String)> {
    let (limits, lines) = record::read(path).unwrap();
    let mut replay = Replay::new(limits);
    for line in &lines {
        replay.take(line);
    }
    let vertices = replay.vertices();
    vertices.iter().map(|(_, life, state)| (life.label.to_string(), state.name().to_owned())).collect()
}

fn replay(path: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mgmt")).arg("replay").arg(path).args(args).output().unwrap()
}

#[tokio::test]
async fn states_are_those_of_the_live_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.rec");
    let live = recorded(&path).await;
    assert_eq!(states(&path), live);
    let said = replay(&path, &[]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("blocked   toy[\"behind\"]: by toy[\"bad\"], which failed at "), "{said}");
    assert!(said.contains("ok        toy[\"b\"]: checked at "), "{said}");
    assert!(said.contains("toy[\"a\"] changed: a refresh"), "{said}");
}

#[tokio::test]
async fn a_moment_before_the_end_is_shown_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.rec");
    recorded(&path).await;
    let said = String::from_utf8(replay(&path, &["--at", "+1"]).stdout).unwrap();
    assert!(said.contains("waiting   toy[\"b\"]: for toy[\"a\"] (checking)"), "{said}");
    let empty = String::from_utf8(replay(&path, &["--at", "+0", "--json"]).stdout).unwrap();
    let empty: serde_json::Value = serde_json::from_str(&empty).unwrap();
    assert_eq!(empty["vertices"].as_array().unwrap().len(), 0);
    let events = String::from_utf8(replay(&path, &["--events"]).stdout).unwrap();
    assert!(events.contains("the graph changes: 4 come, 0 leave, 2 edges differ"), "{events}");
    assert!(events.contains("-> toy[\"behind\"] is blocked by toy[\"bad\"]"), "{events}");
}

#[tokio::test]
async fn a_last_line_that_was_cut_off_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.rec");
    let live = recorded(&path).await;
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"at\":99,\"eve").unwrap();
    assert_eq!(states(&path), live);
    assert!(replay(&path, &[]).status.success());
}

#[test]
fn what_is_no_recording_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes");
    std::fs::write(&path, "buy milk\n").unwrap();
    let refused = replay(&path, &[]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("is not a recording of this version of mgmt"), "{said}");
}
