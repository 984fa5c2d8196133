//! `mgmt mesh admin`: who administers the mesh.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::mesh_reach::{MeshReach, failed};
use crate::cli::output;
use crate::cli::reach::Reach;
use crate::cluster::identity::{AdministratorName, KeyFolder, VerifyingKey};
use crate::cluster::mesh::administering;
use crate::engine::Class;

/// The most that is read of a file with a public key, in bytes.
const MOST_PUBLIC: u64 = 4096;

/// Administrators.
#[derive(Debug, clap::Args)]
pub(super) struct Admin {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Add an administrator: with a key of theirs, or with new ones that are made for them
    ///
    /// Best is a key that never leaves who has it: they make it with `mgmt mesh admin keys --to DIR`, which prints the public half
    /// for --key. What is then in the folder of --to is no secret: they put it beside their keys, and get their certificate with
    /// `mgmt mesh admin renew --keys DIR --seeds HOST:PORT`.
    Add(Add),
    /// Make keys for oneself, before one is added; prints the public key
    ///
    /// Keys that lie there already stay what they are.
    Keys(Keys),
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
    /// Folder for what they need: their keys, unless --key names one; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Their public key, as `mgmt mesh admin keys` prints it, or a file that holds it, also as OpenSSL writes it
    #[arg(long, value_name = "KEY|FILE")]
    key: Option<String>,
    #[command(flatten)]
    reach: MeshReach,
}

#[derive(Debug, clap::Args)]
struct Keys {
    /// Folder that the keys are made in; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
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
        What::Keys(args) => make(args),
        What::List(args) => list(args).await,
        What::Remove(args) => remove(args).await,
        What::Export(args) => export(args),
        What::Renew(args) => renew(args).await,
    }
}

async fn add(args: &Add) -> Result<(), ExitCode> {
    let public = args.key.as_deref().map(public).transpose()?;
    let office = args.reach.office().await?;
    let to = KeyFolder::make(&args.to).map_err(failed)?;
    if let Some(public) = public {
        let key = office.add_key(&args.name, &public, &to).await.map_err(failed)?;
        output::say(&format!("added the administrator {}, with the key {key}", args.name));
        output::say(&format!(
            "what is in {} is for them to put beside their keys; then `mgmt mesh admin renew --keys DIR` gets their certificate",
            to.path().display()
        ));
        return Ok(());
    }
    let key = office.add(&args.name, &to).await.map_err(failed)?;
    output::say(&format!("added the administrator {}, with the key {key}", args.name));
    output::say(&format!(
        "their keys are in {}: hand them over, and leave no copy here; they are used with --keys DIR",
        to.path().display()
    ));
    Ok(())
}

/// A public key, as it was typed or as it is in a file.
fn public(said: &str) -> Result<VerifyingKey, ExitCode> {
    let read = |text: &str| match text.trim_start().starts_with("-----BEGIN") {
        true => VerifyingKey::from_pem(text),
        false => text.trim().to_owned().try_into(),
    };
    if let Ok(key) = read(said) {
        return Ok(key);
    }
    let refused = |cause: String| {
        let hint = "their public key is printed by: mgmt mesh admin keys --to DIR";
        output::failed("--key has neither a public key nor a file with one", [cause], Some(hint), Class::User)
    };
    let mut text = String::new();
    let opened = File::open(said).and_then(|file| file.take(MOST_PUBLIC).read_to_string(&mut text));
    opened.map_err(|error| refused(format!("{}: {error}", output::clean(said))))?;
    read(&text).map_err(|error| refused(format!("{}: {error}", output::clean(said))))
}

fn make(args: &Keys) -> Result<(), ExitCode> {
    let to = KeyFolder::make(&args.to).map_err(failed)?;
    let key = administering::make_keys(&to).map_err(failed)?;
    output::say(&String::from(key));
    output::warn(&format!(
        "the keys are in {}, and stay there; what is printed is for who adds you: mgmt mesh admin add NAME --key KEY --to DIR\n",
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
    let at: Vec<String> = args.reach.endpoints().await?.iter().map(|at| at.url.place()).collect();
    let name = administering::certify(&folder, &at).await.map_err(failed)?;
    output::say(&format!("the administrator {name} has a new certificate"));
    Ok(())
}
