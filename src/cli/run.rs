//! `mgmt run`: run a graph on this host until stopped.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::agent::error::AgentError;
use crate::agent::log::{self, LogFormat};
use crate::agent::mesh_choice::MeshChoice;
use crate::agent::places::PrefixChoice;
use crate::agent::web::{Address, Listen};
use crate::agent::{self, Options};
use crate::cluster::etcd::serve::Address as ListenAddress;
use crate::cluster::link::Endpoint;
use crate::cluster::mesh::Volunteer;
use crate::cluster::peer::{PeerTlsFiles, PeerTrust};
use crate::engine::runtime::prepare;
use crate::engine::world::HostName;

use super::{definition, environment, exit, join_token, output, span};

/// Run a graph on this host until stopped
///
/// The text is followed: saving it changes the running graph, and what did not change in it is not touched.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mgmt run site.yaml                           keep this host as the graph says
  mgmt run --converged-timeout 5 site.yaml     once, from cron; ends after 5 quiet seconds
  mgmt run --noop site.yaml                    only look")]
pub struct Args {
    /// The graph: FILE, or `yaml FILE`, `lang FILE`, `puppet FILE`, or `empty`: what is deployed to the mesh
    #[arg(value_name = "FILE", num_args = 0..=2, value_hint = clap::ValueHint::FilePath)]
    what: Vec<PathBuf>,
    /// The graph, as an option
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    #[command(flatten)]
    agent: AgentArgs,
    #[command(flatten)]
    converged: ConvergedArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    mesh: MeshArgs,
    #[command(flatten)]
    idle: IdleArgs,
}

/// How the agent works.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The agent")]
struct AgentArgs {
    /// Folder for what the agent must remember; one agent at a time has it
    /// [default: $STATE_DIRECTORY, /var/lib/mgmt, or the user's cache folder]
    #[arg(long, env = "MGMT_PREFIX", value_name = "DIR")]
    prefix: Option<PathBuf>,
    /// Use a new temporary folder, removed at the end
    #[arg(long, env = "MGMT_TMP_PREFIX")]
    tmp_prefix: bool,
    /// Use a temporary folder if the other cannot be made
    #[arg(long, env = "MGMT_ALLOW_TMP_PREFIX")]
    allow_tmp_prefix: bool,
    /// Read the graph once; do not follow it
    #[arg(long, alias = "no-stream-watch", env = "MGMT_NO_WATCH")]
    no_watch: bool,
    /// Without automatic edges
    #[arg(long, env = "MGMT_NO_AUTOEDGES")]
    no_autoedges: bool,
    /// Without automatic grouping
    #[arg(long, env = "MGMT_NO_AUTOGROUP")]
    no_autogroup: bool,
    /// Change nothing; report what would be changed
    #[arg(long, env = "MGMT_NOOP")]
    noop: bool,
    /// At most N resources at once, by a semaphore around each
    #[arg(long, env = "MGMT_SEMA", value_name = "N", allow_hyphen_values = true)]
    sema: Option<i64>,
    /// At most N resources at once [default: 256 that wait, such as processes, and all others]
    #[arg(long, env = "MGMT_JOBS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
}

/// When it ends.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Ending by itself")]
struct ConvergedArgs {
    /// Exit once nothing had to be changed for N seconds
    #[arg(long, env = "MGMT_CONVERGED_TIMEOUT", value_name = "N", allow_hyphen_values = true)]
    converged_timeout: Option<i64>,
    /// The same, but exit only with --converged-exit
    #[arg(long, env = "MGMT_CONVERGER_TIMEOUT", value_name = "N", allow_hyphen_values = true)]
    converger_timeout: Option<i64>,
    /// Exit once converged
    #[arg(long, env = "MGMT_CONVERGED_EXIT")]
    converged_exit: bool,
    /// Append `true` or `false` to FILE whenever the graph converges or no longer is
    #[arg(long, alias = "converger-status-file", env = "MGMT_CONVERGED_STATUS_FILE", value_name = "FILE")]
    converged_status_file: Option<PathBuf>,
    /// Exit after N seconds, converged or not
    #[arg(long, env = "MGMT_MAX_RUNTIME", value_name = "N")]
    max_runtime: Option<u64>,
}

