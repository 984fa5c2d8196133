//! `mgmt mesh evict`: a host is out.

use std::process::ExitCode;

use super::rotate_ca;
use crate::cli::mesh_reach::{MeshReach, failed};
use crate::cli::output;
use crate::cluster::link::Endpoint;
use crate::cluster::mesh::administering;
use crate::engine::world::HostName;

/// Which host.
#[derive(Debug, clap::Args)]
pub(super) struct Evict {
    /// The host
    #[arg(value_name = "NAME")]
    host: HostName,
    /// Tell it directly to this server, which is cut off from the others: HOST:PORT
    #[arg(long, value_name = "ADDR")]
    at: Option<Endpoint>,
    #[command(flatten)]
    reach: MeshReach,
}

/// Puts a host out.
pub(super) async fn main(args: &Evict) -> Result<(), ExitCode> {
    let Evict { host, at, reach } = args;
    if let Some(at) = at {
        return hand_over(host, at, reach).await;
    }
    let office = reach.office().await?;
    let evicted = office.evict(host).await.map_err(failed)?;
    if evicted.before {
        output::say(&format!("{host} was evicted already, at {}", evicted.at));
    } else {
        output::say(&format!(
            "evicted {host}: every server closes its connections, and believes its certificates and keys no more"
        ));
    }
    let removed = output::counted(evicted.removed, "key");
    output::say(&format!("removed from the store what it had written, and what was for it alone: {removed}"));
    output::say(&format!(
        "another host may be called {host} now; the evicted one needs new keys and a new token to come back"
    ));
    if evicted.served {
        output::say("it carried the store: others take over, and it is removed from the members");
        output::say("it had the key that certificates are signed with, so that is replaced now:");
        rotate_ca::after_eviction(&office).await?;
    }
    Ok(())
}

async fn hand_over(host: &HostName, at: &Endpoint, reach: &MeshReach) -> Result<(), ExitCode> {
    let folder = reach.keys().map_err(failed)?;
    let since = administering::hand_over(&folder, host, at).await.map_err(failed)?;
    output::say(&format!("{at} believes no certificate any more that was given to {host} until {since}"));
    output::say(&format!(
        "nobody else knows: when the mesh can decide again, evict it there too: mgmt mesh evict {host}"
    ));
    Ok(())
}
