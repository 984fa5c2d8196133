//! A graph file that is followed: read at the start, and again whenever its content was replaced; and what it collects
//! from other hosts, whenever that changes.
//!
//! Nothing is yielded for a text that is the same as the last one. While the file is missing nothing is said either:
//! editors that save by rename make it vanish for a moment. Only an explicit reload reports that it is gone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::Notify;

use super::document::parse;
use crate::engine::path_watch::{Interest, PathGuard, PathWatch};
use crate::engine::{Registry, Source, World};
use crate::lang::collect::{Draft, Gatherer, Inflow};
use crate::lang::diag::{Diagnostic, Style, codes, render};
use crate::lang::frontend::{Frontend, Options, Outcome, Parsed};
use crate::lang::source;

/// So long a graph waits for what it collects, if nothing at all is known of it yet. A host's own resources must run
/// while the store is away, and a directory that is purged must not run without what others lay into it.
const WORLD_WAIT: Duration = Duration::from_secs(1);

/// The frontend of one graph file.
#[derive(Debug)]
pub struct YamlFrontend {
    path: PathBuf,
    options: Options,
    registry: Arc<Registry>,
    watch: Arc<dyn PathWatch>,
    world: Arc<dyn World>,
}

impl YamlFrontend {
    /// A frontend; nothing is read before its stream is polled.
    pub fn new(
        path: &Path,
        options: Options,
        registry: Arc<Registry>,
        watch: Arc<dyn PathWatch>,
        world: Arc<dyn World>,
    ) -> Self {
        Self { path: path.to_owned(), options, registry, watch, world }
    }
}

impl Frontend for YamlFrontend {
    fn graphs(self: Box<Self>) -> BoxStream<'static, Outcome> {
        let follower = Follower {
            inflow: Inflow::new(self.world.clone()),
            frontend: *self,
            changed: Arc::new(Notify::new()),
            guard: None,
            last: None,
            gatherer: None,
        };
        stream::unfold(follower, |mut follower| async move {
            let outcome = follower.next().await?;
            Some((outcome, follower))
        })
        .boxed()
    }
}

/// The text that was last yielded for, or why there was none.
#[derive(Debug)]
enum Last {
    Graph(Arc<Source>),
    Broken(Arc<Source>),
    Unreadable(String),
}

#[derive(Debug)]
struct Follower {
    frontend: YamlFrontend,
    changed: Arc<Notify>,
    guard: Option<PathGuard>,
    last: Option<Last>,
    /// The last text that was a graph.
    gatherer: Option<Gatherer>,
    inflow: Inflow,
}

/// What reading once gave.
enum Reading {
    Same,
    Missing(Box<Diagnostic>),
    Unreadable(Box<Diagnostic>),
    Parsed(Arc<Source>, Result<Draft, Vec<Diagnostic>>),
}

impl Follower {
    async fn next(&mut self) -> Option<Outcome> {
        if self.last.is_none() {
            return Some(self.first().await);
        }
        if !self.frontend.options.watch {
            return None;
        }
        loop {
            let explicit = tokio::select! {
                () = self.frontend.options.reload.notified() => true,
                () = self.changed.notified() => false,
                () = self.inflow.changed() => match self.gather() {
                    Some(parsed) => return Some(Ok(parsed)),
                    None => continue,
                },
            };
            if let Some(outcome) = self.again(explicit).await {
                return Some(outcome);
            }
            if explicit {
                self.frontend.options.reread.notify_one();
            }
        }
    }

    /// Watches, and then reads: a change between the two is not missed.
    async fn first(&mut self) -> Outcome {
        let unwatched = if self.frontend.options.watch { self.arm() } else { None };
        let mut outcome = self.again(true).await.expect("a first reading always says something");
        if let (Ok(parsed), Some(unwatched)) = (&mut outcome, unwatched) {
            parsed.warnings.push(unwatched);
        }
        outcome
    }

    fn arm(&mut self) -> Option<Diagnostic> {
        let changed = self.changed.clone();
        let path = std::path::absolute(&self.frontend.path).unwrap_or_else(|_| self.frontend.path.clone());
        let sink = Arc::new(move |_| changed.notify_one());
        match self.frontend.watch.watch(&path, Interest::CONTENT, sink) {
            Ok(guard) => {
                self.guard = Some(guard);
                None
            }
            Err(error) => Some(unwatched(&self.frontend.path, &error)),
        }
    }

    /// Reads again; `None`: there is nothing to say. `explicit`: someone asked, so a problem is reported anew.
    async fn again(&mut self, explicit: bool) -> Option<Outcome> {
        let known = match &self.last {
            Some(Last::Graph(source)) => Some(source.clone()),
            Some(Last::Broken(source)) if !explicit => Some(source.clone()),
            _ => None,
        };
        let path = self.frontend.path.clone();
        let registry = self.frontend.registry.clone();
        let reading = tokio::task::spawn_blocking(move || read(&path, &registry, known.as_deref())).await;
        let reading = reading.unwrap_or_else(|panic| {
            let message = "reading the graph file failed";
            let diagnostic = Diagnostic::error(&codes::BUG, message).file(&self.frontend.path);
            Reading::Unreadable(Box::new(diagnostic.cause(panic.to_string())))
        });
        match reading {
            Reading::Same => None,
            Reading::Missing(_) if !explicit => None,
            Reading::Missing(diagnostic) | Reading::Unreadable(diagnostic) => {
                let shown = render(&diagnostic, Style::PLAIN);
                let known = matches!(&self.last, Some(Last::Unreadable(last)) if *last == shown);
                self.last = Some(Last::Unreadable(shown));
                (explicit || !known).then(|| Err(vec![*diagnostic]))
            }
            Reading::Parsed(source, Err(errors)) => {
                self.last = Some(Last::Broken(source));
                Some(Err(errors))
            }
            Reading::Parsed(source, Ok(draft)) => {
                self.last = Some(Last::Graph(source));
                self.inflow.follow_only(draft.kinds());
                self.inflow.arrive(WORLD_WAIT).await;
                self.gatherer = Some(Gatherer::new(draft, self.frontend.registry.clone()));
                self.gather().map(Ok)
            }
        }
    }

    /// The last text that was a graph, with what it collects now: also while the text that is there is broken.
    fn gather(&mut self) -> Option<Parsed> {
        let collections = self.inflow.now();
        self.gatherer.as_mut().map(|gatherer| gatherer.gather(&collections))
    }
}

fn unwatched(path: &Path, error: &dyn std::error::Error) -> Diagnostic {
    let mut diagnostic =
        Diagnostic::warning(&codes::UNWATCHED, "edits of this file will not be seen").file(path);
    let mut cause = Some(error);
    while let Some(error) = cause {
        diagnostic = diagnostic.cause(error.to_string());
        cause = error.source();
    }
    diagnostic.hint("SIGHUP reads it again")
}

/// Blocks.
fn read(path: &Path, registry: &Registry, known: Option<&Source>) -> Reading {
    match source::load(path) {
        Err(error) if error.missing => Reading::Missing(error.diagnostic),
        Err(error) => Reading::Unreadable(error.diagnostic),
        Ok(source) if known.is_some_and(|known| known.text() == source.text()) => Reading::Same,
        Ok(source) => {
            let outcome = parse(&source, registry);
            Reading::Parsed(source, outcome)
        }
    }
}
