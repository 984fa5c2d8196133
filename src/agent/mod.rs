//! The composition root: builds the engine, the resources and a frontend, joins them, and owns start-up and shutdown.

mod bar;
mod beside;
pub mod contended;
pub mod control;
pub mod deploys;
pub mod error;
pub mod live;
pub mod load;
pub mod lock;
pub mod log;
pub mod mesh_choice;
pub mod metrics;
pub mod narrator;
mod neighbours;
pub mod places;
pub mod plan;
mod report;
mod running_agent;
mod signals;
mod systemd;
mod telling;
mod this_host;
pub mod web;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use rustix::process::DumpableBehavior;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use self::beside::Beside;
use self::deploys::shelf::Shelf;
use self::deploys::{Follower, Proposal};
use self::error::AgentError;
use self::live::Pulse;
use self::lock::Lock;
use self::mesh_choice::MeshChoice;
use self::narrator::Narrator;
use self::places::{Places, PrefixChoice};
use self::running_agent::{End, RunningAgent};
use self::signals::Signals;
use crate::cluster::mesh::{Found, Mesh, MeshError, Neighbours};
use crate::engine::runtime::observe::Observer;
use crate::engine::runtime::record::Recorder;
use crate::engine::runtime::snapshot::{Rows, Snapshot};
use crate::engine::runtime::{Config, Engine, prepare};
use crate::engine::sched::Limits;
use crate::engine::{Registry, World};
use crate::lang;
use crate::lang::diag::render::Style;
use crate::resources;
use crate::resources::host::{Host, Hub};

/// What an agent is to do.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The text of the graph; `None`: what is deployed to the mesh.
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
    /// The mesh.
    pub mesh: MeshChoice,
    /// Without a file: the first deploy of the mesh is run, and later ones are left alone.
    pub first_deploy_only: bool,
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
    /// Why this host cannot take part in the mesh that it needs.
    pub apart: Option<Arc<MeshError>>,
}

/// Runs an agent until it is stopped.
///
/// # Errors
/// When it cannot start, or its first graph cannot run.
pub async fn run(options: Options) -> Result<Ending, AgentError> {
    let started = Instant::now();
    keep_memory_private();
    let signals = Signals::listen().map_err(|source| AgentError::System("listen for signals", source))?;
    let prefix = PrefixChoice { host: options.mesh.own_name().cloned(), ..options.prefix.clone() };
    let mut places = Places::make(&prefix)?;
    let _lock = Lock::take(&places.prefix)?;
    probe(&options)?;
    let beside = Beside::prepare(&options)?;
    let hub = Hub::start();
    let mesh = Arc::new(Mesh::prepare(options.mesh.options(&places.prefix))?);
    let world = mesh.world();
    let registry = resources::registry(&Host::of_agent(hub.clone()));
    let (reload, reread) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let follow = lang::Options { watch: options.watch, reload: reload.clone(), reread: reread.clone() };
    let open = opener(follow, registry.clone(), &hub, &world);
    let (mut graphs, standing) = graphs(&options, &places.prefix, open, &world)?;
    let (news, inbox) = mpsc::unbounded_channel();
    let rows = if options.report.is_some() { Rows::All } else { Rows::Notable };
    let style = Style { color: log::color_on_stderr() };
    let limits = limits(&options);
    let config = Config {
        prefix: places.prefix.as_path().into(),
        limits,
        noop: options.noop,
        sema: options.sema,
        world: world.clone(),
        registry,
        one_look: false,
        record: options.record.as_deref().map(|path| Recorder::create(path, limits)).transpose()?,
    };
    let pulse = Arc::new(Pulse::default());
    let observers = beside.observers().into_iter().chain([pulse.clone() as Arc<dyn Observer>]).collect();
    let engine = Engine::start(config, Arc::new(Narrator::new(news, style, rows, observers)));
    let beside = beside.start(&options, &places, &engine, &hub, &mesh, &reload);
    let telling = tell(&mesh, &engine, pulse, standing);
    mesh.start(neighbours(&options.mesh, &places.socket));
    let deadline = options.max_runtime.map(|time| started + time);
    let end = End::default();
    let mut agent = RunningAgent {
        options,
        engine,
        inbox,
        signals,
        reload,
        reread,
        style,
        deadline,
        ready_by: None,
        informed: None,
        apart: mesh.failed(),
        end,
    };
    let last = match agent.begin(&mut graphs).await? {
        true => agent.attend(graphs).await?,
        false => Snapshot::default(),
    };
    telling.iter().for_each(JoinHandle::abort);
    if agent.options.mesh.leaves
        && let Err(error) = mesh.leave().await
    {
        tracing::warn!(%error, "this host still belongs to its mesh");
    }
    mesh.end().await;
    drop(beside);
    let ending = ended(agent, last, started);
    places.clean_up();
    Ok(ending)
}

