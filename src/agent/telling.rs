//! How this host's graph stands, for the whole mesh to see.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::live::Pulse;
use crate::cluster::mesh::Mesh;
use crate::engine::pace::Pace;
use crate::engine::runtime::Engine;
use crate::engine::world::HostState;

/// Nothing is told more often.
const EVERY: Duration = Duration::from_secs(1);
/// A graph in which something happens all the time is looked at so many times in a row,
const IN_A_ROW: u32 = 10;
/// and then once in so long: a mesh of 10,000 such hosts makes 1,000 writes a second of it.
const THEN_EVERY: Duration = Duration::from_secs(10);

/// Tells, from when this host takes part in a mesh until it is dropped or the engine has ended. `deploys`: it follows those.
pub(super) async fn tell(mesh: Arc<Mesh>, engine: Engine, pulse: Arc<Pulse>, deploys: bool) {
    mesh.wanted().await;
    // A host that has just joined has more urgent things to write.
    tokio::time::sleep(EVERY).await;
    mesh.connected().await;
    if !deploys {
        // A rollout would wait for a host that ran deploys once.
        mesh.world().deploys().report(None);
    }
    let directory = mesh.world().directory();
    let listening = pulse.listen();
    let mut pace = Pace::new(IN_A_ROW, THEN_EVERY, Instant::now());
    let mut last = None;
    loop {
        let beat = listening.beat();
        // What is told while the store is away would be old when it is read, and wait with what must not be lost.
        mesh.connected().await;
        let Ok(progress) = engine.progress().await else { return };
        let counts = progress.counts;
        let state = HostState {
            converged: progress.settled && counts.ok == counts.total(),
            failed: counts.failed,
            blocked: counts.blocked,
            at_s: 0,
        };
        if last.as_ref() != Some(&state) {
            let at_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            directory.tell(HostState { at_s, ..state.clone() });
            last = Some(state);
        }
        tokio::time::sleep(EVERY).await;
        beat.await;
        let next = pace.next(Instant::now());
        tokio::time::sleep_until(next.into()).await;
    }
}
