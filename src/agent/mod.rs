//! The composition root: builds the engine, the resources and a frontend, joins them, and owns start-up and shutdown.

mod bar;
mod beside;
pub mod control;
pub mod error;
pub mod live;
pub mod load;
pub mod lock;
pub mod log;
pub mod metrics;
pub mod narrator;
pub mod places;
pub mod plan;
mod report;
mod signals;
mod systemd;
pub mod web;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::{Notify, mpsc};

use self::beside::Beside;
use self::error::AgentError;
use self::lock::Lock;
use self::narrator::{Narrator, News};
use self::places::{Places, PrefixChoice};
use self::signals::{Signal, Signals};
use crate::engine::graph::dot;
use crate::engine::runtime::record::Recorder;
use crate::engine::runtime::snapshot::{Rows, Snapshot};
use crate::engine::runtime::{Config, Engine, prepare};
use crate::engine::sched::{Limits, StopLevel};
use crate::lang::diag::render::{self, Style};
use crate::lang::{self, Outcome, Parsed};
use crate::resources;
use crate::resources::host::{Host, Hub};

/// SIGTERM climbs by itself: after so long what runs is cancelled, and after twice that killed.
const TERM_STEP: Duration = Duration::from_secs(15);
/// After a kill, what still does not end is left behind.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// A frontend that says nothing of a reload has done it by then.
const RELOAD_WAIT: Duration = Duration::from_secs(5);

/// What an agent is to do.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The text of the graph; `None`: an empty graph.
    pub file: Option<PathBuf>,
    /// Whether to follow the text.
    pub watch: bool,
    /// Where the agent's folder is.
    pub prefix: PrefixChoice,
    /// Automatic edges and grouping.
    pub prepare: prepare::Options,
    /// Nothing is applied.
    pub noop: bool,
    /// A semaphore around every vertex.
    pub sema: Option<u32>,
    /// How many runs at once.
    pub jobs: Option<u32>,
    /// The quiet time after which the graph is converged; `None`: nobody asks.
    pub converged_after: Option<Duration>,
    /// Whether to exit then.
    pub converged_exit: bool,
    /// Where `true` and `false` are appended as the graph converges and diverges.
    pub converged_status_file: Option<PathBuf>,
    /// The longest that the agent may run.
    pub max_runtime: Option<Duration>,
    /// Where the graph is drawn, as dot.
    pub graphviz: Option<PathBuf>,
    /// Where the report is written at the end, as JSON.
    pub report: Option<PathBuf>,
    /// Where the scheduler's events are recorded.
    pub record: Option<PathBuf>,
    /// Where metrics and the page of status are shown.
    pub web: Vec<web::Listen>,
}

/// How an agent ended.
#[derive(Debug)]
pub struct Ending {
    /// The exit code that a resource asked for.
    pub asked: Option<u8>,
    /// The time was up before the graph had settled.
    pub out_of_time: bool,
    /// It ended by itself, as it was told to, once the graph had converged.
    pub converged: bool,
    /// It ended by itself because its time was up.
    pub ran_out: bool,
    /// The last state.
    pub last: Snapshot,
    /// How long it ran.
    pub ran: Duration,
    /// Why the report that was asked for is missing.
    pub unreported: Option<AgentError>,
}

/// Runs an agent until it is stopped.
///
/// # Errors
/// When it cannot start, or its first graph cannot run.
pub async fn run(options: Options) -> Result<Ending, AgentError> {
    let started = Instant::now();
    let signals = Signals::listen().map_err(|source| AgentError::System("listen for signals", source))?;
    let mut places = Places::make(&options.prefix)?;
    let _lock = Lock::take(&places.prefix)?;
    probe(&options)?;
    let beside = Beside::prepare(&options)?;
    let hub = Hub::start();
    let registry = resources::registry(&Host::of_agent(hub.clone()));
    let (reload, reread) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mut graphs = match &options.file {
        Some(file) => {
            let follow =
                lang::Options { watch: options.watch, reload: reload.clone(), reread: reread.clone() };
            lang::open(file, follow, Arc::new(registry.clone()), hub.clone())
                .map_err(|diagnostic| AgentError::Text(vec![*diagnostic]))?
                .graphs()
        }
        None => futures_util::stream::pending().boxed(),
    };
    let (news, inbox) = mpsc::unbounded_channel();
    let rows = if options.report.is_some() { Rows::All } else { Rows::Notable };
    let style = Style { color: log::color_on_stderr() };
    let limits = limits(&options);
    let config = Config {
        prefix: places.prefix.as_path().into(),
        limits,
        noop: options.noop,
        sema: options.sema,
        registry,
        one_look: false,
        record: options.record.as_deref().map(|path| Recorder::create(path, limits)).transpose()?,
    };
    let engine = Engine::start(config, Arc::new(Narrator::new(news, style, rows, beside.observers())));
    let beside = beside.start(&options, &places, &engine, &hub, &reload);
    let deadline = options.max_runtime.map(|time| started + time);
    let end = End::default();
    let mut agent =
        Agent { options, engine, inbox, signals, reload, reread, style, deadline, ready_by: None, end };
    let last = match agent.begin(&mut graphs).await? {
        true => agent.attend(graphs).await?,
        false => Snapshot::default(),
    };
    drop(beside);
    let Agent { options, end, .. } = agent;
    let is_settled = end.has_begun && last.counts.settled() == last.counts.total();
    let mut ending = Ending {
        asked: end.asked,
        out_of_time: end.out_of_time && !is_settled,
        converged: end.converged,
        ran_out: end.out_of_time,
        last,
        ran: started.elapsed(),
        unreported: None,
    };
    if let Some(path) = &options.report {
        ending.unreported = report::write(path, &ending).err();
    }
    places.clean_up();
    Ok(ending)
}