/// What it writes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// Draw the graph into FILE, in the dot language
    #[arg(long, env = "MGMT_GRAPHVIZ", value_name = "FILE")]
    graphviz: Option<PathBuf>,
    /// Write a report into FILE at the end: JSON, a row a resource
    #[arg(long, env = "MGMT_REPORT", value_name = "FILE")]
    report: Option<PathBuf>,
    /// Record the scheduler's events into FILE, for `mgmt replay`
    #[arg(long, env = "MGMT_RECORD", value_name = "FILE")]
    record: Option<PathBuf>,
    /// Show metrics at ADDR, for Prometheus: PORT (this host only) or IP:PORT
    #[arg(long, env = "MGMT_METRICS", value_name = "ADDR")]
    metrics: Option<Address>,
    /// Show a live page of status at ADDR; may be that of --metrics
    #[arg(long, env = "MGMT_UI", value_name = "ADDR")]
    ui: Option<Address>,
    /// Show metrics at the address of --prometheus-listen
    #[arg(long, env = "MGMT_PROMETHEUS")]
    prometheus: bool,
    /// The address of --prometheus
    #[arg(long, env = "MGMT_PROMETHEUS_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:9233")]
    prometheus_listen: Address,
    /// The form of log lines
    #[arg(long, env = "MGMT_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// How much to log: error, warn, info, debug, trace
    #[arg(long, env = "MGMT_LOG", value_name = "LEVEL", default_value = "info")]
    log: String,
}

/// The mesh of hosts.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The mesh")]
struct MeshArgs {
    /// This host's name in the mesh [default: the machine's]
    #[arg(long, env = "MGMT_HOSTNAME", value_name = "NAME")]
    hostname: Option<HostName>,
    /// Hosts of the mesh to join, any of them: HOST, HOST:PORT or URL; etcd://HOST:PORT for an etcd
    #[arg(long, env = "MGMT_SEEDS", value_name = "ADDRS", value_delimiter = ',')]
    seeds: Vec<Endpoint>,
    /// Join a mesh: a token of `mgmt mesh invite`, or a file that holds one; `-` reads it from standard input. Others can see
    /// command lines: prefer a file, or the systemd credential `mgmt.join`
    #[arg(long, env = "MGMT_JOIN", value_name = "TOKEN|FILE", hide_env_values = true)]
    join: Option<String>,
    /// How long certificates are good that this host issues, such as 1d: they are renewed at half of that [default: 7d]
    #[arg(long, env = "MGMT_CERTIFICATE_VALIDITY", value_name = "TIME", value_parser = span::of)]
    certificate_validity: Option<Duration>,
    /// Speak without TLS: whoever reaches the port can do everything
    #[arg(long, env = "MGMT_INSECURE")]
    insecure: bool,
    /// Who signs the certificates of an etcd (etcds://) that stands in for the mesh's store
    #[arg(long, env = "MGMT_CACERT", value_name = "FILE", requires = "cert", requires = "key")]
    cacert: Option<PathBuf>,
    /// This host's certificate for that etcd
    #[arg(long, env = "MGMT_CERT", value_name = "FILE", requires = "cacert")]
    cert: Option<PathBuf>,
    /// Its key
    #[arg(long, env = "MGMT_KEY", value_name = "FILE", requires = "cacert")]
    key: Option<PathBuf>,
    /// Where to listen: IP:PORT or URL [default: port 2379 of the loopback, or another if it is taken]
    #[arg(long, alias = "client-urls", env = "MGMT_LISTEN", value_name = "ADDRS", value_delimiter = ',', value_parser = listen_address)]
    listen: Vec<ListenAddress>,
    /// Where other hosts reach this one, as URLs [default: where it listens]
    #[arg(
        long,
        alias = "advertise-client-urls",
        env = "MGMT_ADVERTISE",
        value_name = "URLS",
        value_delimiter = ','
    )]
    advertise: Vec<String>,
    /// Never carry the store
    #[arg(long, env = "MGMT_NO_SERVER", conflicts_with = "prefer_server")]
    no_server: bool,
    /// Carry the store rather than others do
    #[arg(long, env = "MGMT_PREFER_SERVER")]
    prefer_server: bool,
    /// Where this host stands: the hosts that carry the store are spread over zones
    #[arg(long, env = "MGMT_ZONE", value_name = "NAME")]
    zone: Option<String>,
    /// What is said of this host, for `mgmt deploy --only`
    #[arg(long, env = "MGMT_LABELS", value_name = "NAME=VALUE", value_delimiter = ',', value_parser = label)]
    label: Vec<(String, String)>,
    /// Do not join the mesh of another agent on this machine: found one of its own
    #[arg(long, env = "MGMT_NO_JOIN")]
    no_join: bool,
    /// Leave the mesh for good when it ends
    #[arg(long, env = "MGMT_LEAVE")]
    leave: bool,
    /// Also listen there, as --listen
    #[arg(long, env = "MGMT_SERVER_URLS", value_name = "URLS", value_delimiter = ',', value_parser = listen_address)]
    server_urls: Vec<ListenAddress>,
    /// Like --advertise
    #[arg(long, env = "MGMT_ADVERTISE_SERVER_URLS", value_name = "URLS", value_delimiter = ',')]
    advertise_server_urls: Vec<String>,
    /// Open no TCP port
    #[arg(long, env = "MGMT_NO_NETWORK")]
    no_network: bool,
    /// With `empty`: run the first deploy that comes, and ignore later ones
    #[arg(long, env = "MGMT_NO_DEPLOY_WATCH")]
    no_deploy_watch: bool,
    /// A store behind SSH (not in this version: accepted, with a notice)
    #[arg(long, env = "MGMT_SSH_URL", value_name = "URL")]
    ssh_url: Option<String>,
    /// Its host key
    #[arg(long, env = "MGMT_SSH_HOSTKEY", value_name = "KEY")]
    ssh_hostkey: Option<String>,
    /// The key to log in with
    #[arg(long, env = "MGMT_SSH_ID", value_name = "FILE")]
    ssh_id: Option<PathBuf>,
}

