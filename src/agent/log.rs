//! Logs: text for people, JSON for machines, journald's native fields under systemd.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::IsTerminal as _;
use std::os::unix::fs::MetadataExt as _;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::bar::AboveBar;

/// The form of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: an object a line.
    Json,
}

/// What `--log` says cannot be understood.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum LogError {
    #[error("{0:?} is no level: error, warn, info, debug, trace or off")]
    Level(String),
    #[error(transparent)]
    Filter(#[from] tracing_subscriber::filter::ParseError),
}

/// Starts logging to stderr, or to journald where systemd has connected stderr to it. `level` is a level, or a filter
/// in the syntax of `tracing-subscriber`.
///
/// # Errors
/// When `level` cannot be understood.
pub fn start(format: LogFormat, level: &str) -> Result<(), LogError> {
    let filter = filter(level)?;
    let registry = tracing_subscriber::registry().with(filter);
    // A second start, as in tests, keeps the first.
    let _ = match (format, journald()) {
        (LogFormat::Text, Some(journald)) => registry.with(journald).try_init(),
        (LogFormat::Json, _) => {
            let json = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(|| AboveBar);
            registry.with(json).try_init()
        }
        (LogFormat::Text, None) => {
            let text = tracing_subscriber::fmt::layer().event_format(Text).with_writer(|| AboveBar);
            registry.with(text).try_init()
        }
    };
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, LogError> {
    // A word alone would be taken for the name of a module, and nothing else would be logged.
    let is_known = |word: &str| word.contains(['=', '[']) || word.parse::<LevelFilter>().is_ok();
    match level.split(',').map(str::trim).find(|word| !is_known(word)) {
        Some(word) => Err(LogError::Level(word.to_owned())),
        None => Ok(EnvFilter::builder().parse(level)?),
    }
}

/// Whether to colour what goes to stderr.
pub fn color_on_stderr() -> bool {
    std::io::stderr().is_terminal() && color_is_welcome()
}

/// Whether to colour what goes to stdout.
pub fn color_on_stdout() -> bool {
    std::io::stdout().is_terminal() && color_is_welcome()
}

/// <https://no-color.org>
fn color_is_welcome() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// journald, if systemd has connected stderr to it: `$JOURNAL_STREAM` names the device and inode.
fn journald() -> Option<tracing_journald::Layer> {
    let stream = std::env::var("JOURNAL_STREAM").ok()?;
    let stderr = std::fs::metadata("/proc/self/fd/2").ok()?;
    if stream != format!("{}:{}", stderr.dev(), stderr.ino()) {
        return None;
    }
    tracing_journald::layer().ok().map(|layer| layer.with_field_prefix(Some("MGMT".to_owned())))
}

/// Time, vertex, one fixed sentence, fields; then, on lines of its own, a rendered diagnostic.
struct Text;

#[derive(Default)]
struct Fields {
    vertex: Option<String>,
    message: String,
    rendered: Option<String>,
    rest: String,
}

/// What a field holds may come from another host: it makes no line of its own, and commands no terminal.
fn on_one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "vertex" => self.vertex = Some(format!("{value:?}")),
            name => drop(write!(self.rest, " {name}={}", on_one_line(&format!("{value:?}")))),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "vertex" => self.vertex = Some(value.to_owned()),
            "rendered" => self.rendered = Some(value.to_owned()),
            name => drop(write!(self.rest, " {name}={value:?}")),
        }
    }
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        SystemTime.format_time(&mut out)?;
        let color = color_on_stderr();
        let level = match *event.metadata().level() {
            Level::ERROR if color => "\x1b[1;31merror\x1b[0m ",
            Level::WARN if color => "\x1b[1;33mwarning\x1b[0m ",
            Level::ERROR => "error ",
            Level::WARN => "warning ",
            Level::INFO => "",
            Level::DEBUG => "debug ",
            Level::TRACE => "trace ",
        };
        write!(out, " {level}")?;
        if let Some(vertex) = fields.vertex {
            write!(out, "{vertex} ")?;
        }
        out.write_str(&fields.message)?;
        match fields.rendered {
            Some(rendered) => write!(out, "\n{rendered}"),
            None => writeln!(out, "{}", fields.rest),
        }
    }
}