/// Keys and secrets are in this process's memory: it makes no core dump, and only root looks into it. Its commands are as they
/// would be.
fn keep_memory_private() {
    if let Err(error) = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::debug!(%error, "a core dump of the agent would hold its keys");
    }
}

/// Tells the mesh how this host's graph stands, and what it makes of its deploy if it follows those.
fn tell(mesh: &Arc<Mesh>, engine: &Engine, pulse: Arc<Pulse>, standing: Following) -> Vec<JoinHandle<()>> {
    let states = telling::tell(mesh.clone(), engine.clone(), pulse.clone(), standing.is_some());
    let reports = standing.map(|standing| deploys::tell(mesh.world(), engine.clone(), pulse, standing));
    [tokio::spawn(states)].into_iter().chain(reports.map(tokio::spawn)).collect()
}

/// How it ended; the report is written, if one is wanted.
fn ended(agent: RunningAgent, last: Snapshot, started: Instant) -> Ending {
    let RunningAgent { options, end, .. } = agent;
    let is_settled = end.has_begun && last.counts.settled() == last.counts.total();
    let mut ending = Ending {
        asked: end.asked,
        out_of_time: end.out_of_time && !is_settled,
        converged: end.converged,
        ran_out: end.out_of_time,
        last,
        ran: started.elapsed(),
        unreported: None,
        apart: end.apart,
    };
    if let Some(path) = &options.report {
        ending.unreported = report::write(path, &ending).err();
    }
    ending
}

/// How the mesh of agents on the same machine is found, unless that is not wanted.
fn neighbours(choice: &MeshChoice, own_socket: &Path) -> Neighbours {
    if choice.no_join || !choice.seeds.is_empty() {
        return Box::new(Found::default);
    }
    let (own, host) = (own_socket.to_owned(), choice.host());
    Box::new(move || neighbours::find(&own, &host))
}

/// What opens a text, to be followed.
fn opener(
    follow: lang::Options,
    registry: Registry,
    hub: &Arc<Hub>,
    world: &Arc<dyn World>,
) -> deploys::Open {
    let (registry, hub, world) = (Arc::new(registry), hub.clone(), world.clone());
    Box::new(move |file| {
        let frontend = lang::open(file, follow.clone(), registry.clone(), hub.clone(), world.clone());
        Ok(frontend.map_err(|diagnostic| AgentError::Text(vec![*diagnostic]))?.graphs())
    })
}

/// Which deploy this host runs, if it follows deploys.
type Following = Option<watch::Receiver<deploys::Standing>>;

/// The graphs to run, one after another: of a text, or else of what is deployed to the mesh.
fn graphs(
    options: &Options,
    prefix: &Path,
    open: deploys::Open,
    world: &Arc<dyn World>,
) -> Result<(BoxStream<'static, Proposal>, Following), AgentError> {
    if let Some(file) = &options.file {
        return Ok((open(file)?.map(Proposal::from).boxed(), None));
    }
    let follower = Follower {
        world: world.clone(),
        labels: options.mesh.labels.clone(),
        first_only: options.first_deploy_only,
        shelf: Shelf::of(prefix),
        open,
    };
    let (graphs, standing) = follower.start();
    Ok((graphs, Some(standing)))
}

fn limits(options: &Options) -> Limits {
    let mut limits = Limits { converged_after: options.converged_after, ..Limits::default() };
    if let Some(jobs) = options.jobs {
        limits.jobs = jobs;
        limits.waiting = jobs;
    }
    limits
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

fn write_file(path: &Path, text: &str) -> Result<(), AgentError> {
    std::fs::write(path, text).map_err(|source| AgentError::File {
        operation: "write",
        path: path.to_owned(),
        source,
    })
}
