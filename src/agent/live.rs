//! The running agent as those see it who look on from beside: the control socket, the pages, the bar, systemd.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

use super::contended::Contended;
use super::control::protocol::{AgentFacts, MeshFacts, Status};
use crate::cluster::mesh::{Mesh, Role};
use crate::engine::runtime::look::Look;
use crate::engine::runtime::observe::{Happening, Observer};
use crate::engine::runtime::{Ended, Engine};

/// An agent that has just started to look for its mesh is waited for so long.
const SOON: Duration = Duration::from_secs(3);

/// A running agent.
#[derive(Debug)]
pub struct Live {
    /// What it is.
    pub facts: AgentFacts,
    /// Its engine.
    pub engine: Engine,
    /// When something happens in it.
    pub pulse: Arc<Pulse>,
    /// What in it changes over and over.
    pub contended: Arc<Contended>,
    /// Its part in a mesh.
    pub mesh: Arc<Mesh>,
}

impl Live {
    /// How it is now.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn status(&self, look: Look) -> Result<Status, Ended> {
        let snapshot = self.engine.look(look).await?;
        let (agent, mesh) = (self.facts.clone(), self.mesh());
        Ok(Status { agent, mesh, contended: self.contended.labels(), snapshot })
    }

    /// The same, once it has begun to take part, if it is about to.
    pub async fn mesh_soon(&self) -> Option<MeshFacts> {
        // Without an answer in time, it is as it is.
        let _ = tokio::time::timeout(SOON, self.mesh.begun()).await;
        self.mesh()
    }

    /// Its part in a mesh; `None`: its graph has not needed one.
    pub fn mesh(&self) -> Option<MeshFacts> {
        let report = self.mesh.report();
        if report.role == Role::Apart && report.failed.is_none() {
            return None;
        }
        let away = |since: SystemTime| since.elapsed().unwrap_or_default().as_secs();
        Some(MeshFacts {
            host: self.mesh.world().host().to_string(),
            carries: report.role == Role::Carries,
            addresses: report.addresses,
            endpoints: report.endpoints,
            through: report.through,
            cluster: report.cluster,
            away_s: report.away_since.map(away),
            waiting: report.waiting,
            certificate_until: report.certificate_until.map(|until| until.0),
            dropped_exports: report.dropped_exports,
            failed: report.failed,
        })
    }
}

/// Beats when something happens, for those who listen; while nobody does, a beat is one load of a number.
#[derive(Default)]
pub struct Pulse {
    listeners: AtomicUsize,
    beats: Notify,
}

impl Pulse {
    /// Listens until the answer is dropped.
    pub fn listen(self: &Arc<Self>) -> Listening {
        self.listeners.fetch_add(1, Ordering::Relaxed);
        Listening(self.clone())
    }
}

impl fmt::Debug for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pulse").field(&self.listeners).finish()
    }
}

impl Observer for Pulse {
    fn happened(&self, _: Happening<'_>) {
        if self.listeners.load(Ordering::Relaxed) > 0 {
            self.beats.notify_waiters();
        }
    }
}

/// Someone who listens.
#[derive(Debug)]
pub struct Listening(Arc<Pulse>);

impl Listening {
    /// Ready at the first beat after this call, whenever it is polled.
    pub fn beat(&self) -> impl Future<Output = ()> + '_ {
        let mut notified = Box::pin(self.0.beats.notified());
        notified.as_mut().enable();
        notified
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}
