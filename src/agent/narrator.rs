//! Tells people what the engine does, and the agent what it must know.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::engine::cx::Done;
use crate::engine::drift::Drift;
use crate::engine::graph::Vertex;
use crate::engine::resource::ResourceError;
use crate::engine::runtime::observe::{Happening, Next, Observer, Telling};
use crate::engine::runtime::snapshot::{Rows, Snapshot};
use crate::lang::Diagnostic;
use crate::lang::diag::render::{self, Style};

/// Changes that are told one by one in any second; the rest are counted. A first run changes ten thousand things, and
/// nobody reads ten thousand lines.
const TOLD_A_SECOND: u32 = 100;

/// What the agent must know of the engine.
#[derive(Debug)]
pub enum News {
    /// The graph has converged, or is so no longer.
    Converged(bool),
    /// A resource asked for the end of the agent, with this exit code.
    Exit(u8),
    /// Automatic edges must be derived again.
    FactsChanged(Done),
    /// The engine has ended; this was its last state.
    Stopped(Box<Snapshot>),
}

/// The agent's observer.
#[derive(Debug)]
pub struct Narrator {
    news: UnboundedSender<News>,
    style: Style,
    last_rows: Rows,
    told: Mutex<Told>,
    others: Vec<Arc<dyn Observer>>,
}

#[derive(Debug)]
struct Told {
    since: Instant,
    count: u32,
    untold: u32,
}

impl Narrator {
    /// A narrator that sends `news`, renders failures in `style`, and keeps `last_rows` of the engine's end.
    /// The others are told everything too.
    pub fn new(
        news: UnboundedSender<News>,
        style: Style,
        last_rows: Rows,
        others: Vec<Arc<dyn Observer>>,
    ) -> Self {
        let told = Mutex::new(Told { since: Instant::now(), count: 0, untold: 0 });
        Self { news, style, last_rows, told, others }
    }

    fn send(&self, news: News) {
        // The agent may have stopped listening: it is ending.
        let _ = self.news.send(news);
    }

    /// Whether a change is told by itself. Says how many were not, once a second has passed.
    fn may_tell(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.since.elapsed() > Duration::from_secs(1) {
            Self::sum_up(&mut told);
            told.since = Instant::now();
            told.count = 0;
        }
        told.count += 1;
        let may = told.count <= TOLD_A_SECOND || tracing::enabled!(tracing::Level::DEBUG);
        told.untold += u32::from(!may);
        may
    }

    fn sum_up(told: &mut Told) {
        let untold = std::mem::take(&mut told.untold);
        if untold > 0 {
            tracing::info!(
                changes = untold,
                "put more right than there are lines for; --log debug shows each"
            );
        }
    }

    fn failed(&self, vertex: &Vertex, error: &ResourceError, next: Next, times: u32, telling: Telling) {
        let label = vertex.label();
        match telling {
            Telling::InFull => self.failed_anew(vertex, error, next),
            Telling::GivenUp => {
                tracing::error!(vertex = %label, times, "is not tried again: it fails as before")
            }
            Telling::Reminder => tracing::error!(vertex = %label, error = %error, times, "still fails"),
            Telling::Nothing => tracing::debug!(vertex = %label, error = %error, times, "fails as before"),
        }
    }

    fn failed_anew(&self, vertex: &Vertex, error: &ResourceError, next: Next) {
        let origin = vertex.lead().origin.as_ref();
        let hint = match next {
            Next::Nothing => None,
            Next::Retry { wait, left: None } => Some(format!("it is tried again in {}", seconds(wait))),
            Next::Retry { wait, left: Some(left) } => {
                Some(format!("{left} retries left after the next, which is in {}", seconds(wait)))
            }
        };
        let message = format!("cannot apply {}", vertex.label());
        let hints = error.hint().map(str::to_owned).into_iter().chain(hint);
        let diagnostic = Diagnostic::failure(message, origin, [error.to_string()], hints);
        let rendered = render::render(&diagnostic, self.style);
        let at = origin.map(ToString::to_string);
        tracing::error!(vertex = %vertex.label(), error = %error, origin = at, rendered, "failed");
    }
}

impl Observer for Narrator {
    fn happened(&self, happening: Happening<'_>) {
        for other in &self.others {
            other.happened(happening);
        }
        match happening {
            Happening::Ran(_) => {}
            Happening::Changed { vertex, drift, took } => {
                if self.may_tell() {
                    let (what, took) = (what(drift), took.as_secs_f64() * 1000.0);
                    tracing::info!(vertex = %vertex.label(), what, took_ms = format_args!("{took:.1}"), "put right");
                }
            }
            Happening::WouldChange { vertex, drift } => {
                if self.may_tell() {
                    tracing::info!(vertex = %vertex.label(), what = what(drift), "would be put right");
                }
            }
            Happening::Failed { vertex, error, next, times, telling } => {
                self.failed(vertex, error, next, times, telling);
            }
            Happening::Recovered { vertex, times } => {
                tracing::info!(vertex = %vertex.label(), failures = times, "is well again");
            }
            Happening::Blocked { vertex, by, is_news: true } => {
                tracing::warn!(vertex = %vertex.label(), by = %by, "is blocked by a failure");
            }
            Happening::Blocked { vertex, by, is_news: false } => {
                tracing::debug!(vertex = %vertex.label(), by = %by, "is blocked by a failure, as before");
            }
            Happening::Contended { vertex } => tracing::warn!(
                vertex = %vertex.label(),
                "changes again and again: does something else write it, or does it touch what it watches? \
                 It is tried once a second until it has been quiet for a minute"
            ),
            Happening::Swapped(swapped) => tracing::info!(
                graph = swapped.graph,
                added = swapped.added,
                changed = swapped.changed,
                removed = swapped.removed,
                kept = swapped.kept,
                "the graph runs"
            ),
            Happening::Converged(converged) => self.send(News::Converged(converged)),
            Happening::FactsChanged(done) => self.send(News::FactsChanged(done.clone())),
            Happening::ExitRequested(code) => self.send(News::Exit(code)),
            Happening::Stopped(last) => {
                Self::sum_up(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
                self.send(News::Stopped(Box::new(last.snapshot(self.last_rows))));
            }
        }
    }
}

/// What differed, in a few words.
fn what(drift: &Drift) -> String {
    if drift.is_empty() {
        return "known after apply".to_owned();
    }
    let mut names: Vec<&str> = drift.iter().map(|item| item.what).collect();
    names.dedup();
    names.truncate(8);
    names.join(", ")
}

fn seconds(time: Duration) -> String {
    format!("{} s", (time.as_secs_f64() * 10.0).ceil() / 10.0)
}