/// An address to listen at: `IP:PORT`, `PORT`, or a URL.
fn listen_address(text: &str) -> Result<ListenAddress, String> {
    let url = match text.parse::<u16>() {
        Ok(port) => format!("http://127.0.0.1:{port}"),
        Err(_) if text.contains("://") => text.to_owned(),
        Err(_) => format!("http://{text}"),
    };
    url.parse().map_err(|error| format!("{error}"))
}

/// A label: `NAME=VALUE`.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

impl MeshArgs {
    fn choice(&self) -> Result<MeshChoice, String> {
        let etcd_tls = self.cacert.as_ref().zip(self.cert.as_ref()).zip(self.key.as_ref());
        let etcd_tls = etcd_tls.map(|((by, certificate), key)| PeerTlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
            trust: PeerTrust::Signed { by: by.clone(), client_must: true },
        });
        let advertise = self.advertise.iter().chain(&self.advertise_server_urls);
        Ok(MeshChoice {
            hostname: self.hostname.clone(),
            zone: self.zone.clone().unwrap_or_default(),
            labels: self.label.iter().cloned().collect(),
            seeds: self.seeds.clone(),
            insecure: self.insecure,
            token: join_token::given(self.join.as_deref())?.map(Arc::new),
            validity: self.certificate_validity,
            etcd_tls,
            listen: self.listen.iter().chain(&self.server_urls).cloned().collect(),
            advertise: advertise.cloned().collect(),
            volunteer: match (self.no_server, self.prefer_server) {
                (true, _) => Volunteer::Never,
                (false, true) => Volunteer::Prefers,
                (false, false) => Volunteer::Yes,
            },
            no_network: self.no_network,
            no_join: self.no_join,
            leaves: self.leave,
        })
    }
}

/// Options of the Go program without a meaning here.
#[derive(Debug, clap::Args)]
struct IdleArgs {
    #[arg(long, hide = true, num_args = 0..=1, value_name = "ADDR")]
    pprof: Option<Option<String>>,
    #[arg(long, hide = true, env = "MGMT_NO_PGP")]
    no_pgp: bool,
    #[arg(long, hide = true, env = "MGMT_PGP_KEY_PATH")]
    pgp_key_path: Option<PathBuf>,
    #[arg(long, hide = true, env = "MGMT_PGP_IDENTITY")]
    pgp_identity: Option<String>,
    #[arg(long, hide = true, env = "MGMT_NO_RAISE_LIMITS")]
    no_raise_limits: bool,
    #[arg(long, hide = true, env = "MGMT_GRAPHVIZ_FILTER")]
    graphviz_filter: Option<String>,
}

/// Runs the command.
pub fn main(args: Args) -> ExitCode {
    if let Err(error) = log::start(args.output.log_format, &args.output.log) {
        let option = environment::name_of(&definition(), "run", "log");
        return output::usage(&format!("{option} {:?}: {error}", args.output.log), "run");
    }
    let options = match args.options() {
        Ok(options) => options,
        Err(message) => return output::usage(&message, "run"),
    };
    args.notices(&options);
    let file = options.file.clone();
    let one_shot = options.converged_exit || options.max_runtime.is_some();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            output::warn(&format!("error: cannot start: {error}\n"));
            return ExitCode::from(exit::BUSY);
        }
    };
    let ended = runtime.block_on(agent::run(options));
    // What is stuck in the kernel must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(ending) => {
            if let Some(error) = &ending.apart {
                let error = AgentError::from(error.clone());
                // The exit code is the ending's.
                let _ = output::complain(&error, None, None);
            }
            if one_shot {
                output::say(&output::clean(&ending.summary()));
            }
            let code = ending.exit_code();
            match &ending.unreported {
                Some(error) if code == 0 => output::complain(error, None, None),
                Some(error) => {
                    output::complain(error, None, None);
                    ExitCode::from(code)
                }
                None => ExitCode::from(code),
            }
        }
        Err(error) => output::complain(&error, file.as_deref(), Some("nothing was applied")),
    }
}

