//! What all commands print, and how.

use std::fmt::Display;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::exit;
use crate::agent::error::AgentError;
use crate::agent::log;
use crate::lang::diag::render::{self, Style};
use crate::lang::diag::{Diagnostic, Severity, codes};

/// Prints a line on stdout; a reader who has left is no reason to complain.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints a text on stdout as it is, likewise.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a text on stderr as it is, likewise: `eprint!` would panic.
pub fn warn(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Prints a value as JSON, likewise.
pub fn print_json(value: &impl Serialize) {
    let text = serde_json::to_string_pretty(value).expect("our own types have text keys and finite numbers");
    say(&text);
}

/// Prints a value as JSON on one line, likewise.
pub fn say_json(value: &impl Serialize) {
    say(&serde_json::to_string(value).expect("our own types have text keys and finite numbers"));
}

/// Says in the diagnostics' shape that something failed, with causes and what to do, and gives the exit code.
pub fn failed(
    what: &str,
    causes: impl IntoIterator<Item = String>,
    hint: Option<&str>,
    class: crate::engine::Class,
) -> ExitCode {
    let diagnostic = Diagnostic::failure(what.to_owned(), None, causes, hint.map(str::to_owned));
    warn(&render::render(&diagnostic, Style { color: log::color_on_stderr() }));
    exit::of_class(class)
}

/// Says in the diagnostics' shape why a command failed, and gives its exit code. `consequence` is said of a text that
/// is wrong, as in "nothing was applied".
pub fn complain(error: &AgentError, file: Option<&Path>, consequence: Option<&str>) -> ExitCode {
    let style = Style { color: log::color_on_stderr() };
    match error {
        AgentError::Text(diagnostics) => {
            let rendered = render::render_all(diagnostics, style);
            let file = file.map(|file| format!(" in {}", file.display())).unwrap_or_default();
            let consequence = consequence.map(|said| format!("; {said}")).unwrap_or_default();
            warn(&format!("{rendered}\n{}{}{}\n", count_errors(diagnostics), clean(&file), consequence));
        }
        other => warn(&render::render(&other.diagnostic(), style)),
    }
    exit::of(error)
}

/// Shows diagnostics on stderr.
pub fn show<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>) {
    warn(&render::render_all(diagnostics, Style { color: log::color_on_stderr() }));
}

/// Says that the arguments are wrong.
pub fn usage(message: &str, command: &str) -> ExitCode {
    warn(&format!("error: {message}\n\nFor more information, try 'mgmt {command} --help'.\n"));
    ExitCode::from(exit::USAGE)
}

/// As in "3 errors".
pub fn count_errors(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|known| known.severity == Severity::Error);
    let count = errors.clone().filter(|known| known.code != Some(&codes::MORE)).count();
    let more = if errors.count() > count { "more than " } else { "" };
    format!("{more}{}", counted(count, "error"))
}

/// As in "1 edge" and "2 edges".
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A text of several lines without characters that steer a terminal.
pub fn clean(text: &str) -> String {
    let steers = |ch: char| ch.is_control() && ch != '\n' && ch != '\t';
    text.chars().map(|ch| if steers(ch) { '\u{fffd}' } else { ch }).collect()
}

/// A colour of the terminal.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Ink {
    Red,
    Green,
    Yellow,
    Cyan,
    Bold,
    Dim,
}

/// Paints on stdout, if it is a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// For stdout as it is.
    pub fn stdout() -> Self {
        Self(log::color_on_stdout())
    }

    /// The text in a colour, by the codes of ECMA-48.
    pub fn ink(self, ink: Ink, text: impl Display) -> String {
        let code = match ink {
            Ink::Red => "31",
            Ink::Green => "32",
            Ink::Yellow => "33",
            Ink::Cyan => "36",
            Ink::Bold => "1",
            Ink::Dim => "2",
        };
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// Runs a future to its end on this thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> Result<T, AgentError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| AgentError::System("start", source))?;
    let done = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(done)
}
