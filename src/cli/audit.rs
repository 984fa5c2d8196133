//! `mgmt audit`: what was done to the mesh, and by whom.

use std::process::ExitCode;

use super::mesh_reach::MeshReach;
use super::{output, reach};
use crate::agent::error::AgentError;
use crate::engine::Class;

/// Tell what was done to the mesh: who invited, joined, deployed, evicted, changed policy
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs an administrator's keys. Each who does something signs it, and numbers it; that an entry was changed, or taken
out from between others, is an error."
)]
pub(super) struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: MeshReach,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> ExitCode {
    reach::wait(async { tell(args).await.err().unwrap_or(ExitCode::SUCCESS) })
}

async fn tell(args: &Args) -> Result<(), ExitCode> {
    let office = args.reach.office().await?;
    let told = office.done().await.map_err(|error| output::complain(&AgentError::from(error), None, None))?;
    if args.json {
        output::print_json(&told);
    } else {
        for done in &told.done {
            output::say(&output::clean(&format!("{}  {}: {}", done.at, done.who, done.what)));
        }
    }
    if told.broken.is_empty() {
        return Ok(());
    }
    let places = told
        .broken
        .iter()
        .map(|broken| output::clean(&format!("entry {} of {}: {}", broken.seq, broken.author, broken.why)));
    Err(output::failed(
        "what was done was changed afterwards",
        places,
        Some("a snapshot from before holds what stood there: mgmt mesh restore, on a host apart"),
        Class::User,
    ))
}
