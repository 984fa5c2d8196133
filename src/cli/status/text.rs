//! A status for people.

use std::fmt::Write as _;
use std::time::Duration;

use crate::agent::control::protocol::{HostsFacts, MeshFacts, Status};
use crate::cli::spoken::{count, harmless, number, time};
use crate::engine::id::Label;
use crate::engine::runtime::snapshot::{Row, Snapshot};

/// So many of a list are named, the rest counted.
const NAMED: usize = 8;
/// So many failures are shown in full.
const FAILURES: usize = 50;
/// So many that are under way are shown.
const UNDER_WAY: usize = 10;

const RED: &str = "1;31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BLUE: &str = "1;34";
const BOLD: &str = "1";
const DIM: &str = "2";

struct Page {
    out: String,
    color: bool,
}

/// The whole status; with `all`, a table of every resource.
pub(super) fn render(status: &Status, hosts: Option<&HostsFacts>, all: bool, color: bool) -> String {
    let mut page = Page { out: String::new(), color };
    page.head(status);
    if let Some(hosts) = hosts {
        page.hosts(hosts);
    }
    page.contended(&status.contended);
    page.under_way(&status.snapshot);
    page.failures(&status.snapshot);
    page.differing(&status.snapshot);
    if all {
        page.table(&status.snapshot.rows);
    }
    page.out
}

/// The status in one line, without times, so that it changes only when something does.
pub(super) fn line(status: &Status) -> String {
    let snapshot = &status.snapshot;
    let bad: Vec<&Row> = snapshot.rows.iter().filter(|row| row.state == "failed").collect();
    let mut line = format!("{}: {}, {}", graph(snapshot), verdict(status).0, counts(snapshot));
    if !bad.is_empty() {
        let _ = write!(line, "; failed: {}", named(bad.iter().map(|row| &row.label), bad.len()));
    }
    if !status.contended.is_empty() {
        let _ = write!(line, "; contended: {}", named(status.contended.iter(), status.contended.len()));
    }
    line + "\n"
}

fn graph(snapshot: &Snapshot) -> String {
    if snapshot.graph.is_empty() { "(no graph)".to_owned() } else { harmless(&snapshot.graph) }
}

/// How it is in a word, and the colour of it.
fn verdict(status: &Status) -> (&'static str, &'static str) {
    let snapshot = &status.snapshot;
    let bad = snapshot.counts.failed + snapshot.counts.blocked > 0;
    match (snapshot.settled, bad) {
        (true, true) => ("settled, not all is well", RED),
        (true, false) if snapshot.converged => ("converged", GREEN),
        (true, false) => ("settled, all is well", GREEN),
        (false, true) => ("at work, not all is well", RED),
        (false, false) => ("at work", YELLOW),
    }
}

fn counts(snapshot: &Snapshot) -> String {
    let by_state = snapshot.counts.by_state();
    let shown = by_state.iter().filter(|(state, count)| *count > 0 || *state == "ok");
    shown.map(|(state, count)| format!("{} {state}", number(*count))).collect::<Vec<_>>().join(", ")
}

fn named<'a>(labels: impl Iterator<Item = &'a Label>, all: usize) -> String {
    let mut names: Vec<String> = labels.take(NAMED).map(ToString::to_string).collect();
    if all > names.len() {
        names.push(format!("{} more", number((all - names.len()) as u64)));
    }
    names.join(", ")
}

