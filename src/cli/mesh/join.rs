//! `mgmt mesh join`: this host becomes one of a mesh, before its agent first runs.

use std::process::ExitCode;
use std::time::Duration;

use super::keys::{folder_without_identity, own_prefix};
use crate::agent::lock::Lock;
use crate::cli::mesh_reach::failed;
use crate::cli::reach::Reach;
use crate::cli::{join_token, output};
use crate::cluster::mesh::enrolling;
use crate::engine::{Class, state_dir};

/// With which token.
#[derive(Debug, clap::Args)]
pub(super) struct Join {
    /// The token, a file that holds it, or `-` for standard input; others can see command lines, so prefer the latter two
    #[arg(value_name = "TOKEN")]
    token: String,
    /// Do not offer to carry the store, although the token lets it
    #[arg(long)]
    no_server: bool,
    /// How many seconds hosts of the mesh may take to answer
    #[arg(long, value_name = "N", default_value_t = 30)]
    timeout: u64,
    #[command(flatten)]
    reach: Reach,
}

/// Gets this host its identity.
pub(super) async fn main(args: &Join) -> Result<(), ExitCode> {
    let wrong = |what: &str, hint: Option<&str>| output::failed(what, [], hint, Class::User);
    let token = join_token::given(Some(&args.token)).map_err(|error| wrong(&error, None))?;
    let token = token.ok_or_else(|| wrong("there is no token", Some("mgmt mesh invite prints one")))?;
    let prefix = own_prefix(&args.reach)?;
    let _lock = Lock::take(&prefix).map_err(|error| {
        let hint = "an agent joins by itself: mgmt run --join TOKEN; or stop the agent of this host first";
        wrong(&error.to_string(), Some(hint))
    })?;
    folder_without_identity(
        &prefix,
        "to change over, `mgmt mesh leave` first; another --prefix is another host",
    )?;
    let known = prefix.join("mesh");
    state_dir::make(&known).map_err(|error| wrong(&error.to_string(), None))?;
    let (host, patience) = (args.reach.host(), Duration::from_secs(args.timeout));
    let joined = enrolling::enrol(&prefix, &known, &host, &token, !args.no_server, patience).await;
    let mesh = joined.map_err(failed)?;
    output::say(&format!("{host} is of the mesh {mesh} now; its agent needs no token: mgmt run FILE"));
    Ok(())
}
