//! `mgmt status --watch`: in place on a terminal, else a line a change.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;

use super::{Args, code, json, text};
use crate::agent::control::ControlError;
use crate::agent::control::client::Client;
use crate::agent::control::protocol::Asked;
use crate::cli::reach;

/// Uptime and running times move at least so often.
const INTERVAL: Duration = Duration::from_secs(1);

/// Shows each change until the agent, or the reader, has left.
pub(super) async fn watch(args: &Args, asked: Asked) -> Result<ExitCode, ControlError> {
    let mut client = Client::connect(&args.reach.socket())?;
    client.watch(INTERVAL, asked).await?;
    let in_place = io::stdout().is_terminal() && !args.json;
    let mut screen = Screen::default();
    let mut before = String::new();
    loop {
        let status = client.next().await?;
        let shown = if args.json {
            json(&status, false)
        } else if in_place {
            screen.frame(&text::render(&status, None, args.all, reach::color_on_stdout()))
        } else {
            text::line(&status)
        };
        let news = match (in_place, args.json) {
            (false, false) => shown != before,
            _ => true,
        };
        let mut out = io::stdout();
        if news && out.write_all(shown.as_bytes()).and_then(|()| out.flush()).is_err() {
            return Ok(ExitCode::from(code(&status)));
        }
        before = shown;
    }
}

/// What is on the terminal.
#[derive(Debug, Default)]
struct Screen {
    lines: usize,
}

impl Screen {
    /// The bytes that replace the last text by this one, cut to what the terminal can show.
    fn frame(&mut self, text: &str) -> String {
        let (columns, rows) = ratatui::crossterm::terminal::size().unwrap_or((80, 24));
        let rows = usize::from(rows).saturating_sub(1).max(1);
        let mut frame = String::new();
        if self.lines > 0 {
            // Up to the first line of the last frame, and clear from there.
            frame.push_str(&format!("\x1b[{}F\x1b[J", self.lines));
        }
        self.lines = 0;
        for line in text.lines().take(rows) {
            frame.push_str(&cut(line, columns.into()));
            frame.push_str("\x1b[0m\n");
            self.lines += 1;
        }
        frame
    }
}

/// The first so many columns of a line; codes of colour take none.
fn cut(line: &str, columns: usize) -> String {
    let mut out = String::new();
    let (mut width, mut in_code) = (0, false);
    for c in line.chars() {
        if in_code || c == '\x1b' {
            in_code = c == '\x1b' || !c.is_ascii_alphabetic();
        } else {
            width += c.encode_utf8(&mut [0; 4]).width();
            if width > columns {
                break;
            }
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn colours_take_no_columns_and_wide_characters_two() {
        assert_eq!(cut("\x1b[31mabc\x1b[0mdef", 4), "\x1b[31mabc\x1b[0md");
        assert_eq!(cut("日本語", 5), "日本");
    }
}