impl Page {
    fn paint(&self, ink: &str, text: &str) -> String {
        if self.color { format!("\x1b[{ink}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn head(&mut self, status: &Status) {
        let (agent, snapshot) = (&status.agent, &status.snapshot);
        let (verdict, ink) = verdict(status);
        let up = time(Duration::from_millis(snapshot.uptime_ms));
        let title = self.paint(BOLD, &graph(snapshot));
        let verdict = self.paint(ink, verdict);
        self.line(&format!("{title}: {verdict}"));
        let noop = if agent.noop { ", changes nothing (noop)" } else { "" };
        let file = agent.file.as_deref().map_or_else(|| "the empty graph".to_owned(), harmless);
        let facts = format!("{file}, process {}, mgmt {}, up {up}{noop}", agent.pid, agent.version);
        let facts = self.paint(DIM, &facts);
        self.line(&facts);
        let mut shown = Vec::new();
        for (state, many) in snapshot.counts.by_state().into_iter().filter(|(_, many)| *many > 0) {
            let ink = match state {
                "failed" | "blocked" | "retrying" => RED,
                "ok" => GREEN,
                _ => YELLOW,
            };
            shown.push(self.paint(ink, &format!("{} {state}", number(many))));
        }
        let shown = if shown.is_empty() { "nothing to look after".to_owned() } else { shown.join(", ") };
        let done = [(snapshot.checks, "check"), (snapshot.changes, "repair"), (snapshot.failures, "failure")];
        let done = done.map(|(times, what)| count(times, what)).join(", ");
        self.line(&format!("{shown}; {done} since the start"));
        if let Some(mesh) = &status.mesh {
            self.mesh(mesh);
        }
    }

    fn mesh(&mut self, mesh: &MeshFacts) {
        let host = harmless(&mesh.host);
        let role = match (&mesh.through, mesh.carries) {
            (_, true) => "carries the store".to_owned(),
            (Some(through), false) => format!("uses the store at {}", harmless(through)),
            (None, false) => "looks for the store".to_owned(),
        };
        let waiting = match mesh.waiting {
            0 => String::new(),
            1 => ", 1 write waits for it".to_owned(),
            waiting => format!(", {} wait for it", count(waiting as u64, "write")),
        };
        let (ink, text) = match (&mesh.failed, mesh.away_s) {
            (Some(failed), _) => (RED, format!("apart: {}", harmless(failed))),
            (None, Some(away)) => {
                let away = time(Duration::from_secs(away));
                (RED, format!("the store has been away for {away}: what was seen last is used{waiting}"))
            }
            (None, None) => (DIM, format!("{role}{waiting}")),
        };
        let text = self.paint(ink, &format!("mesh: host {host}, {text}"));
        self.line(&text);
    }

    fn hosts(&mut self, hosts: &HostsFacts) {
        let HostsFacts { present, converged, failing_count, .. } = hosts;
        let ink = match (*failing_count, converged == present && *present == hosts.hosts) {
            (0, true) => DIM,
            (0, false) => YELLOW,
            (_, _) => RED,
        };
        let (present, converged) = (number(*present as u64), number(*converged as u64));
        let text = format!("{}: {present} there, {converged} converged", count(hosts.hosts as u64, "host"));
        let text = self.paint(ink, &text);
        self.line(&text);
        for failing in hosts.failing.iter().take(NAMED) {
            let blocked = match failing.blocked {
                0 => String::new(),
                blocked => format!(", {} blocked", number(u64::from(blocked))),
            };
            let failed = number(u64::from(failing.failed));
            self.line(&format!("  {}: {failed} failed{blocked}", harmless(&failing.host)));
        }
        if *failing_count > NAMED {
            let more = number((failing_count - NAMED) as u64);
            self.line(&format!("  and {more} more where something has failed"));
        }
        if !hosts.away.is_empty() {
            let names: Vec<String> = hosts.away.iter().take(NAMED).map(|host| harmless(host)).collect();
            let away = hosts.hosts - hosts.present;
            let more = if away > names.len() {
                format!(", {} more", number((away - names.len()) as u64))
            } else {
                String::new()
            };
            self.line(&format!("  away: {}{more}", names.join(", ")));
        }
    }

    fn contended(&mut self, labels: &[Label]) {
        if labels.is_empty() {
            return;
        }
        let heading = self.paint(YELLOW, "contended");
        let who = named(labels.iter(), labels.len());
        self.line(&format!("\n{heading}: {who}"));
        self.note(
            "hint",
            "does something else write it, or does it touch what it watches? It is tried once a second",
        );
    }

    fn under_way(&mut self, snapshot: &Snapshot) {
        let mut running: Vec<&Row> = snapshot.rows.iter().filter(|row| row.running_ms.is_some()).collect();
        running.sort_by_key(|row| std::cmp::Reverse(row.running_ms));
        if running.is_empty() {
            return;
        }
        self.line("");
        for row in running.iter().take(UNDER_WAY) {
            let since = time(Duration::from_millis(row.running_ms.unwrap_or_default()));
            let state = self.paint(YELLOW, &row.state);
            self.line(&format!("{state} {} for {since}", row.label));
        }
        if running.len() > UNDER_WAY {
            self.line(&format!("and {} more", running.len() - UNDER_WAY));
        }
    }

    /// What fails, and why; beneath each, what it blocks.
    fn failures(&mut self, snapshot: &Snapshot) {
        let failing: Vec<&Row> =
            snapshot.rows.iter().filter(|row| matches!(row.state.as_str(), "failed" | "retrying")).collect();
        for row in failing.iter().take(FAILURES) {
            let blocked: Vec<&Row> =
                snapshot.rows.iter().filter(|other| other.blocked_by.as_ref() == Some(&row.label)).collect();
            self.line("");
            self.failure(row, &blocked);
        }
        if failing.len() > FAILURES {
            self.line(&format!("\nand {} more that fail; --json has them all", failing.len() - FAILURES));
        }
    }

    fn failure(&mut self, row: &Row, blocked: &[&Row]) {
        let heading = self.paint(RED, "error");
        let label = self.paint(BOLD, &format!(": cannot apply {}", row.label));
        self.line(&format!("{heading}{label}"));
        if let Some(origin) = &row.origin {
            let arrow = self.paint(BLUE, " -->");
            self.line(&format!("{arrow} {}", harmless(origin)));
        }
        if let Some(error) = &row.error {
            self.note("cause", error);
        }
        if let Some(hint) = &row.hint {
            self.note("hint", hint);
        }
        if let Some(wait) = row.retry_in_ms {
            self.note("next", &format!("tried again in {}", time(Duration::from_millis(wait))));
        }
        if !blocked.is_empty() {
            self.note("blocks", &named(blocked.iter().map(|row| &row.label), blocked.len()));
        }
    }

    fn note(&mut self, what: &str, text: &str) {
        let mark = self.paint(BLUE, "  =");
        let indent = " ".repeat(what.len() + 6);
        let text = harmless(text.trim_end()).replace('\n', &format!("\n{indent}"));
        self.line(&format!("{mark} {what}: {text}"));
    }

    /// Under noop: what would change.
    fn differing(&mut self, snapshot: &Snapshot) {
        let differing: Vec<&Row> = snapshot.rows.iter().filter(|row| !row.would_change.is_empty()).collect();
        if differing.is_empty() {
            return;
        }
        self.line("");
        for row in differing.iter().take(FAILURES) {
            let what = harmless(&row.would_change.join(", "));
            self.line(&format!("would change {}: {what}", row.label));
        }
        if differing.len() > FAILURES {
            self.line(&format!("and {} more that would change", differing.len() - FAILURES));
        }
    }

    fn table(&mut self, rows: &[Row]) {
        self.line("");
        let head = format!(
            "{:<9} {:>7} {:>7} {:>7} {:>9}  resource",
            "state", "checks", "repairs", "fails", "last run"
        );
        let head = self.paint(DIM, &head);
        self.line(&head);
        for row in rows {
            let last = time(Duration::from_micros(row.last_run_us));
            self.line(&format!(
                "{:<9} {:>7} {:>7} {:>7} {last:>9}  {}",
                row.state, row.checks, row.changes, row.failures, row.label
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::control::protocol::{AgentFacts, FailingHost};
    use crate::engine::sched::Counts;

    fn row(name: &str, state: &str) -> Row {
        serde_json::from_value(serde_json::json!({
            "kind": "file", "name": name, "state": state,
            "checks": 1, "changes": 0, "failures": 1, "last_run_us": 1200,
        }))
        .unwrap()
    }

    fn status() -> Status {
        let failed = Row {
            error: Some("write /etc/motd: read-only file system\n(os error 30)\x1b[2J".into()),
            hint: Some("remount it".into()),
            origin: Some("site.yaml:3:5".into()),
            ..row("/etc/motd", "failed")
        };
        let blocked = Row { blocked_by: Some(failed.label.clone()), ..row("b", "blocked") };
        Status {
            mesh: None,
            contended: Vec::new(),
            agent: AgentFacts {
                pid: 7,
                version: "1.2.3".into(),
                prefix: "/p".into(),
                file: Some("/etc/site.yaml".into()),
                noop: false,
                converges: false,
            },
            snapshot: Snapshot {
                graph: "site".into(),
                uptime_ms: 192_000,
                settled: true,
                counts: Counts { ok: 9998, failed: 1, blocked: 1, ..Counts::default() },
                checks: 10_000,
                failures: 1,
                rows: vec![blocked, failed],
                ..Snapshot::default()
            },
        }
    }

    #[test]
    fn what_fails_is_said_with_its_cause_place_and_consequence() {
        insta::assert_snapshot!(render(&status(), None, false, false), @r#"
        site: settled, not all is well
        /etc/site.yaml, process 7, mgmt 1.2.3, up 3 m 12 s
        9,998 ok, 1 failed, 1 blocked; 10,000 checks, 0 repairs, 1 failure since the start

        error: cannot apply file["/etc/motd"]
         --> site.yaml:3:5
          = cause: write /etc/motd: read-only file system
                   (os error 30)�[2J
          = hint: remount it
          = blocks: file["b"]
        "#);
    }

    #[test]
    fn what_changes_over_and_over_is_named() {
        let contended: Vec<Label> = (0..9).map(|number| Label::new("file", format!("/f{number}"))).collect();
        let status = Status { contended, ..status() };
        let shown = render(&status, None, false, false);
        let names = "file[\"/f0\"], file[\"/f1\"]";
        assert!(
            shown.contains(&format!("\n\ncontended: {names}")) && shown.contains(", 1 more\n"),
            "{shown}"
        );
        assert!(line(&status).contains(&format!("; contended: {names}")));
    }

    #[test]
    fn the_hosts_of_the_mesh_are_counted_and_those_that_are_not_well_named() {
        let failing = |host: &str, blocked| FailingHost { host: host.into(), failed: 2, blocked };
        let hosts = HostsFacts {
            hosts: 1_200,
            present: 1_190,
            converged: 1_187,
            failing: vec![failing("c", 0), failing("d", 1)],
            failing_count: 2,
            away: (0..10).map(|number| format!("w{number}")).collect(),
        };
        let shown = render(&status(), Some(&hosts), false, false);
        let lines: Vec<&str> = shown.lines().skip(3).take(4).collect();
        assert_eq!(
            lines,
            [
                "1,200 hosts: 1,190 there, 1,187 converged",
                "  c: 2 failed",
                "  d: 2 failed, 1 blocked",
                "  away: w0, w1, w2, w3, w4, w5, w6, w7, 2 more",
            ]
        );
    }

    #[test]
    fn a_line_for_logs_has_no_times() {
        assert_eq!(
            line(&status()),
            "site: settled, not all is well, 9,998 ok, 1 failed, 1 blocked; failed: file[\"/etc/motd\"]\n"
        );
    }
}
