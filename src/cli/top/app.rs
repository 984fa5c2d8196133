//! What is on the screen, and what keys do to it.

use std::cmp::Reverse;
use std::collections::VecDeque;

use ratatui::crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::widgets::TableState;
use tokio::sync::watch;

use super::ask::Answer;
use crate::agent::control::protocol::Status;
use crate::engine::runtime::snapshot::Row;

/// Seconds of history; no screen is wider.
const HISTORY: usize = 600;
/// The longest search, in bytes.
const LONGEST_SEARCH: usize = 100;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Go,
    Quit,
}

/// The order of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// What fails, what runs longest, what waits, and then the slowest.
    #[default]
    Urgency,
    Name,
    Slowest,
    Repairs,
}

impl Sort {
    fn next(self) -> Self {
        match self {
            Self::Urgency => Self::Name,
            Self::Name => Self::Slowest,
            Self::Slowest => Self::Repairs,
            Self::Repairs => Self::Urgency,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Urgency => "urgency",
            Self::Name => "name",
            Self::Slowest => "slowest",
            Self::Repairs => "repairs",
        }
    }

    fn arrange(self, rows: &mut [Row]) {
        match self {
            // They come so.
            Self::Urgency => {}
            Self::Name => rows.sort_by(|a, b| a.label.cmp(&b.label)),
            Self::Slowest => rows.sort_by_key(|row| Reverse(duration_us(row))),
            Self::Repairs => rows.sort_by_key(|row| Reverse(row.changes)),
        }
    }
}

/// How long the present run has taken, or the last one took.
pub(super) fn duration_us(row: &Row) -> u64 {
    row.running_ms.map_or(row.last_run_us, |ms| ms * 1000)
}

/// Work in a second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rate {
    pub checks: u64,
    pub repairs: u64,
}

/// The state of the program.
#[derive(Debug)]
pub(super) struct App {
    /// Where the agent is looked for.
    pub socket: String,
    /// The last answer; its rows are in the chosen order.
    pub status: Option<Box<Status>>,
    /// Why there was none after it.
    pub absent: Option<String>,
    pub rates: VecDeque<Rate>,
    pub sort: Sort,
    /// What is searched for.
    pub search: watch::Sender<String>,
    /// Keys go into the search.
    pub typing: bool,
    pub help: bool,
    pub table: TableState,
}

impl App {
    pub fn new(socket: String) -> Self {
        Self {
            socket,
            status: None,
            absent: None,
            rates: VecDeque::new(),
            sort: Sort::default(),
            search: watch::Sender::new(String::new()),
            typing: false,
            help: false,
            table: TableState::default().with_selected(0),
        }
    }

    /// Takes in what the agent said.
    pub fn take(&mut self, answer: Answer) {
        let mut status = match answer {
            Ok(status) => status,
            Err(error) => {
                self.absent = Some(error.to_string());
                return;
            }
        };
        self.absent = None;
        self.measure(&status);
        self.sort.arrange(&mut status.snapshot.rows);
        self.status = Some(status);
        self.scroll(0);
    }

    /// Another agent, or the same one anew, begins another history.
    fn measure(&mut self, now: &Status) {
        let before = self.status.as_ref().filter(|before| {
            before.agent.pid == now.agent.pid && before.snapshot.uptime_ms <= now.snapshot.uptime_ms
        });
        let Some(before) = before else {
            self.rates.clear();
            return;
        };
        let (before, now) = (&before.snapshot, &now.snapshot);
        let passed = now.uptime_ms - before.uptime_ms;
        // An answer to a new search comes between two seconds.
        if passed < 500 {
            return;
        }
        let a_second = |before: u64, now: u64| (now.saturating_sub(before) * 1000).div_ceil(passed);
        self.rates.push_back(Rate {
            checks: a_second(before.checks, now.checks),
            repairs: a_second(before.changes, now.changes),
        });
        if self.rates.len() > HISTORY {
            self.rates.pop_front();
        }
    }

    fn scroll(&mut self, by: isize) {
        let rows = self.status.as_ref().map_or(0, |status| status.snapshot.rows.len());
        let at = self.table.selected().unwrap_or(0).saturating_add_signed(by);
        self.table.select(Some(at.min(rows.saturating_sub(1))));
    }

    /// Does what a key asks for.
    pub fn handle(&mut self, event: &Event) -> Flow {
        let Event::Key(key) = event else { return Flow::Go };
        if key.kind == KeyEventKind::Release {
            return Flow::Go;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Flow::Quit;
        }
        if self.typing {
            self.type_search(key.code);
            return Flow::Go;
        }
        match key.code {
            KeyCode::Esc if self.help => self.help = false,
            KeyCode::Esc if !self.search.borrow().is_empty() => self.find(|text| text.clear()),
            KeyCode::Char('q') | KeyCode::Esc => return Flow::Quit,
            KeyCode::Char('?' | 'h') => self.help = !self.help,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Char('s') => {
                self.sort = self.sort.next();
                // The order of urgency comes with the next answer.
                if let Some(status) = &mut self.status {
                    self.sort.arrange(&mut status.snapshot.rows);
                }
                self.search.send_modify(|_| {});
            }
            KeyCode::Down | KeyCode::Char('j') => self.scroll(1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll(-1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll(10),
            KeyCode::PageUp => self.scroll(-10),
            KeyCode::Home | KeyCode::Char('g') => self.scroll(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.scroll(isize::MAX),
            _ => {}
        }
        Flow::Go
    }

    fn type_search(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.find(|text| text.clear());
            }
            KeyCode::Backspace => self.find(|text| {
                let _ = text.pop();
            }),
            KeyCode::Char(c) if self.search.borrow().len() < LONGEST_SEARCH => self.find(|text| text.push(c)),
            _ => {}
        }
    }

    fn find(&mut self, change: impl FnOnce(&mut String)) {
        self.search.send_modify(change);
        self.scroll(isize::MIN);
    }
}
