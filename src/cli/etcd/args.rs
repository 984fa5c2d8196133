//! etcd's flags, as far as they are kept.

use std::path::PathBuf;

/// Run the store alone: an etcd v3 server
///
/// It takes etcd's flags, in both forms (`--flag=value` and `--flag value`), and its environment variables (`ETCD_NAME`
/// for `--name`).
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  mgmt etcd                                    alone, for clients of this host, data in ./default.etcd
  mgmt etcd --name a --data-dir /var/lib/etcd --listen-client-urls http://0.0.0.0:2379 \\
            --advertise-client-urls http://a:2379"
)]
pub struct Args {
    /// Print the version, etcd's first
    #[arg(long)]
    pub version: bool,
    #[command(flatten)]
    pub member: MemberArgs,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub security: SecurityArgs,
    #[command(flatten)]
    pub limits: LimitArgs,
    /// How much to log: error, warn, info, debug
    #[arg(long, env = "ETCD_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
    /// Taken for etcd's sake; the log's form is chosen by where it goes
    #[arg(long, env = "ETCD_LOGGER", value_name = "NAME", hide = true)]
    pub logger: Option<String>,
    /// Taken for etcd's sake; logs go to stderr
    #[arg(long, env = "ETCD_LOG_OUTPUTS", value_name = "WHERE", hide = true)]
    pub log_outputs: Option<String>,
}

/// This member.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "This member")]
pub struct MemberArgs {
    /// Its name
    #[arg(long, env = "ETCD_NAME", value_name = "NAME", default_value = "default")]
    pub name: String,
    /// Its folder [default: NAME.etcd]
    #[arg(long, env = "ETCD_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where clients are listened to
    #[arg(
        long,
        env = "ETCD_LISTEN_CLIENT_URLS",
        value_name = "URLS",
        value_delimiter = ',',
        default_value = "http://localhost:2379"
    )]
    pub listen_client_urls: Vec<String>,
    /// Where peers are listened to
    #[arg(
        long,
        env = "ETCD_LISTEN_PEER_URLS",
        value_name = "URLS",
        value_delimiter = ',',
        default_value = "http://localhost:2380"
    )]
    pub listen_peer_urls: Vec<String>,
    /// Where metrics and health are shown too
    #[arg(long, env = "ETCD_LISTEN_METRICS_URLS", value_name = "URLS", value_delimiter = ',')]
    pub listen_metrics_urls: Vec<String>,
    /// A snapshot is made after so many entries of the log [default: when the log has grown by 256 MB]
    #[arg(long, env = "ETCD_SNAPSHOT_COUNT", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub snapshot_count: Option<u64>,
    /// The interval of heartbeats, in milliseconds
    #[arg(long, env = "ETCD_HEARTBEAT_INTERVAL", value_name = "MS", default_value_t = 100,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub heartbeat_interval: u64,
    /// How long to do without a leader before an election, in milliseconds
    #[arg(long, env = "ETCD_ELECTION_TIMEOUT", value_name = "MS", default_value_t = 1000,
          value_parser = clap::value_parser!(u64).range(1..=50_000))]
    pub election_timeout: u64,
}

/// The cluster.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The cluster")]
pub struct ClusterArgs {
    /// Where clients reach this member, as it tells the others
    #[arg(
        long,
        env = "ETCD_ADVERTISE_CLIENT_URLS",
        value_name = "URLS",
        value_delimiter = ',',
        default_value = "http://localhost:2379"
    )]
    pub advertise_client_urls: Vec<String>,
    /// Where peers reach this member
    #[arg(
        long,
        env = "ETCD_INITIAL_ADVERTISE_PEER_URLS",
        value_name = "URLS",
        value_delimiter = ',',
        default_value = "http://localhost:2380"
    )]
    pub initial_advertise_peer_urls: Vec<String>,
    /// The first members, NAME=URL,... [default: this one alone]
    #[arg(long, env = "ETCD_INITIAL_CLUSTER", value_name = "MEMBERS")]
    pub initial_cluster: Option<String>,
    /// `new`, or `existing` for a member that was added to a cluster
    #[arg(long, env = "ETCD_INITIAL_CLUSTER_STATE", value_name = "STATE", default_value = "new",
          value_parser = ["new", "existing"])]
    pub initial_cluster_state: String,
    /// Tells clusters with the same members apart
    #[arg(long, env = "ETCD_INITIAL_CLUSTER_TOKEN", value_name = "TOKEN", default_value = "etcd-cluster")]
    pub initial_cluster_token: String,
    /// Refuse changes of members that would lose the quorum
    #[arg(long, env = "ETCD_STRICT_RECONFIG_CHECK", value_name = "BOOL", default_value_t = true,
          default_missing_value = "true", num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    pub strict_reconfig_check: bool,
    /// Start as the only member of a cluster with this member's data
    #[arg(long, env = "ETCD_FORCE_NEW_CLUSTER", value_name = "BOOL", default_value_t = false,
          default_missing_value = "true", num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    pub force_new_cluster: bool,
}

