//! `mgmt rollback`: an older deploy, once more.

use std::process::ExitCode;

use super::deploy::{Next, latest, usual_message};
use super::mesh_reach::{MeshReach, complain};
use super::reach;
use crate::engine::world::{DeployId, Rollout, RolloutState, World as _};

/// Give all hosts an older deploy again
///
/// It becomes a deploy of its own, with the same files. Prints its number.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which one: see `mgmt deploys`
    #[arg(value_name = "ID")]
    id: u64,
    /// Why [default: rollback to deploy ID]
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Also when someone else has deployed meanwhile
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    reach: MeshReach,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> ExitCode {
    reach::wait(async { rollback(args).await.err().unwrap_or(ExitCode::SUCCESS) })
}

async fn rollback(args: &Args) -> Result<(), ExitCode> {
    let client = args.reach.client().await?;
    client.may_deploy().map_err(|error| complain(&error))?;
    let old = client.deploys().get(DeployId(args.id), args.reach.deadline()).await;
    let old = old.map_err(|error| complain(&error))?;
    let message = args.message.clone().unwrap_or_else(|| usual_message(old.id));
    let latest = latest(&client, &args.reach).await?;
    let reports = client.deploys().reports().first(args.reach.deadline()).await;
    let reports = reports.map_err(|error| complain(&error))?.value;
    // A store that has begun anew with an older copy may know of fewer deploys than its hosts.
    let seen = reports.values().flat_map(|report| [report.wanted, report.deploy]).flatten();
    let back_from = seen.chain(latest.deploy.as_ref().map(|newest| newest.id)).max();
    let next = Next {
        files: old.files.clone(),
        entry: old.entry.clone(),
        message,
        latest,
        // The older deploy names its files.
        upload: None,
        force: args.force,
        back_from,
        back_to: Some(old.id),
    };
    let at_once = |before, beneath, deploy| Rollout {
        deploy,
        before,
        beneath,
        percent: 100,
        only: [].into(),
        state: RolloutState::Done,
        steps: Vec::new(),
        soak_s: 0,
        gate: None,
        unknown: [].into(),
    };
    next.publish(&client, &args.reach, at_once).await
}
