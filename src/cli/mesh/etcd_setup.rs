//! `mgmt mesh etcd-setup`: the rules of a mesh, for an etcd that stands in for its store.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Output, Stdio};

use crate::cli::output;
use crate::cluster::identity::AdministratorName;
use crate::cluster::identity::etcd_roles::{self, EtcdCommand};
use crate::engine::Class;
use crate::engine::world::HostName;

/// How much of what etcdctl complains of is shown, in bytes.
const SHOWN: usize = 2_000;

/// Whom it is for.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mgmt mesh etcd-setup web-1 web-2 | less       what it would do, and what roles cannot say
  ETCDCTL_USER=root:… mgmt mesh etcd-setup web-1 web-2 --apply --endpoints etcd-1:2379

--apply runs etcdctl, which takes all that is not said here from its own variables, ETCDCTL_*. Others see a password on a
command line: better is ETCDCTL_USER.")]
pub(super) struct EtcdSetup {
    /// Hosts
    #[arg(value_name = "HOST", required = true)]
    hosts: Vec<HostName>,
    /// Administrators, who may do everything there
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    administrator: Vec<AdministratorName>,
    /// Do it, with etcdctl: without, it is only printed. It may be done again
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    etcd: Etcd,
}

/// Where the etcd is, and as whom one comes.
#[derive(Debug, clap::Args)]
struct Etcd {
    /// Where etcd is
    #[arg(long, value_name = "ADDRS", requires = "apply")]
    endpoints: Option<String>,
    /// Whose certificates are believed
    #[arg(long, value_name = "FILE", requires = "apply")]
    cacert: Option<PathBuf>,
    /// The certificate to come with
    #[arg(long, value_name = "FILE", requires = "apply")]
    cert: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", requires = "apply")]
    key: Option<PathBuf>,
    /// The user to come as, of the role root
    #[arg(long, value_name = "NAME[:PASSWORD]", requires = "apply")]
    user: Option<String>,
}

/// Prints the script, or does what is in it.
pub(super) fn main(args: &EtcdSetup) -> Result<(), ExitCode> {
    if !args.apply {
        output::print(&etcd_roles::script(&args.hosts, &args.administrator));
        return Ok(());
    }
    let commands = etcd_roles::commands(&args.hosts, &args.administrator);
    for command in &commands {
        args.etcd.run(command)?;
    }
    output::say(&format!(
        "gave {} and {} their users and roles",
        output::counted(args.hosts.len(), "host"),
        output::counted(args.administrator.len(), "administrator")
    ));
    // Old clients of etcd cannot tell whether it is.
    output::say("they count while authentication is on; once root has a user: etcdctl auth enable");
    output::say("what roles of etcd cannot say is printed without --apply");
    Ok(())
}

impl Etcd {
    /// etcdctl: what secret there is comes to it by its environment, which nobody else sees.
    fn etcdctl(&self, words: &[String]) -> std::io::Result<Output> {
        let mut etcdctl = Command::new("etcdctl");
        etcdctl.args(words).env("ETCDCTL_API", "3").stdin(Stdio::null());
        let texts = [("ETCDCTL_ENDPOINTS", &self.endpoints), ("ETCDCTL_USER", &self.user)];
        let files =
            [("ETCDCTL_CACERT", &self.cacert), ("ETCDCTL_CERT", &self.cert), ("ETCDCTL_KEY", &self.key)];
        etcdctl.envs(texts.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
        etcdctl.envs(files.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
        etcdctl.output()
    }

    fn run(&self, command: &EtcdCommand) -> Result<(), ExitCode> {
        let failed = |what: &str, cause: String, hint: &str| {
            Err(output::failed(what, [cause], Some(hint), Class::Transient))
        };
        let done = match self.etcdctl(&command.words) {
            Ok(done) => done,
            Err(error) => {
                let hint = "install etcd's client; or run what is printed without --apply where it is";
                return failed("cannot run etcdctl", error.to_string(), hint);
            }
        };
        let said = String::from_utf8_lossy(&done.stderr[..done.stderr.len().min(SHOWN)]).into_owned();
        if done.status.success() || command.makes && said.contains("already exists") {
            return Ok(());
        }
        let hint = "look at --endpoints, --cacert and --user; what was done until then stays, and it may be done again";
        failed(&output::clean(&format!("etcd refuses: {command}")), output::clean(said.trim()), hint)
    }
}
