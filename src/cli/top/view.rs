//! One frame.

mod panes;

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use super::app::{App, duration_us};
use crate::agent::control::protocol::Status;
use crate::cli::spoken::{self, number, time};
use crate::engine::runtime::snapshot;

/// Columns from which on there is room for the pane at the right.
const WIDE: u16 = 100;
/// The width of that pane.
const SIDE: u16 = 36;

const DIM: Style = Style::new().fg(Color::DarkGray);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

/// The colour of a state: green is well, red is not, yellow is being seen to.
fn ink(state: &str) -> Color {
    match state {
        "ok" => Color::Green,
        "failed" | "blocked" => Color::Red,
        "retrying" => Color::Magenta,
        "checking" | "applying" => Color::Yellow,
        _ => Color::Cyan,
    }
}

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, app: &mut App) {
    let status = app.status.take();
    let failing = status.as_ref().map_or(0, |status| panes::failing(status).count());
    let why = if failing == 0 { 0 } else { (failing as u16 * 3 + 1).min(frame.area().height / 3).max(3) };
    let [head, bar, counts, body, why, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Fill(1),
        Constraint::Length(why),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(header(app, status.as_deref(), head.width), head);
    match &status {
        Some(status) => {
            frame.render_widget(stacked(status, bar.width), bar);
            frame.render_widget(sums(status), counts);
            let side = if body.width >= WIDE { SIDE } else { 0 };
            let [rows, side] =
                Layout::horizontal([Constraint::Fill(1), Constraint::Length(side)]).areas(body);
            table(frame, app, status, rows);
            panes::side(frame, app, status, side);
            panes::why(frame, status, why);
        }
        None => panes::nobody(frame, app, body),
    }
    frame.render_widget(footer(app, status.as_deref()), foot);
    if app.help {
        panes::help(frame);
    }
    app.status = status;
}

fn verdict(status: &Status) -> (&'static str, Color) {
    let snapshot = &status.snapshot;
    let bad = snapshot.counts.failed + snapshot.counts.blocked > 0;
    match (snapshot.settled, bad) {
        (true, true) => ("not all is well", Color::Red),
        (true, false) if snapshot.converged => ("converged", Color::Green),
        (true, false) => ("all is well", Color::Green),
        (false, true) => ("at work, not all is well", Color::Red),
        (false, false) => ("at work", Color::Yellow),
    }
}

fn header(app: &App, status: Option<&Status>, width: u16) -> Line<'static> {
    let mut left = vec![Span::styled(" mgmt ", BOLD.add_modifier(Modifier::REVERSED)), Span::raw(" ")];
    let mut right = String::new();
    if let Some(status) = status {
        let (agent, snapshot) = (&status.agent, &status.snapshot);
        let graph = if snapshot.graph.is_empty() { "(no graph)" } else { &snapshot.graph };
        left.push(Span::styled(graph.to_owned(), BOLD));
        let (verdict, color) = match &app.absent {
            Some(_) => ("the agent is gone; looking for it", Color::Red),
            None => verdict(status),
        };
        left.push(Span::styled(format!("  ● {verdict}"), Style::new().fg(color)));
        if agent.noop {
            left.push(Span::styled("  noop", Style::new().fg(Color::Yellow)));
        }
        let up = time(Duration::from_millis(snapshot.uptime_ms));
        right = format!("up {up} · process {} · mgmt {} ", agent.pid, agent.version);
    }
    let used: usize = left.iter().map(Span::width).sum();
    let room = usize::from(width).saturating_sub(used + 1);
    if right.chars().count() <= room {
        left.push(Span::styled(format!("{right:>room$} "), DIM));
    }
    Line::from(left)
}

/// All vertices as one bar, each state as wide as its share; what there is of is seen, be it one in ten thousand.
fn stacked(status: &Status, width: u16) -> Line<'static> {
    let counts = &status.snapshot.counts;
    let (total, mut room) = (u64::from(counts.total()), u64::from(width));
    let mut parts: Vec<(Color, u64)> = Vec::new();
    // What is well comes last, and takes what is left.
    for (state, count) in counts.by_state().into_iter().rev().filter(|(_, count)| *count > 0) {
        let share = (u64::from(count) * u64::from(width) / total).max(1).min(room);
        let share = if state == "ok" { room } else { share };
        room -= share;
        parts.push((ink(state), share));
    }
    if let Some(last) = parts.last_mut() {
        last.1 += room;
    }
    let bar = |(color, share): &(Color, u64)| {
        Span::styled("━".repeat(usize::try_from(*share).unwrap_or(0)), Style::new().fg(*color))
    };
    Line::from(parts.iter().rev().map(bar).collect::<Vec<_>>())
}

fn sums(status: &Status) -> Line<'static> {
    let snapshot = &status.snapshot;
    let mut spans = vec![Span::raw(" ")];
    for (state, count) in snapshot.counts.by_state() {
        if count > 0 || state == "ok" {
            let style = Style::new().fg(ink(state));
            spans.push(Span::styled(number(count), style.add_modifier(Modifier::BOLD)));
            spans.push(Span::styled(format!(" {state}   "), style));
        }
    }
    let done = [(snapshot.checks, "check"), (snapshot.changes, "repair"), (snapshot.failures, "failure")];
    spans.push(Span::styled(done.map(|(times, what)| spoken::count(times, what)).join(" · "), DIM));
    Line::from(spans)
}

fn table(frame: &mut Frame<'_>, app: &mut App, status: &Status, area: Rect) {
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(8),
    ];
    let right = |text: String| Cell::from(Line::from(text).right_aligned());
    let head = Row::new([
        Cell::from(" resource"),
        Cell::from("state"),
        right("took".into()),
        right("checks".into()),
        right("repairs".into()),
    ]);
    let row = |row: &snapshot::Row| {
        let took = time(Duration::from_micros(duration_us(row)));
        let took = if row.checks == 0 && row.running_ms.is_none() { String::new() } else { took };
        Row::new([
            Cell::from(format!(" {}", row.label)),
            Cell::from(Span::styled(row.state.clone(), Style::new().fg(ink(&row.state)))),
            right(took),
            right(number(row.checks)),
            right(number(row.changes)),
        ])
    };
    let table = Table::new(status.snapshot.rows.iter().map(row), widths)
        .header(head.style(DIM.add_modifier(Modifier::UNDERLINED)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(table, area, &mut app.table);
}

fn footer(app: &App, status: Option<&Status>) -> Paragraph<'static> {
    let search = app.search.borrow().clone();
    if app.typing {
        let line = vec![Span::styled(" / ", BOLD), Span::raw(search), Span::styled("▏", BOLD)];
        return Paragraph::new(Line::from(line));
    }
    let mut spans = Vec::new();
    for (key, what) in [("q", "quit"), ("↑↓", "scroll"), ("s", "sort"), ("/", "search"), ("?", "help")] {
        spans.push(Span::styled(format!(" {key}"), BOLD));
        spans.push(Span::styled(format!(" {what} "), DIM));
    }
    spans.push(Span::styled(format!("  by {}", app.sort.name()), DIM));
    if !search.is_empty() {
        spans.push(Span::raw(format!("  search: {search}")));
    }
    if let Some(omitted) = status.map(|status| status.snapshot.omitted).filter(|omitted| *omitted > 0) {
        spans.push(Span::styled(format!("  {} more not shown", number(omitted)), DIM));
    }
    Paragraph::new(Line::from(spans))
}

#[cfg(test)]
mod tests;
