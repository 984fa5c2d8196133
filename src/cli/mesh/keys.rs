//! `mgmt mesh init|invite|env`: who may be of the mesh.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::agent::places::{Places, PrefixChoice};
use crate::cli::mesh_reach::{MeshReach, failed};
use crate::cli::reach::Reach;
use crate::cli::{output, run, span};
use crate::cluster::identity::{AdministratorName, HOST_VALIDITY, HostPattern, KeyFolder, key_files};
use crate::cluster::joining::{self, Founder, Terms};
use crate::cluster::mesh::inviting;
use crate::cluster::{shell_word, tls};
use crate::engine::Class;

/// Make a mesh.
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// What its first administrator is called
    #[arg(long, value_name = "NAME", default_value = "root")]
    administrator: AdministratorName,
    #[command(flatten)]
    reach: Reach,
}

/// Invite a host.
#[derive(Debug, clap::Args)]
pub(super) struct Invite {
    /// What it may be called; `*` and `?` stand for anything
    #[arg(long, value_name = "PATTERN", default_value = "*")]
    host: HostPattern,
    /// How many hosts may join with it
    #[arg(long, value_name = "N", default_value_t = 1)]
    uses: u32,
    /// For how long, such as 30m, 1h or 7d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = span::of)]
    ttl: Duration,
    /// Where it stands
    #[arg(long, value_name = "NAME", default_value = "")]
    zone: String,
    /// What is said of it
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',', value_parser = run::label)]
    label: Vec<(String, String)>,
    /// It may carry the store
    #[arg(long)]
    serve: bool,
    #[command(flatten)]
    reach: MeshReach,
}

/// Variables for etcdctl.
#[derive(Debug, clap::Args)]
pub(super) struct Env {
    #[command(flatten)]
    reach: MeshReach,
}

/// The folder of this host's own, made if need be.
pub(super) fn own_prefix(reach: &Reach) -> Result<PathBuf, ExitCode> {
    let prefix = Some(reach.prefix());
    let choice = PrefixChoice { prefix, temporary: false, allow_temporary: false, host: None };
    let places = Places::make(&choice).map_err(|error| output::complain(&error.into(), None, None))?;
    Ok(places.prefix)
}

/// Where the keys of this host are to lie, which must be of no mesh yet; or else what to do.
pub(super) fn folder_without_identity(prefix: &Path, hint: &str) -> Result<KeyFolder, ExitCode> {
    let folder = KeyFolder::open(prefix).map_err(failed)?;
    match joining::has_identity(&folder).map_err(failed)? {
        None => Ok(folder),
        Some(mesh) => {
            let what = format!("this host belongs to the mesh {mesh} already");
            Err(output::failed(&what, [], Some(hint), Class::User))
        }
    }
}

/// Makes a mesh.
pub(super) fn init(args: &Init) -> Result<(), ExitCode> {
    let prefix = own_prefix(&args.reach)?;
    let hint = "its keys are in the folder pki of its prefix; another --prefix is another host";
    let folder = folder_without_identity(&prefix, hint)?;
    let host = args.reach.host();
    let founder = Founder {
        host: &host,
        administrator: &args.administrator,
        names: &[],
        addresses: &[],
        validity: HOST_VALIDITY,
        now: tls::now(),
    };
    let made = joining::found(&folder, &founder).map_err(failed)?;
    output::say(&format!("made the mesh {}, with {host} as its first host", made.mesh));
    output::say(&format!(
        "the administrator {} signs with {}: `mgmt mesh admin export --to DIR` moves what belongs to it to a safe place, to be named with --keys",
        args.administrator,
        folder.path_of(key_files::ADMIN_KEY).display()
    ));
    Ok(())
}

/// Prints a token.
pub(super) async fn invite(args: &Invite) -> Result<(), ExitCode> {
    let folder = args.reach.keys().map_err(failed)?;
    let client = args.reach.client().await?;
    let terms = Terms {
        hosts: args.host.clone(),
        uses: args.uses,
        expires: tls::now().later(args.ttl),
        zone: args.zone.clone(),
        labels: args.label.iter().cloned().collect(),
        serve: args.serve,
    };
    let token = inviting::invite(&client, &folder, terms).await.map_err(failed)?;
    let times = output::counted(args.uses as usize, "host");
    args.reach.note(&client, &format!("invited {times} called {}", args.host)).await;
    output::say(&token);
    Ok(())
}

/// Prints what etcdctl needs.
pub(super) async fn env(args: &Env) -> Result<(), ExitCode> {
    let folder = args.reach.keys().map_err(failed)?;
    let client = args.reach.client().await?;
    let endpoints: Vec<String> = client.link().endpoints().iter().map(ToString::to_string).collect();
    let is_there = |name: &str| folder.path_of(name).exists();
    let (certificate, key) = match is_there(key_files::ADMIN_CERTIFICATE) {
        true => (key_files::ADMIN_CERTIFICATE, key_files::ADMIN_TLS_KEY),
        false => (key_files::HOST_CERTIFICATE, key_files::HOST_TLS_KEY),
    };
    let quoted = |path: &Path| shell_word(&path.display().to_string());
    output::say("export ETCDCTL_API=3");
    output::say(&format!("export ETCDCTL_ENDPOINTS={}", endpoints.join(",")));
    if endpoints.iter().any(|endpoint| endpoint.starts_with("https://")) {
        output::say(&format!("export ETCDCTL_CACERT={}", quoted(&folder.path_of(key_files::ROOTS))));
        output::say(&format!("export ETCDCTL_CERT={}", quoted(&folder.path_of(certificate))));
        output::say(&format!("export ETCDCTL_KEY={}", quoted(&folder.path_of(key))));
    }
    Ok(())
}
