//! What this host makes of its deploy, for all to see: told when it changes, at most once a second.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::agent::live::Pulse;
use crate::engine::runtime::Engine;
use crate::engine::world::{DeployId, HostReport, World};

/// Nothing is told more often.
const EVERY: Duration = Duration::from_secs(1);

/// Which deploy this host runs, and which one it is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Which one it is to run.
    pub wanted: Option<DeployId>,
    /// Which one it runs.
    pub running: Option<DeployId>,
    /// Why the one that it is to run cannot be run.
    pub broken: Option<String>,
}

/// Tells until it is dropped, or the engine has ended.
pub async fn tell(
    world: Arc<dyn World>,
    engine: Engine,
    pulse: Arc<Pulse>,
    mut standing: watch::Receiver<Standing>,
) {
    let listening = pulse.listen();
    let deploys = world.deploys();
    let mut last = None;
    loop {
        let beat = listening.beat();
        let Standing { wanted, running, broken } = standing.borrow_and_update().clone();
        let Ok(progress) = engine.progress().await else { return };
        let counts = progress.counts;
        let report = HostReport {
            wanted,
            deploy: running,
            converged: progress.settled && counts.ok == counts.total(),
            failed: counts.failed,
            broken,
            at_s: 0,
        };
        if last.as_ref() != Some(&report) {
            let at_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            deploys.report(Some(&HostReport { at_s, ..report.clone() }));
            last = Some(report);
        }
        tokio::time::sleep(EVERY).await;
        tokio::select! {
            () = beat => {}
            changed = standing.changed() => if changed.is_err() { return },
        }
    }
}
