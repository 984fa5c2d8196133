//! `mgmt mesh allow`: what hosts may write of what is everybody's.

use std::process::ExitCode;

use crate::cli::mesh_reach::{MeshReach, failed};
use crate::cli::output;
use crate::cluster::identity::{HostPattern, KvGrant};
use crate::engine::Class;

/// What hosts may do.
#[derive(Debug, clap::Args)]
pub(super) struct Allow {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Let hosts write the shared texts whose names begin so
    Kv(Kv),
    /// List what is allowed
    List(List),
}

#[derive(Debug, clap::Args)]
struct Kv {
    /// What the names of the texts begin with; "" stands for all
    #[arg(value_name = "PREFIX")]
    beginning: String,
    /// Which hosts; `*` and `?` stand for anything
    #[arg(long, value_name = "PATTERN")]
    host: HostPattern,
    /// Take it back
    #[arg(long)]
    revoke: bool,
    #[command(flatten)]
    reach: MeshReach,
}

#[derive(Debug, clap::Args)]
struct List {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: MeshReach,
}

/// Runs the command.
pub(super) async fn main(args: &Allow) -> Result<(), ExitCode> {
    match &args.what {
        What::Kv(kv) => change(kv).await,
        What::List(list) => show(list).await,
    }
}

async fn change(args: &Kv) -> Result<(), ExitCode> {
    let Kv { beginning: prefix, host, revoke, reach } = args;
    let grant = KvGrant { prefix: prefix.clone(), hosts: host.clone() };
    let office = reach.office().await?;
    if !revoke {
        office.allow(&grant).await.map_err(failed)?;
        output::say(&format!("hosts called {host} may write shared texts whose names begin with {prefix:?}"));
        return Ok(());
    }
    match office.disallow(&grant).await.map_err(failed)? {
        true => {
            let those =
                format!("hosts called {host} may write shared texts whose names begin with {prefix:?}");
            output::say(&format!("taken back: {those}, unless something else allows it"));
            Ok(())
        }
        false => Err(output::failed(
            &format!("nothing allows hosts called {host} to write shared texts that begin with {prefix:?}"),
            [],
            Some(
                "`mgmt mesh allow list` shows what is allowed; PREFIX and PATTERN must be as they were given",
            ),
            Class::User,
        )),
    }
}

async fn show(args: &List) -> Result<(), ExitCode> {
    let office = args.reach.office().await?;
    let grants = office.allowed().await.map_err(failed)?;
    if args.json {
        output::print_json(&grants);
        return Ok(());
    }
    if grants.is_empty() {
        output::say("hosts may write no shared texts");
    }
    for KvGrant { prefix, hosts } in &grants {
        output::say(&format!("kv {prefix:?}  hosts {hosts}"));
    }
    Ok(())
}