impl Args {
    fn options(&self) -> Result<Options, String> {
        let asked = self.converged.converged_timeout.or(self.converged.converger_timeout);
        let converged_after = asked.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
        let exit = self.converged.converged_timeout.is_some() || self.converged.converged_exit;
        let sema = self.agent.sema.filter(|count| *count >= 0);
        let sema = sema.map(|count| u32::try_from(count).ok().filter(|count| *count > 0));
        if sema == Some(None) {
            let option = environment::name_of(&definition(), "run", "sema");
            return Err(format!("{option} needs a positive number"));
        }
        Ok(Options {
            file: self.graph()?,
            watch: !self.agent.no_watch,
            prefix: PrefixChoice {
                prefix: self.agent.prefix.clone(),
                temporary: self.agent.tmp_prefix,
                allow_temporary: self.agent.allow_tmp_prefix,
                host: None,
            },
            mesh: self.mesh.choice()?,
            first_deploy_only: self.mesh.no_deploy_watch,
            prepare: prepare::Options {
                autoedges: !self.agent.no_autoedges,
                autogroup: !self.agent.no_autogroup,
            },
            noop: self.agent.noop,
            sema: sema.flatten(),
            jobs: self.agent.jobs,
            converged_after,
            converged_exit: exit && converged_after.is_some(),
            converged_status_file: self.converged.converged_status_file.clone(),
            max_runtime: self.converged.max_runtime.filter(|time| *time > 0).map(Duration::from_secs),
            graphviz: self.output.graphviz.clone(),
            report: self.output.report.clone(),
            record: self.output.record.clone(),
            web: Listen::join(
                self.output
                    .prometheus
                    .then_some(self.output.prometheus_listen)
                    .into_iter()
                    .chain(self.output.metrics),
                self.output.ui,
            ),
        })
    }

    /// The file of the graph, in any of the ways to say it; `None`: the empty graph.
    fn graph(&self) -> Result<Option<PathBuf>, String> {
        // `--pprof` may stand without its address, and then takes what follows it.
        let is_language =
            |word: &PathBuf| ["yaml", "lang", "puppet"].iter().any(|name| word.as_os_str() == *name);
        let lacks = match self.what.as_slice() {
            [] => true,
            [only] => is_language(only),
            _ => false,
        };
        let taken = self.idle.pprof.iter().flatten().filter(|_| lacks && self.file.is_none());
        let what: Vec<PathBuf> = self.what.iter().cloned().chain(taken.map(PathBuf::from)).collect();
        let words: Vec<&str> = what.iter().map(|word| word.to_str().unwrap_or_default()).collect();
        let file = match (words.as_slice(), &self.file) {
            (["empty"], None) => return Ok(None),
            (["empty"], Some(_)) | (["empty", _], _) => return Err("`run empty` takes no file".to_owned()),
            (["yaml" | "lang" | "puppet"], Some(file)) | ([], Some(file)) => file,
            (["yaml" | "lang" | "puppet", _], None) => &what[1],
            (["yaml" | "lang" | "puppet"], None) => return Err(format!("`run {}` needs a file", words[0])),
            ([_], None) => &what[0],
            ([], None) => return Err("which graph? Name a file, or `empty`".to_owned()),
            ([_, _], None) => {
                return Err(format!("{:?} is no language: yaml, lang, puppet or empty", words[0]));
            }
            _ => return Err("the graph is named twice".to_owned()),
        };
        Ok(Some(file.clone()))
    }

    /// Says once what was asked for and has no effect.
    fn notices(&self, options: &Options) {
        let asks = self.converged.converged_status_file.is_some() || self.converged.converged_exit;
        if asks && options.converged_after.is_none() {
            tracing::warn!(
                "has no time after which it is converged: give --converger-timeout too, or the options about it do nothing"
            );
        }
        let (mesh, idle) = (&self.mesh, &self.idle);
        if mesh.ssh_url.is_some() || mesh.ssh_hostkey.is_some() || mesh.ssh_id.is_some() {
            tracing::warn!("this version reaches no store through SSH: the options about it do nothing");
        }
        let idled = idle.pprof.is_some()
            || idle.no_pgp
            || idle.pgp_key_path.is_some()
            || idle.pgp_identity.is_some()
            || idle.graphviz_filter.is_some();
        if idled {
            tracing::warn!("--pprof, --graphviz-filter and the options about PGP do nothing");
        }
    }
}
