//! `mgmt mesh admin`: who administers the mesh.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::mesh_reach::{MeshReach, failed};
use crate::cli::output;
use crate::cli::reach::Reach;
use crate::cluster::identity::{AdministratorName, KeyFolder};
use crate::cluster::mesh::administering;

/// Administrators.
#[derive(Debug, clap::Args)]
pub(super) struct Admin {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Add an administrator, and make keys for them
    Add(Add),
    /// List the administrators
    List(List),
    /// Remove an administrator: what they sign counts no more
    ///
    /// Hosts that joined by their invites stay, and whom they evicted stays out.
    Remove(Remove),
    /// Move the administrator's keys that lie on this host to a safe place
    Export(Export),
    /// Get a certificate for another year, with the administrator's keys
    Renew(Renew),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// What they are called
    #[arg(value_name = "NAME")]
    name: AdministratorName,
    /// Folder that their keys are made in; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
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

#[derive(Debug, clap::Args)]
struct Remove {
    /// Who
    #[arg(value_name = "NAME")]
    name: AdministratorName,
    #[command(flatten)]
    reach: MeshReach,
}

#[derive(Debug, clap::Args)]
struct Export {
    /// Folder that they are moved to; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, clap::Args)]
struct Renew {
    #[command(flatten)]
    reach: MeshReach,
}

/// Runs the command.
pub(super) async fn main(args: &Admin) -> Result<(), ExitCode> {
    match &args.what {
        What::Add(args) => add(args).await,
        What::List(args) => list(args).await,
        What::Remove(args) => remove(args).await,
        What::Export(args) => export(args),
        What::Renew(args) => renew(args).await,
    }
}

async fn add(args: &Add) -> Result<(), ExitCode> {
    let office = args.reach.office().await?;
    let to = KeyFolder::make(&args.to).map_err(failed)?;
    let key = office.add(&args.name, &to).await.map_err(failed)?;
    output::say(&format!("added the administrator {}, with the key {key}", args.name));
    output::say(&format!(
        "their keys are in {}: hand them over, and leave no copy here; they are used with --keys DIR",
        to.path().display()
    ));
    Ok(())
}

async fn list(args: &List) -> Result<(), ExitCode> {
    let office = args.reach.office().await?;
    let all = office.colleagues().await.map_err(failed)?;
    if args.json {
        output::print_json(&all);
        return Ok(());
    }
    let widest = all.iter().map(|one| one.name.as_str().chars().count()).max().unwrap_or(0);
    for one in &all {
        let own = if one.name == *office.name() { "  (these keys)" } else { "" };
        output::say(&format!("{:widest$}  {}  since {}{own}", one.name.as_str(), one.key, one.since));
    }
    Ok(())
}

async fn remove(args: &Remove) -> Result<(), ExitCode> {
    let office = args.reach.office().await?;
    let gone = office.dismiss(&args.name).await.map_err(failed)?;
    output::say(&format!(
        "removed the administrator {}: what they sign from now on counts no more",
        args.name
    ));
    output::say(&format!(
        "what hosts stand on goes on counting: {}; invites of theirs that nobody had used were taken back: {}",
        output::counted(gone.kept, "statement"),
        gone.taken_back
    ));
    Ok(())
}

fn export(args: &Export) -> Result<(), ExitCode> {
    let from = KeyFolder::open(&args.reach.prefix()).map_err(failed)?;
    let to = KeyFolder::make(&args.to).map_err(failed)?;
    administering::export(&from, &to).map_err(failed)?;
    output::say(&format!("moved the administrator's keys to {}", to.path().display()));
    output::say("commands that decide something about the mesh find them with --keys DIR, or MGMT_KEYS");
    Ok(())
}

async fn renew(args: &Renew) -> Result<(), ExitCode> {
    let folder = args.reach.keys().map_err(failed)?;
    let at = args.reach.places().await?;
    let name = administering::certify(&folder, &at).await.map_err(failed)?;
    output::say(&format!("the administrator {name} has a new certificate"));
    Ok(())
}