/// TLS and users.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Security")]
pub struct SecurityArgs {
    /// The certificate shown to clients
    #[arg(long, env = "ETCD_CERT_FILE", value_name = "FILE")]
    pub cert_file: Option<PathBuf>,
    /// Its key
    #[arg(long, env = "ETCD_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Who signs the certificates of clients
    #[arg(long, env = "ETCD_TRUSTED_CA_FILE", value_name = "FILE")]
    pub trusted_ca_file: Option<PathBuf>,
    /// Clients must show a certificate
    #[arg(long, env = "ETCD_CLIENT_CERT_AUTH", value_name = "BOOL", default_value_t = false,
          default_missing_value = "true", num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    pub client_cert_auth: bool,
    /// The certificate shown to peers
    #[arg(long, env = "ETCD_PEER_CERT_FILE", value_name = "FILE")]
    pub peer_cert_file: Option<PathBuf>,
    /// Its key
    #[arg(long, env = "ETCD_PEER_KEY_FILE", value_name = "FILE")]
    pub peer_key_file: Option<PathBuf>,
    /// Who signs the certificates of peers
    #[arg(long, env = "ETCD_PEER_TRUSTED_CA_FILE", value_name = "FILE")]
    pub peer_trusted_ca_file: Option<PathBuf>,
    /// Peers must show a certificate
    #[arg(long, env = "ETCD_PEER_CLIENT_CERT_AUTH", value_name = "BOOL", default_value_t = false,
          default_missing_value = "true", num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    pub peer_client_cert_auth: bool,
    /// How users are recognised: `simple`
    #[arg(long, env = "ETCD_AUTH_TOKEN", value_name = "KIND", default_value = "simple")]
    pub auth_token: String,
    /// How long a token lives without being used, in seconds
    #[arg(long, env = "ETCD_AUTH_TOKEN_TTL", value_name = "S", default_value_t = 300,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub auth_token_ttl: u64,
    /// The cost of hashing passwords
    #[arg(long, env = "ETCD_BCRYPT_COST", value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(4..=31))]
    pub bcrypt_cost: u32,
}

/// What is not taken.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// More data is refused, in bytes; 0: 2 GiB, negative: no bound
    #[arg(
        long,
        env = "ETCD_QUOTA_BACKEND_BYTES",
        value_name = "N",
        default_value_t = 0,
        allow_hyphen_values = true
    )]
    pub quota_backend_bytes: i64,
    /// Transactions with more operations are refused
    #[arg(long, env = "ETCD_MAX_TXN_OPS", value_name = "N", default_value_t = 128)]
    pub max_txn_ops: u32,
    /// Longer requests are refused, in bytes
    #[arg(long, env = "ETCD_MAX_REQUEST_BYTES", value_name = "N", default_value_t = 1_572_864)]
    pub max_request_bytes: u32,
    /// How old data is compacted: `periodic` or `revision`
    #[arg(long, env = "ETCD_AUTO_COMPACTION_MODE", value_name = "MODE", default_value = "periodic",
          value_parser = ["periodic", "revision"])]
    pub auto_compaction_mode: String,
    /// How much of it is kept: hours or a duration, or revisions; 0: all
    #[arg(long, env = "ETCD_AUTO_COMPACTION_RETENTION", value_name = "N", default_value = "0")]
    pub auto_compaction_retention: String,
    /// How often a watch that wants progress is told of it, such as 10m
    #[arg(
        long,
        env = "ETCD_EXPERIMENTAL_WATCH_PROGRESS_NOTIFY_INTERVAL",
        value_name = "DURATION",
        alias = "experimental-watch-progress-notify-interval",
        default_value = "10m"
    )]
    pub watch_progress_notify_interval: String,
}
