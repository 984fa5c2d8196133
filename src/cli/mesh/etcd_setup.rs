//! `mgmt mesh etcd-setup`: the rules of a mesh, for an etcd that stands in for its store.

use std::process::ExitCode;

use crate::cli::output;
use crate::cluster::identity::{AdministratorName, etcd_roles};
use crate::engine::world::HostName;

/// Whom it is for.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: mgmt mesh etcd-setup web-1 web-2 | ETCDCTL_ENDPOINTS=… ETCDCTL_USER=root:… sh"
)]
pub(super) struct EtcdSetup {
    /// Hosts
    #[arg(value_name = "HOST", required = true)]
    hosts: Vec<HostName>,
    /// Administrators, who may do everything there
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    administrator: Vec<AdministratorName>,
}

/// Prints the script.
pub(super) fn main(args: &EtcdSetup) -> Result<(), ExitCode> {
    output::print(&etcd_roles::script(&args.hosts, &args.administrator));
    Ok(())
}