fn limits(options: &Options) -> Limits {
    let mut limits = Limits { converged_after: options.converged_after, ..Limits::default() };
    if let Some(jobs) = options.jobs {
        limits.jobs = jobs;
        limits.waiting = jobs;
    }
    limits
}

/// A running agent.
struct Agent {
    options: Options,
    engine: Engine,
    inbox: mpsc::UnboundedReceiver<News>,
    signals: Signals,
    reload: Arc<Notify>,
    reread: Arc<Notify>,
    style: Style,
    /// When the time is up that it may run.
    deadline: Option<Instant>,
    /// systemd waits for the end of a reload, which has come at this time at the latest.
    ready_by: Option<Instant>,
    end: End,
}

/// What is known of the end while it comes.
#[derive(Debug, Default)]
struct End {
    /// There was a first graph.
    has_begun: bool,
    stopping: Option<StopLevel>,
    /// When the next level is reached by itself.
    climb_at: Option<Instant>,
    asked: Option<u8>,
    out_of_time: bool,
    converged: bool,
}

impl Agent {
    /// Waits for the first graph, and runs it; `false`: it was told to stop, or its time was up, before there was one.
    async fn begin(&mut self, graphs: &mut BoxStream<'static, Outcome>) -> Result<bool, AgentError> {
        while self.options.file.is_some() && !self.end.has_begun {
            tokio::select! {
                first = graphs.next() => {
                    self.first_graph(first.ok_or(AgentError::NoGraph)?).await?;
                    self.end.has_begun = true;
                }
                signal = self.signals.next() => {
                    if matches!(signal, Signal::Interrupt | Signal::Terminate) {
                        tracing::info!("stops: the graph was still being read");
                        return Ok(false);
                    }
                }
                () = until(self.deadline) => {
                    self.end.out_of_time = true;
                    tracing::warn!("the time that it may run is up: the graph was still being read");
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The first graph must run; later ones may fail, and the one before them goes on.
    async fn first_graph(&mut self, first: Outcome) -> Result<(), AgentError> {
        let parsed = first.map_err(AgentError::Text)?;
        self.swap(parsed).await?;
        systemd::ready();
        Ok(())
    }

    async fn next_graph(&mut self, outcome: Outcome) {
        let failed = match outcome {
            Ok(parsed) => match self.swap(parsed).await {
                Ok(()) => return,
                Err(error) => vec![error.diagnostic()],
            },
            Err(diagnostics) => diagnostics,
        };
        let rendered = render::render_all(&failed, self.style);
        tracing::error!(problems = failed.len(), rendered, "the new graph has errors; the old one runs on");
    }

    async fn swap(&mut self, parsed: Parsed) -> Result<(), AgentError> {
        if !parsed.warnings.is_empty() {
            let rendered = render::render_all(&parsed.warnings, self.style);
            tracing::warn!(rendered, "the graph has oddities");
        }
        let drawn = self.options.graphviz.as_ref().map(|_| parsed.graph.clone());
        let prepared = prepare::prepare(parsed.graph, self.options.prepare)?;
        self.engine.swap(prepared).await?;
        if let (Some(path), Some(graph)) = (&self.options.graphviz, drawn) {
            let (graph, _) = prepare::complete(graph, self.options.prepare)?;
            if let Err(error) = write_file(path, &dot::render(&graph)) {
                warn(&error, "the graph runs, and is not drawn");
            }
        }
        Ok(())
    }

    /// Serves events until the engine has ended.
    async fn attend(&mut self, mut graphs: BoxStream<'static, Outcome>) -> Result<Snapshot, AgentError> {
        let mut frontend_open = true;
        loop {
            let stopping = self.end.stopping.is_some();
            tokio::select! {
                news = self.inbox.recv() => match news {
                    Some(News::Converged(converged)) => self.converged(converged),
                    Some(News::Exit(code)) => {
                        self.end.asked = Some(code);
                        self.stop(StopLevel::Finish);
                    }
                    Some(News::Stopped(last)) => return Ok(*last),
                    None => return Err(AgentError::NoGraph),
                },
                signal = self.signals.next() => self.signalled(signal).await,
                outcome = graphs.next(), if frontend_open && !stopping => match outcome {
                    Some(outcome) => {
                        self.next_graph(outcome).await;
                        self.reloaded();
                    }
                    None => frontend_open = false,
                },
                () = self.reread.notified() => {
                    tracing::info!("the graph is as it was");
                    self.reloaded();
                }
                () = until(self.ready_by) => self.reloaded(),
                () = until(self.deadline), if !stopping => {
                    self.end.out_of_time = true;
                    tracing::warn!("the time that it may run is up");
                    self.stop(StopLevel::Finish);
                    self.end.climb_at = Some(Instant::now() + TERM_STEP);
                }
                () = until(self.end.climb_at) => {
                    if self.end.stopping == Some(StopLevel::Kill) {
                        return Ok(self.abandon().await);
                    }
                    self.climb();
                }
            }
        }
    }

    fn converged(&mut self, converged: bool) {
        if let Some(path) = &self.options.converged_status_file
            && let Err(error) = append_line(path, if converged { "true" } else { "false" })
        {
            warn(&error, "cannot tell whether the graph has converged");
        }
        if converged && self.options.converged_exit && self.end.stopping.is_none() {
            self.end.converged = true;
            self.stop(StopLevel::Finish);
        }
    }

    async fn signalled(&mut self, signal: Signal) {
        match signal {
            Signal::Interrupt => {
                self.climb();
                if self.end.stopping != Some(StopLevel::Kill) {
                    // Only SIGTERM, or a third ^C, goes on by itself.
                    self.end.climb_at = None;
                }
            }
            Signal::Terminate if self.end.stopping.is_none() => {
                self.climb();
                self.end.climb_at = Some(Instant::now() + TERM_STEP);
            }
            Signal::Terminate => {}
            Signal::Reload => {
                tracing::info!("reads the graph again");
                systemd::reloading();
                self.ready_by = Some(Instant::now() + RELOAD_WAIT);
                self.reload.notify_one();
            }
            Signal::Dump => self.dump().await,
        }
    }

    fn reloaded(&mut self) {
        if self.ready_by.take().is_some() {
            systemd::ready();
        }
    }

    /// The next level of urgency.
    fn climb(&mut self) {
        let next = match self.end.stopping {
            None => StopLevel::Finish,
            Some(StopLevel::Finish) => StopLevel::Cancel,
            Some(_) => StopLevel::Kill,
        };
        self.stop(next);
        let wait = if next == StopLevel::Kill { LAST_WAIT } else { TERM_STEP };
        self.end.climb_at = Some(Instant::now() + wait);
    }

    fn stop(&mut self, level: StopLevel) {
        if self.end.stopping.is_none() {
            systemd::stopping();
        }
        let told = match level {
            StopLevel::Finish => "stops: what runs may finish; once more cancels it",
            StopLevel::Cancel => "cancels what runs; once more kills it",
            StopLevel::Kill => "kills what runs",
        };
        if !self.end.converged && self.end.stopping != Some(level) {
            tracing::info!("{told}");
        }
        self.end.stopping = Some(level);
        self.engine.stop(level);
    }

    /// Gives up waiting for runs that do not end even when killed.
    async fn abandon(&self) -> Snapshot {
        tracing::error!("gives up waiting for what does not end");
        let asked = tokio::time::timeout(LAST_WAIT, self.engine.snapshot(Rows::Notable)).await;
        asked.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// Logs the state of every vertex that is not as wanted.
    async fn dump(&self) {
        let Ok(snapshot) = self.engine.snapshot(Rows::Notable).await else { return };
        let counts = snapshot.counts;
        tracing::info!(ok = counts.ok, total = counts.total(), "state, on SIGUSR1");
        for row in snapshot.rows {
            tracing::info!(vertex = %row.label, state = row.state, error = row.error, "is not settled as wanted");
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// Finds out, before anything is applied, whether what the user wants to have written can be. Leaves no file behind.
fn probe(options: &Options) -> Result<(), AgentError> {
    let wanted = [&options.graphviz, &options.report, &options.converged_status_file];
    for path in wanted.into_iter().flatten() {
        let known = std::fs::metadata(path).ok();
        if known.as_ref().is_some_and(|known| !known.is_file() && !known.is_dir()) {
            continue; // To open a pipe might wait.
        }
        let opened = std::fs::File::options().append(true).create(true).open(path);
        let removed = opened.and_then(|_| if known.is_none() { std::fs::remove_file(path) } else { Ok(()) });
        removed.map_err(|source| AgentError::File { operation: "write", path: path.clone(), source })?;
    }
    Ok(())
}

/// Logs what does not keep an agent from its work.
fn warn(error: &AgentError, message: &str) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(%error, cause, "{message}");
}

fn append_line(path: &Path, line: &str) -> Result<(), AgentError> {
    let opened = std::fs::File::options().append(true).create(true).open(path);
    opened.and_then(|mut file| writeln!(file, "{line}")).map_err(|source| AgentError::File {
        operation: "append to",
        path: path.to_owned(),
        source,
    })
}

fn write_file(path: &Path, text: &str) -> Result<(), AgentError> {
    std::fs::write(path, text).map_err(|source| AgentError::File {
        operation: "write",
        path: path.to_owned(),
        source,
    })
}
