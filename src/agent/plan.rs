//! What would change: one look at everything, with nothing applied, watched or written.
//!
//! It takes neither lock nor folder. Checks may read what an agent with the same prefix has remembered.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::error::AgentError;
use super::{load, places, this_host};
use crate::engine::declaration::Declaration;
use crate::engine::drift::DriftItem;
use crate::engine::id::Label;
use crate::engine::runtime::observe::{Happening, Observer};
use crate::engine::runtime::snapshot::{Rows, Snapshot};
use crate::engine::runtime::{Config, Ended, Engine, Pending, SwapError, prepare};
use crate::engine::sched::{Limits, StopLevel};
use crate::engine::world::nowhere::Nowhere;
use crate::lang::Diagnostic;

/// What is to be planned.
#[derive(Clone, Debug)]
pub struct Options {
    /// The text of the graph.
    pub file: PathBuf,
    /// The folder of the agent that would run it; need not exist. `None`: the default one.
    pub prefix: Option<PathBuf>,
    /// Automatic edges and grouping.
    pub prepare: prepare::Options,
    /// A semaphore around every vertex.
    pub sema: Option<u32>,
    /// How many checks at once.
    pub jobs: Option<u32>,
}

/// What would change.
#[derive(Debug)]
pub struct Plan {
    /// The name of the graph.
    pub graph: String,
    /// What the author of the text should know.
    pub warnings: Vec<Diagnostic>,
    /// What differs, in the order in which it would be put right.
    pub changes: Vec<Change>,
    /// Checks that failed, and what would fail if it were applied, in the order in which they did.
    pub failures: Vec<Failure>,
    /// What would not run, because of whom.
    pub blocked: Vec<(Label, Option<Label>)>,
    /// Declarations that are as wanted.
    pub as_wanted: usize,
}

/// One declaration that differs, or may.
#[derive(Debug)]
pub struct Change {
    /// Which, and where it stands.
    pub declared: Declaration,
    /// What differs; empty: known only once what runs before it has been applied.
    pub items: Vec<DriftItem>,
    /// A unified diff, where there is one. In a group, the first member has that of all.
    pub diff: Option<String>,
}

/// A check that failed, or what would fail.
#[derive(Debug)]
pub struct Failure {
    /// Which.
    pub label: Label,
    /// Why, in one line.
    pub error: String,
    /// The same for people, at its place in the text.
    pub diagnostic: Diagnostic,
}

impl Change {
    /// Whether it is only known once what runs before it has been applied.
    pub fn is_unknown(&self) -> bool {
        self.items.is_empty()
    }
}

impl Plan {
    /// How many declarations would change for certain, and how many perhaps.
    pub fn counts(&self) -> (usize, usize) {
        let unknown = self.changes.iter().filter(|change| change.is_unknown()).count();
        (self.changes.len() - unknown, unknown)
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Looks at everything once.
///
/// # Errors
/// When the text is wrong.
pub async fn plan(options: Options) -> Result<Plan, AgentError> {
    let registry = load::registry();
    let parsed = load::load(&options.file, &registry).await?;
    let prefix = options.prefix.unwrap_or_else(places::default_prefix);
    // Resources are handed absolute paths, as an agent would.
    let prefix = std::path::absolute(&prefix).unwrap_or(prefix);
    let mut limits = Limits { converged_after: Some(Duration::ZERO), ..Limits::default() };
    if let Some(jobs) = options.jobs {
        (limits.jobs, limits.waiting) = (jobs, jobs);
    }
    let config = Config {
        prefix: Arc::<Path>::from(prefix),
        limits,
        noop: true,
        sema: options.sema,
        world: Nowhere::of(this_host::name()),
        registry,
        one_look: true,
        record: None,
    };
    let prepared = prepare::prepare(parsed.graph, options.prepare)?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let engine = Engine::start(config, Arc::new(Listener(tell)));
    engine.swap(prepared).await?;
    let mut failures = Vec::new();
    while let Some(news) = told.recv().await {
        match news {
            Told::Failed(failure) => failures.push(*failure),
            Told::Settled => break,
        }
    }
    let looked = look(&engine).await;
    engine.stop(StopLevel::Kill);
    let (snapshot, changes) = looked.map_err(|Ended| SwapError::Ended)?;
    let bad = snapshot.rows.iter().filter(|row| row.state == "blocked");
    let blocked = bad.map(|row| (row.label.clone(), row.blocked_by.clone())).collect();
    let as_wanted = (snapshot.counts.ok as usize).saturating_sub(changes.len());
    Ok(Plan { graph: snapshot.graph, warnings: parsed.warnings, changes, failures, blocked, as_wanted })
}

async fn look(engine: &Engine) -> Result<(Snapshot, Vec<Change>), Ended> {
    let snapshot = engine.snapshot(Rows::Notable).await?;
    let mut changes = Vec::new();
    for pending in engine.pending().await? {
        // A file that vanished since, or cannot be read, has no diff; that it differs is known all the same.
        let diff = pending.diff().await.ok().flatten();
        changes.extend(members(&pending, diff));
    }
    Ok((snapshot, changes))
}

/// The members that differ.
fn members(pending: &Pending, mut diff: Option<String>) -> Vec<Change> {
    let items = |at: u32| -> Vec<DriftItem> {
        pending.drift.iter().filter(|item| item.member == at).cloned().collect()
    };
    let all = (0..).zip(&pending.members);
    let differing = all.filter(|(at, _)| pending.unknown.contains(at) || pending.drift.has_member(*at));
    differing
        .map(|(at, declared)| Change { declared: declared.clone(), items: items(at), diff: diff.take() })
        .collect()
}

#[derive(Debug)]
enum Told {
    Failed(Box<Failure>),
    Settled,
}

/// Collects failures until the graph has settled.
#[derive(Debug)]
struct Listener(mpsc::UnboundedSender<Told>);

impl Observer for Listener {
    fn happened(&self, happening: Happening<'_>) {
        let told = match happening {
            Happening::Failed { vertex, error, .. } => {
                let label = vertex.label().clone();
                let diagnostic = Diagnostic::failure(
                    match error.is_foreseen() {
                        true => format!("{label} would fail"),
                        false => format!("cannot check {label}"),
                    },
                    vertex.lead().origin.as_ref(),
                    [error.to_string()],
                    error.hint().map(str::to_owned),
                );
                Told::Failed(Box::new(Failure { label, error: error.to_string(), diagnostic }))
            }
            Happening::Converged(true) => Told::Settled,
            _ => return,
        };
        // The plan may be made already: the engine is ending.
        let _ = self.0.send(told);
    }
}
