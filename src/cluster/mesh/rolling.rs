//! The member that leads takes the rollout of a deploy from step to step.
//!
//! It remembers nothing but since when it has seen a stage, by a clock that only runs forward: a new leader looks at a
//! stage for its whole time again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cluster::etcd::node::Node as _;
use crate::cluster::node::Handle;
use crate::cluster::world::Client;
use crate::engine::world::rollout::step;
use crate::engine::world::{Deadline, DeployId, Deploys as _, Directory as _, Rollout, RolloutState};

/// How often the leader looks at what hosts say while a rollout is under way.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often one that has nothing to do looks whether it leads.
const REST: Duration = Duration::from_millis(500);
/// How long the store may take to note a step.
const PATIENCE: Duration = Duration::from_secs(5);

/// A stage of a rollout.
type Stage = (DeployId, u8);

/// Works whenever this member leads, until it is dropped.
pub(super) async fn run(node: Handle, client: Arc<Client>) {
    let mut rolled = client.rollout();
    loop {
        let now = rolled.now().filter(|seen| seen.stale.is_none()).and_then(|seen| seen.value);
        if leads(&node) && now.is_some_and(|rollout| rollout.state == RolloutState::Running) {
            roll(&node, &client).await;
        }
        tokio::select! {
            seen = rolled.changed() => if seen.is_none() { return },
            () = tokio::time::sleep(REST) => {}
        }
    }
}

/// Whether this member leads.
pub(super) fn leads(node: &Handle) -> bool {
    node.standing().leader == Some(node.identity().member)
}

/// Takes the rollout on while it runs and this member leads. What hosts say is followed only meanwhile.
async fn roll(node: &Handle, client: &Client) {
    let (mut rolled, mut hosts, mut reports) = (client.rollout(), client.hosts(), client.reports());
    let mut stage: Option<(Stage, Instant)> = None;
    while leads(node) {
        let by = Deadline::after(PATIENCE);
        let (Ok(now), Ok(cards), Ok(told)) =
            (rolled.first(by).await, hosts.first(by).await, reports.first(by).await)
        else {
            return;
        };
        let Some(rollout) = now.value.filter(|rollout| rollout.state == RolloutState::Running) else {
            return;
        };
        // What is not as in the store says nothing.
        if now.stale.is_none() && cards.stale.is_none() && told.stale.is_none() {
            let this = (rollout.deploy, rollout.percent);
            let since =
                stage.filter(|(known, _)| *known == this).map_or_else(Instant::now, |(_, since)| since);
            stage = Some((this, since));
            if let Some(next) = step(&rollout, &cards.value, &told.value, since.elapsed()) {
                take(client, &rollout, &next).await;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn take(client: &Client, from: &Rollout, to: &Rollout) {
    match client.roll(from, to, Deadline::after(PATIENCE)).await {
        Ok(true) => match &to.state {
            RolloutState::Aborted { why } => {
                tracing::error!(deploy = %to.deploy, why, "the deploy is taken back");
            }
            RolloutState::Done => tracing::info!(deploy = %to.deploy, "the deploy has gone out"),
            _ => tracing::info!(deploy = %to.deploy, percent = to.percent, "the deploy goes on"),
        },
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "the rollout waits"),
    }
}
