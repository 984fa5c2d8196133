//! The loop of a running agent: new graphs, signals, deadlines and the engine's news, until the engine has ended.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::{Notify, mpsc, watch};

use super::deploys::Proposal;
use super::error::AgentError;
use super::narrator::News;
use super::signals::{Signal, Signals};
use super::{Options, systemd, write_file};
use crate::cluster::mesh::MeshError;
use crate::engine::Graph;
use crate::engine::graph::dot;
use crate::engine::runtime::prepare::Shape;
use crate::engine::runtime::snapshot::{Rows, Snapshot};
use crate::engine::runtime::{Engine, prepare};
use crate::engine::sched::StopLevel;
use crate::lang::diag::render::{self, Style};
use crate::lang::{Diagnostic, Outcome, Parsed};

/// SIGTERM climbs by itself: after so long what runs is cancelled, and after twice that killed.
const TERM_STEP: Duration = Duration::from_secs(15);
/// After a kill, what still does not end is left behind.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// A frontend that says nothing of a reload has done it by then.
const RELOAD_WAIT: Duration = Duration::from_secs(5);

/// A running agent.
pub(super) struct RunningAgent {
    pub(super) options: Options,
    pub(super) engine: Engine,
    pub(super) inbox: mpsc::UnboundedReceiver<News>,
    pub(super) signals: Signals,
    pub(super) reload: Arc<Notify>,
    pub(super) reread: Arc<Notify>,
    pub(super) style: Style,
    /// When the time is up that it may run.
    pub(super) deadline: Option<Instant>,
    /// systemd waits for the end of a reload, which has come at this time at the latest.
    pub(super) ready_by: Option<Instant>,
    /// The graph that runs, if its automatic edges come from facts that may change, and what they made of it.
    pub(super) informed: Option<(Graph, Shape)>,
    /// Why this host cannot take part in the mesh that it needs.
    pub(super) apart: watch::Receiver<Option<Arc<MeshError>>>,
    pub(super) end: End,
}

/// What is known of the end while it comes.
#[derive(Debug, Default)]
pub(super) struct End {
    /// There was a first graph.
    pub(super) has_begun: bool,
    pub(super) stopping: Option<StopLevel>,
    /// When the next level is reached by itself.
    pub(super) climb_at: Option<Instant>,
    pub(super) asked: Option<u8>,
    pub(super) out_of_time: bool,
    pub(super) converged: bool,
    pub(super) apart: Option<Arc<MeshError>>,
}

impl RunningAgent {
    /// Waits for the first graph, and runs it; `false`: it was told to stop, or its time was up, before there was one.
    pub(super) async fn begin(
        &mut self,
        graphs: &mut BoxStream<'static, Proposal>,
    ) -> Result<bool, AgentError> {
        if self.options.file.is_none() {
            // Whoever deploys may take days.
            systemd::ready();
        }
        while self.options.file.is_some() && !self.end.has_begun {
            tokio::select! {
                first = graphs.next() => {
                    self.first_graph(first.ok_or(AgentError::NoGraph)?.outcome).await?;
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

    async fn next_graph(&mut self, proposal: Proposal) {
        let Proposal { outcome, answer } = proposal;
        let swapped = match outcome {
            Ok(parsed) => self.swap(parsed).await.map_err(|error| vec![error.diagnostic()]),
            Err(diagnostics) => Err(diagnostics),
        };
        if let Some(answer) = answer {
            // Who does not wait for it does not need it.
            let _ = answer.send(match &swapped {
                Ok(()) => Ok(()),
                Err(problems) => Err(in_short(problems)),
            });
        }
        let Err(failed) = swapped else { return };
        let rendered = render::render_all(&failed, self.style);
        tracing::error!(problems = failed.len(), rendered, "the new graph has errors; the old one runs on");
    }

    async fn swap(&mut self, parsed: Parsed) -> Result<(), AgentError> {
        if !parsed.warnings.is_empty() {
            let rendered = render::render_all(&parsed.warnings, self.style);
            tracing::warn!(rendered, "the graph has oddities");
        }
        let drawn = self.options.graphviz.as_ref().map(|_| parsed.graph.clone());
        let is_informed = |graph: &Graph| graph.nodes().any(|node| graph.vertex(node).kind.is_informed());
        let kept =
            (self.options.prepare.autoedges && is_informed(&parsed.graph)).then(|| parsed.graph.clone());
        let prepared = prepare::prepare(parsed.graph, self.options.prepare)?;
        let informed = kept.map(|graph| (graph, prepared.shape()));
        self.engine.swap(prepared).await?;
        self.informed = informed;
        self.end.has_begun = true;
        if let (Some(path), Some(graph)) = (&self.options.graphviz, drawn) {
            let graph = prepare::complete(graph, self.options.prepare)?;
            if let Err(error) = write_file(path, &dot::render(&graph)) {
                warn(&error, "the graph runs, and is not drawn");
            }
        }
        Ok(())
    }

    /// Derives the automatic edges of the graph that runs again, and goes over to them if they are others.
    async fn derive_again(&mut self) {
        let Some((graph, shape)) = &mut self.informed else { return };
        let Ok(prepared) = prepare::prepare(graph.clone(), self.options.prepare) else { return };
        let now = prepared.shape();
        if now != *shape {
            tracing::info!("what lies on this host has changed, and with it the automatic edges");
            *shape = now;
            if let Err(error) = self.engine.swap(prepared).await {
                tracing::warn!(%error, "the automatic edges stay as they were");
            }
        }
    }

    /// Serves events until the engine has ended.
    pub(super) async fn attend(
        &mut self,
        mut graphs: BoxStream<'static, Proposal>,
    ) -> Result<Snapshot, AgentError> {
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
                    Some(News::FactsChanged(_)) if stopping => {}
                    Some(News::FactsChanged(done)) => {
                        self.derive_again().await;
                        drop(done);
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
                error = apart(&mut self.apart), if !stopping => {
                    self.end.apart = Some(error);
                    self.stop(StopLevel::Finish);
                    self.end.climb_at = Some(Instant::now() + TERM_STEP);
                }
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

/// Returns when this host cannot take part in its mesh.
async fn apart(failed: &mut watch::Receiver<Option<Arc<MeshError>>>) -> Arc<MeshError> {
    let error = failed.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
    match error {
        Some(error) => error,
        // It has ended, and well.
        None => std::future::pending().await,
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// What is wrong with a graph, on one line.
fn in_short(problems: &[Diagnostic]) -> String {
    let Some(first) = problems.first() else { return String::new() };
    let causes = first.causes.iter().map(|cause| format!(": {cause}"));
    let more = match problems.len() {
        0 | 1 => String::new(),
        more => format!(", and {} more", more - 1),
    };
    format!("{}{}{more}", first.message, causes.collect::<String>())
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
