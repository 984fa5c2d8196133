//! The panes beside and below the table.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Clear, Paragraph, Sparkline, Wrap};

use super::{BOLD, DIM, ink};
use crate::agent::control::protocol::Status;
use crate::cli::spoken::{number, time};
use crate::cli::top::app::{App, Rate};
use crate::engine::runtime::snapshot::Row;

const HELP: &str = " q, Esc            quit
 ↑ ↓ j k           scroll by a row
 PgUp PgDn Space   scroll by ten
 g G               to the first, to the last
 s                 sort: urgency, name, slowest, repairs
 /                 search in the names of all resources
 Enter, Esc        keep the search, leave it
 ?                 this help

 Sorted by urgency: what fails, is being tried again,
 runs (longest first), is blocked, waits; then the slowest.";

/// Those that fail now, or will be tried again.
pub(super) fn failing(status: &Status) -> impl Iterator<Item = &Row> {
    status.snapshot.rows.iter().filter(|row| matches!(row.state.as_str(), "failed" | "retrying"))
}

fn titled(title: &'static str) -> Block<'static> {
    Block::new().borders(Borders::TOP).border_style(DIM).title(Span::styled(format!(" {title} "), DIM))
}

/// What fails and why.
pub(super) fn why(frame: &mut Frame<'_>, status: &Status, area: Rect) {
    if area.height == 0 {
        return;
    }
    let mut lines = Vec::new();
    for row in failing(status) {
        let blocked =
            status.snapshot.rows.iter().filter(|it| it.blocked_by.as_ref() == Some(&row.label)).count();
        let mut head = vec![Span::styled(format!(" {}", row.label), BOLD.fg(ink(&row.state)))];
        if let Some(origin) = &row.origin {
            head.push(Span::styled(format!("  {origin}"), DIM));
        }
        if let Some(wait) = row.retry_in_ms {
            head.push(Span::raw(format!("  again in {}", time(Duration::from_millis(wait)))));
        }
        if blocked > 0 {
            head.push(Span::styled(
                format!("  blocks {}", number(blocked as u64)),
                Style::new().fg(Color::Red),
            ));
        }
        lines.push(Line::from(head));
        let reason = row.error.as_deref().unwrap_or_default();
        lines.extend(reason.lines().take(4).map(|line| Line::from(format!("   {line}"))));
        if let Some(hint) = &row.hint {
            lines.push(Line::styled(format!("   hint: {hint}"), DIM));
        }
    }
    let pane = Paragraph::new(lines).block(titled("what fails and why")).wrap(Wrap { trim: false });
    frame.render_widget(pane, area);
}

/// Work in each second, and the slowest.
pub(super) fn side(frame: &mut Frame<'_>, app: &App, status: &Status, area: Rect) {
    if area.width == 0 {
        return;
    }
    let block = Block::new().borders(Borders::LEFT).border_style(DIM);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let lines = (inside.height / 4).clamp(1, 4);
    let [checks, checks_line, repairs, repairs_line, _, slowest] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(lines),
        Constraint::Length(1),
        Constraint::Length(lines),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(inside);
    let mut rate = |title: &str, of: fn(&Rate) -> u64, color, (head, line): (Rect, Rect)| {
        let now = app.rates.back().map_or(0, of);
        let title = vec![Span::styled(format!(" {title} a second  "), DIM), Span::styled(number(now), BOLD)];
        frame.render_widget(Line::from(title), head);
        let room = usize::from(line.width).saturating_sub(1);
        let begin = app.rates.len().saturating_sub(room);
        let data: Vec<u64> = app.rates.iter().skip(begin).map(of).collect();
        let line = Rect { x: line.x + 1, width: line.width.saturating_sub(1), ..line };
        // Nothing at all is a flat line, and not an empty place.
        let max = data.iter().copied().max().unwrap_or(0).max(1);
        frame.render_widget(Sparkline::default().data(data).max(max).style(Style::new().fg(color)), line);
    };
    rate("checks", |rate| rate.checks, Color::Cyan, (checks, checks_line));
    rate("repairs", |rate| rate.repairs, Color::Yellow, (repairs, repairs_line));
    let mut lines = vec![Line::styled(" slowest", DIM)];
    for row in &status.snapshot.slowest {
        let took = time(Duration::from_micros(row.last_run_us));
        lines.push(Line::from(vec![
            Span::raw(format!(" {took:>9} ")),
            Span::styled(row.label.to_string(), DIM),
        ]));
    }
    frame.render_widget(Paragraph::new(lines), slowest);
}

/// Nobody has answered yet.
pub(super) fn nobody(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let lines = match &app.absent {
        None => vec![Line::styled(" asking…", DIM)],
        Some(why) => vec![
            Line::styled(format!(" {why}"), Style::new().fg(Color::Red)),
            Line::default(),
            Line::raw(format!(" Looking for an agent at {} every second.", app.socket)),
            Line::styled(
                " Start one with `mgmt run FILE`, or name another's folder: mgmt top --prefix DIR",
                DIM,
            ),
        ],
    };
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), area);
}

/// The keys.
pub(super) fn help(frame: &mut Frame<'_>) {
    let size = HELP.lines().map(|line| line.chars().count()).max().unwrap_or(0) as u16 + 3;
    let height = HELP.lines().count() as u16 + 2;
    let area = frame.area().centered(Constraint::Length(size), Constraint::Length(height));
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(DIM).title(" keys ");
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(HELP).block(block), area);
}
