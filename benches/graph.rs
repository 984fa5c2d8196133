//! How long the engine itself takes: 100,000 vertices that have nothing to do, with 200,000 edges, built in memory,
//! ordered, and run until converged. Prints one line of JSON; medians of five.
//!
//! Works only under `cargo bench`; `cargo test --all-targets` starts it too.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use mgmt::engine::graph::{Edge, Vertex};
use mgmt::engine::runtime::observe::{Happening, Observer};
use mgmt::engine::runtime::prepare::{self, Options};
use mgmt::engine::runtime::{Config, Engine};
use mgmt::engine::sched::{Limits, StopLevel};
use mgmt::engine::world::nowhere::Nowhere;
use mgmt::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Graph, Kind, KindDoc, Label, Outputs, ParamError, Params,
    Registry, Resource, ResourceError,
};

const VERTICES: usize = 100_000;
const EDGES: usize = 200_000;
const ROUNDS: usize = 5;

#[derive(Debug)]
struct IdleKind(KindDoc);

#[derive(Debug)]
struct Idle;

impl Kind for IdleKind {
    fn describe(&self) -> &KindDoc {
        &self.0
    }

    fn build(&self, _: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        Ok(Box::new(Idle))
    }

    fn capabilities(&self, _: &Declaration) -> Capabilities {
        Capabilities { unwatched: true, refreshable: true, ..Capabilities::default() }
    }
}

#[async_trait::async_trait]
impl Resource for Idle {
    async fn check(&self, _: &Cx) -> Result<Found, ResourceError> {
        Ok(Found::nothing())
    }

    async fn apply(&self, _: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        Ok(Outputs::none())
    }
}

#[derive(Debug)]
struct Tell(Sender<&'static str>);

impl Observer for Tell {
    fn happened(&self, happening: Happening<'_>) {
        let what = match happening {
            Happening::Converged(true) => "converged",
            Happening::Stopped(_) => "stopped",
            _ => return,
        };
        // Whoever listened may have gone.
        let _ = self.0.send(what);
    }
}

/// A graph in which each vertex but the first few follows two earlier ones, some near and some far.
fn graph(kind: &Arc<IdleKind>) -> Graph {
    let mut graph = Graph::new("bench");
    // As frontends do, which have it from the registry.
    let name: Arc<str> = kind.describe().name.into();
    let nodes: Vec<_> = (0..VERTICES)
        .map(|at| {
            let label = Label::new(name.clone(), format!("vertex number {at}"));
            let vertex = Vertex::new(kind.clone(), Declaration::new(label, Params::new()));
            graph.add(vertex).expect("labels are unique")
        })
        .collect();
    let mut random = 1_u64;
    while graph.edge_count() < EDGES {
        // Knuth's MMIX generator: the same graph each time.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (a, b) = ((random >> 33) as usize % VERTICES, (random >> 12) as usize % VERTICES);
        if a != b {
            graph.connect(nodes[a.min(b)], nodes[a.max(b)], Edge { notify: random & 1 == 0, auto: None });
        }
    }
    graph
}

fn round(kind: &Arc<IdleKind>, tokio: &tokio::runtime::Runtime) -> [Duration; 4] {
    let started = Instant::now();
    let graph = graph(kind);
    let built = started.elapsed();
    let prepared = prepare::prepare(graph, Options { autoedges: true, autogroup: false }).expect("no cycle");
    let ordered = started.elapsed();
    let (tell, told) = channel();
    let dir = std::env::temp_dir();
    let config = Config {
        prefix: dir.join(format!("mgmt-bench-{}", std::process::id())).into(),
        limits: Limits { converged_after: Some(Duration::ZERO), ..Limits::default() },
        noop: false,
        sema: None,
        world: Nowhere::of("here".parse().expect("a name for a host")),
        registry: Registry::new([kind.clone() as Arc<dyn Kind>]),
        one_look: false,
        record: None,
    };
    let engine = tokio.block_on(async { Engine::start(config, Arc::new(Tell(tell))) });
    tokio.block_on(engine.swap(prepared)).expect("idle resources can be built");
    let swapped = started.elapsed();
    while told.recv().expect("the engine says when it has converged") != "converged" {}
    let converged = started.elapsed();
    engine.stop(StopLevel::Finish);
    while told.recv().expect("the engine says when it has stopped") != "stopped" {}
    [built, ordered - built, swapped - ordered, converged]
}

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let doc = KindDoc { name: "idle", doc: String::new(), params: Vec::new(), outputs: Vec::new() };
    let kind = Arc::new(IdleKind(doc));
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let tokio = tokio.expect("a runtime can be built");
    let rounds: Vec<[Duration; 4]> = (0..ROUNDS).map(|_| round(&kind, &tokio)).collect();
    let median = |phase: usize| {
        let mut times: Vec<f64> = rounds.iter().map(|round| round[phase].as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        (times[ROUNDS / 2] * 10.0).round() / 10.0
    };
    let (build, order, swap, all) = (median(0), median(1), median(2), median(3));
    println!(
        "{{\"build_order_run_ms\": {all}, \"build_ms\": {build}, \"order_ms\": {order}, \"swap_ms\": {swap}, \
         \"vertices\": {VERTICES}, \"edges\": {EDGES}}}"
    );
}
