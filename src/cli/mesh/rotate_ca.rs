//! `mgmt mesh rotate-ca`: another authority for the mesh.

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::mesh_reach::{MeshReach, failed};
use crate::cli::output;
use crate::cluster::mesh::administering::Office;
use crate::engine::world::HostName;

/// For how long hosts are waited for, by default, in seconds.
const WAIT_S: u64 = 60;

/// How long to wait, and what then.
#[derive(Debug, clap::Args)]
pub(super) struct RotateCa {
    /// For how many seconds hosts that are there may take to get new certificates
    #[arg(long, value_name = "N", default_value_t = WAIT_S)]
    wait: u64,
    /// Believe the old authority no more then, also if some have none
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    reach: MeshReach,
}

/// Gives the mesh another authority.
pub(super) async fn main(args: &RotateCa) -> Result<(), ExitCode> {
    let office = args.reach.office().await?;
    rotate(&office, Duration::from_secs(args.wait), args.force).await
}

/// The same after a server was evicted.
pub(super) async fn after_eviction(office: &Office) -> Result<(), ExitCode> {
    rotate(office, Duration::from_secs(WAIT_S), false).await
}

async fn rotate(office: &Office, wait: Duration, force: bool) -> Result<(), ExitCode> {
    let rotated = office.rotate(wait, force, output::say).await.map_err(failed)?;
    output::say(&format!(
        "the mesh is known by {} now, and {} new certificates; nobody believes the authority before any more",
        rotated.root,
        match rotated.moved {
            1 => "1 host has".to_owned(),
            many => format!("{many} hosts have"),
        }
    ));
    if !rotated.away.is_empty() {
        let away = HostName::list(&rotated.away);
        output::say(&format!("not there, and to get theirs when they come back: {away}"));
    }
    output::say("programs that know the mesh by its roots need them anew: mgmt mesh env");
    Ok(())
}
