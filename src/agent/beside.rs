//! What runs beside the engine for those who look on: control socket, metrics and pages, progress bar, systemd.
//!
//! None of it has a timer while nobody asks, and none of it can hold up the engine.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::bar::Bar;
use super::contended::Contended;
use super::control::server::Server;
use super::error::AgentError;
use super::live::{Live, Pulse};
use super::metrics::Metrics;
use super::places::Places;
use super::{Options, control, systemd, web};
use crate::cluster::mesh::Mesh;
use crate::engine::runtime::Engine;
use crate::engine::runtime::observe::Observer;
use crate::resources::host::Hub;

/// What must be there before the engine is: its observers, and the addresses, which may be taken.
#[derive(Debug)]
pub(super) struct Beside {
    pulse: Arc<Pulse>,
    contended: Arc<Contended>,
    metrics: Option<Arc<Metrics>>,
    bound: Vec<web::Bound>,
}

impl Beside {
    /// Takes the addresses.
    pub fn prepare(options: &Options) -> Result<Self, AgentError> {
        let bound = options.web.iter().map(|listen| web::Bound::bind(*listen)).collect::<Result<_, _>>()?;
        let metrics = options.web.iter().any(|listen| listen.metrics).then(Arc::default);
        Ok(Self { pulse: Arc::default(), contended: Arc::default(), metrics, bound })
    }

    /// Who is told what the engine does.
    pub fn observers(&self) -> Vec<Arc<dyn Observer>> {
        let metrics = self.metrics.iter().map(|metrics| metrics.clone() as Arc<dyn Observer>);
        metrics.chain([self.pulse.clone() as Arc<dyn Observer>, self.contended.clone()]).collect()
    }

    /// Begins to answer. A control socket that cannot be made is no reason not to look after the host.
    pub fn start(
        self,
        options: &Options,
        places: &Places,
        engine: &Engine,
        hub: &Arc<Hub>,
        mesh: &Arc<Mesh>,
        reload: &Arc<Notify>,
    ) -> Running {
        let facts = facts(options, &places.prefix);
        let (pulse, contended) = (self.pulse, self.contended);
        let live = Arc::new(Live { facts, engine: engine.clone(), pulse, contended, mesh: mesh.clone() });
        let control = match Server::start(&places.socket, live.clone(), reload.clone()) {
            Ok(server) => Some(server),
            Err(error) => {
                let hint = error.hint();
                tracing::warn!(%error, hint, "has no control socket: `mgmt status` and `mgmt top` will not find it");
                None
            }
        };
        let mut tasks = systemd::follow(&live);
        for bound in self.bound {
            let (live, metrics, hub) = (live.clone(), self.metrics.clone(), hub.clone());
            let site = web::Site { listen: bound.listen, live, metrics, hub };
            tasks.push(web::serve(bound, site));
        }
        Running { _bar: Bar::follow(&live), _control: control, tasks }
    }
}

fn facts(options: &Options, prefix: &Path) -> control::protocol::AgentFacts {
    let file = options.file.as_ref().map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone()));
    control::protocol::AgentFacts {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        prefix: prefix.display().to_string(),
        file: file.map(|file| file.display().to_string()),
        noop: options.noop,
        converges: options.converged_after.is_some(),
    }
}

/// Runs until it is dropped.
#[derive(Debug)]
pub(super) struct Running {
    _bar: Option<Bar>,
    _control: Option<Server>,
    tasks: Vec<AbortHandle>,
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
