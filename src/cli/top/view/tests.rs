use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::agent::control::ControlError;
use crate::agent::control::protocol::AgentFacts;
use crate::engine::runtime::snapshot::Snapshot;
use crate::engine::sched::Counts;

fn row(name: &str, state: &str) -> snapshot::Row {
    serde_json::from_value(serde_json::json!({
        "kind": "file", "name": name, "state": state,
        "checks": 3, "changes": 1, "failures": 0, "last_run_us": 1200,
    }))
    .unwrap()
}

fn status(rows: Vec<snapshot::Row>, counts: Counts) -> Box<Status> {
    let agent = AgentFacts {
        pid: 77,
        version: "1.2.3".into(),
        prefix: "/p".into(),
        file: None,
        noop: false,
        converges: false,
    };
    let snapshot = Snapshot { graph: "site".into(), settled: true, counts, rows, ..Snapshot::default() };
    Box::new(Status { agent, mesh: None, contended: Vec::new(), snapshot })
}

fn screen(app: &mut App, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, app)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn what_fails_is_on_the_screen_with_its_reason() {
    let mut app = App::new("/p/mgmt.sock".into());
    let mut failed = row("/etc/motd", "failed");
    failed.error = Some("read-only file system".into());
    app.take(Ok(status(vec![failed, row("b", "ok")], Counts { ok: 1, failed: 1, ..Counts::default() })));
    let shown = screen(&mut app, 120, 24);
    for text in [
        "site",
        "not all is well",
        "1 ok",
        "1 failed",
        "what fails and why",
        "read-only file system",
        "process 77",
    ] {
        assert!(shown.contains(text), "{text:?} is not in\n{shown}");
    }
}

#[test]
fn every_size_can_be_drawn() {
    let mut app = App::new("/p/mgmt.sock".into());
    let rows = (0..50).map(|at| row(&at.to_string(), if at < 9 { "failed" } else { "ok" })).collect();
    app.take(Ok(status(rows, Counts { ok: 41, failed: 9, ..Counts::default() })));
    app.help = true;
    for width in 1..130 {
        screen(&mut app, width, 1 + width / 3);
    }
}

#[test]
fn an_agent_that_is_gone_is_said_to_be() {
    let mut app = App::new("/p/mgmt.sock".into());
    app.take(Err(ControlError::NoAgent { socket: "/p/mgmt.sock".into() }));
    assert!(screen(&mut app, 80, 24).contains("no agent answers"));
    app.take(Ok(status(vec![], Counts::default())));
    assert!(screen(&mut app, 80, 24).contains("all is well"));
    app.take(Err(ControlError::NoAgent { socket: "/p/mgmt.sock".into() }));
    assert!(screen(&mut app, 80, 24).contains("the agent is gone"));
}

#[test]
fn one_failure_in_many_is_seen_in_the_bar() {
    let counts = Counts { ok: 99_999, failed: 1, ..Counts::default() };
    let line = stacked(&status(vec![], counts), 40);
    let parts: Vec<(Option<Color>, usize)> = line.spans.iter().map(|it| (it.style.fg, it.width())).collect();
    assert_eq!(parts, [(Some(Color::Green), 39), (Some(Color::Red), 1)]);
}
