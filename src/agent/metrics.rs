//! What is counted, for `/metrics`, in the OpenMetrics text format.
//!
//! Counters and histograms are fed as the engine runs; what only *is*, such as the vertices by state, is looked up when
//! someone asks. Two names end in `_total` though they are gauges: they are those of the Go program, and dashboards
//! have them.

use std::fmt::{self, Write as _};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::agent::control::protocol::MeshFacts;
use crate::engine::runtime::observe::{Happening, Next, Observer, Ran};
use crate::engine::runtime::snapshot::Census;
use crate::engine::sched::Counts;
use crate::resources::host::hub::HubStats;

/// The type of an answer to `/metrics`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds: from a repair where the event arrives to a package that is installed.
const BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Run {
    kind: String,
    apply: bool,
    errorful: bool,
    eventful: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    kind: String,
    failure: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

type Histograms = Family<Kind, Histogram, fn() -> Histogram>;

/// All metrics of an agent.
pub struct Metrics {
    runs: Family<Run, Counter>,
    failures: Family<Failure, Gauge>,
    graph_started: Gauge<f64, AtomicU64>,
    repairs: Histograms,
    checks: Histograms,
    applies: Histograms,
    swaps: Counter,
    asked: Mutex<Asked>,
}

/// What is set when someone asks; one at a time.
struct Asked {
    registry: Registry,
    resources: Family<Kind, Gauge>,
    failing: Family<Failure, Gauge>,
    vertices: Family<State, Gauge>,
    watches: Gauge,
    polled: Gauge,
    overflows: Counter,
    mesh: MeshGauges,
}

/// Of an agent's part in a mesh.
#[derive(Default)]
struct MeshGauges {
    away_s: Gauge,
    waiting: Gauge,
    carries: Gauge,
    apart: Gauge,
    dropped_exports: Counter,
    certificate_until: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let histograms = || Histograms::new_with_constructor(|| Histogram::new(BUCKETS));
        let asked = Asked {
            registry: Registry::default(),
            resources: Family::default(),
            failing: Family::default(),
            vertices: Family::default(),
            watches: Gauge::default(),
            polled: Gauge::default(),
            overflows: Counter::default(),
            mesh: MeshGauges::default(),
        };
        let metrics = Self {
            runs: Family::default(),
            failures: Family::default(),
            graph_started: Gauge::default(),
            repairs: histograms(),
            checks: histograms(),
            applies: histograms(),
            swaps: Counter::default(),
            asked: Mutex::new(asked),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&self) {
        let asked = &mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let all = &mut asked.registry;
        all.register("mgmt_resources_total", "Declarations in the graph", asked.resources.clone());
        all.register("mgmt_checkapply", "Runs: a check, and an apply where it was needed", self.runs.clone());
        all.register(
            "mgmt_failures_total",
            "Failures since the start; soft: tried again by itself",
            self.failures.clone(),
        );
        all.register(
            "mgmt_failures",
            "Declarations that fail now; soft: tried again by itself",
            asked.failing.clone(),
        );
        all.register(
            "mgmt_graph_start_time_seconds",
            "When the present graph began to run, since the epoch",
            self.graph_started.clone(),
        );
        all.register("mgmt_vertices", "Declarations by state", asked.vertices.clone());
        all.register(
            "mgmt_repair_seconds",
            "From the event, or the declaration, until it was put right",
            self.repairs.clone(),
        );
        all.register("mgmt_check_seconds", "Runs that found nothing to do", self.checks.clone());
        all.register(
            "mgmt_apply_seconds",
            "Runs that put something right, their check included",
            self.applies.clone(),
        );
        all.register("mgmt_swaps", "Graphs that began to run", self.swaps.clone());
        all.register("mgmt_watches", "Watches of the kernel's in use", asked.watches.clone());
        all.register(
            "mgmt_watch_overflows",
            "How often the kernel lost events of paths",
            asked.overflows.clone(),
        );
        all.register(
            "mgmt_polled_paths",
            "Paths that are polled, as there are no events of them",
            asked.polled.clone(),
        );
        let mesh = &asked.mesh;
        all.register(
            "mgmt_mesh_store_away_seconds",
            "For how long the mesh's store has been away; 0: it is there",
            mesh.away_s.clone(),
        );
        all.register("mgmt_mesh_waiting_writes", "Writes that wait for the store", mesh.waiting.clone());
        all.register("mgmt_mesh_carries_store", "Whether this host carries the store", mesh.carries.clone());
        all.register(
            "mgmt_mesh_certificate_expires_seconds",
            "When this host's certificate is over, in seconds since 1970; 0: it has none",
            mesh.certificate_until.clone(),
        );
        all.register(
            "mgmt_mesh_dropped_exports",
            "Exports that were dropped, as nobody who may has signed them",
            mesh.dropped_exports.clone(),
        );
        all.register("mgmt_mesh_apart", "Whether it cannot take part in its mesh", mesh.apart.clone());
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        all.register("mgmt_build", "The program", prometheus_client::metrics::info::Info::new(version));
    }

    /// All metrics as text, for an answer of [`CONTENT_TYPE`].
    pub fn render(&self, census: &Census, hub: HubStats, mesh: Option<&MeshFacts>) -> String {
        let asked = &mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.resources.clear();
        asked.failing.clear();
        let mut all = Counts::default();
        for (kind, counts) in census {
            let kind = kind.to_string();
            asked.resources.get_or_create(&Kind { kind: kind.clone() }).set(counts.total().into());
            for (failure, count) in [("soft", counts.retrying), ("hard", counts.failed)] {
                asked.failing.get_or_create(&Failure { kind: kind.clone(), failure }).set(count.into());
            }
            all += *counts;
        }
        for (state, count) in all.by_state() {
            asked.vertices.get_or_create(&State { state }).set(count.into());
        }
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        asked.watches.set(gauge(hub.watches));
        asked.polled.set(gauge(hub.polled));
        asked.overflows.inc_by(hub.overflows.saturating_sub(asked.overflows.get()));
        if let Some(mesh) = mesh {
            let away_s = mesh.away_s.map_or(0, |away_s| i64::try_from(away_s.max(1)).unwrap_or(i64::MAX));
            asked.mesh.away_s.set(away_s);
            asked.mesh.waiting.set(gauge(mesh.waiting));
            asked.mesh.carries.set(mesh.carries.into());
            let until = mesh.certificate_until.map_or(0, |until| i64::try_from(until).unwrap_or(i64::MAX));
            asked.mesh.certificate_until.set(until);
            asked.mesh.apart.set(mesh.failed.is_some().into());
            let dropped = &asked.mesh.dropped_exports;
            dropped.inc_by(mesh.dropped_exports.saturating_sub(dropped.get()));
        }
        let mut out = String::new();
        if text::encode(&mut out, &asked.registry).is_err() {
            out.clear();
            let _ = out.write_str("# EOF\n");
        }
        out
    }

    fn ran(&self, ran: Ran<'_>) {
        let Ran { kind, changed, apply, failed, eventful, took, since_dirty } = ran;
        let kind = Kind { kind: kind.to_owned() };
        let run = Run { kind: kind.kind.clone(), apply, errorful: failed, eventful };
        self.runs.get_or_create(&run).inc();
        if changed {
            self.repairs.get_or_create(&kind).observe(since_dirty.as_secs_f64());
            self.applies.get_or_create(&kind).observe(took.as_secs_f64());
        } else if !failed {
            self.checks.get_or_create(&kind).observe(took.as_secs_f64());
        }
    }
}

impl Observer for Metrics {
    fn happened(&self, happening: Happening<'_>) {
        match happening {
            Happening::Ran(ran) => self.ran(ran),
            Happening::Failed { vertex, next, .. } => {
                let failure = if next == Next::Nothing { "hard" } else { "soft" };
                let kind = vertex.label().kind.to_string();
                self.failures.get_or_create(&Failure { kind, failure }).inc();
            }
            Happening::Swapped(_) => {
                self.swaps.inc();
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                self.graph_started.set(now.as_secs_f64());
            }
            _ => {}
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
