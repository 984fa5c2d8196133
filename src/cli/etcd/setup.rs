//! From etcd's flags to settings.

use std::path::PathBuf;
use std::time::Duration;

use super::args::Args;
use crate::cluster::etcd::serve::{AddressError, TlsFiles};
use crate::cluster::etcd::surface::Limits;
use crate::cluster::node::{Config, Founding};
use crate::cluster::peer::{PeerTlsFiles, PeerUrl, PeerUrlError};
use crate::cluster::raft::SnapshotRule;
use crate::cluster::server::Settings;
use crate::cluster::store::member::{InitialCluster, InitialClusterError, MAX_LEARNERS, PeerUrls, UrlError};
use crate::cluster::store::watch;

/// etcd's `--quota-backend-bytes` when it is 0.
const QUOTA_BYTES: u64 = 2 << 30;
/// The log's growth after which a snapshot is made, in bytes; or more, when a snapshot is larger.
const SNAPSHOT_BYTES: u64 = 256 << 20;

/// What is wrong with the flags.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum FlagError {
    #[error("--listen-client-urls: {0}")]
    ListenClients(#[from] AddressError),
    #[error("--{flag}: {source}")]
    PeerUrl { flag: &'static str, source: PeerUrlError },
    #[error("--initial-advertise-peer-urls: {0}")]
    Advertised(#[from] UrlError),
    #[error("--initial-cluster: {0}")]
    Initial(#[from] InitialClusterError),
    #[error("--{given} needs --{missing}, too")]
    Pair { given: &'static str, missing: &'static str },
    #[error(
        "--election-timeout of {election} ms is less than five times --heartbeat-interval of {heartbeat} ms"
    )]
    Election { election: u64, heartbeat: u64 },
    #[error("--auth-token={0} is not known")]
    AuthToken(String),
    #[error("--{flag}: {text:?} is no duration")]
    Duration { flag: &'static str, text: String },
    #[error("--{flag} is not in this version")]
    Missing { flag: &'static str },
}

impl FlagError {
    /// What to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::AuthToken(_) => Some("write simple"),
            Self::Duration { .. } => Some("write a number and a unit, such as 500ms, 30s, 10m, 1h"),
            Self::Missing { .. } => Some("leave it out"),
            _ => None,
        }
    }
}

/// The settings that the flags ask for.
pub fn settings(args: &Args) -> Result<Settings, FlagError> {
    refuse_missing(args)?;
    let listen_clients = args
        .member
        .listen_client_urls
        .iter()
        .map(|url| url.parse())
        .collect::<Result<Vec<_>, AddressError>>()?;
    let listen_peers = peer_urls("listen-peer-urls", &args.member.listen_peer_urls)?;
    let joins = args.cluster.initial_cluster_state == "existing";
    let initial = initial_cluster(args)?;
    let ask = if joins { others(args, &initial)? } else { Vec::new() };
    let limits = Limits {
        request_bytes: args.limits.max_request_bytes as usize,
        txn_ops: args.limits.max_txn_ops as usize,
    };
    Ok(Settings {
        node: config(args, initial)?,
        ask,
        peer_urls: args.cluster.initial_advertise_peer_urls.clone(),
        listen_clients,
        listen_peers,
        client_tls: client_tls(args)?,
        peer_tls: peer_tls(args)?,
        limits,
    })
}

/// What etcd has and this version has not: better said than passed over.
fn refuse_missing(args: &Args) -> Result<(), FlagError> {
    if args.cluster.force_new_cluster {
        return Err(FlagError::Missing { flag: "force-new-cluster" });
    }
    if args.limits.auto_compaction_retention != "0" {
        return Err(FlagError::Missing { flag: "auto-compaction-retention" });
    }
    if !args.member.listen_metrics_urls.is_empty() {
        return Err(FlagError::Missing { flag: "listen-metrics-urls" });
    }
    if args.security.auth_token != "simple" {
        return Err(FlagError::AuthToken(args.security.auth_token.clone()));
    }
    Ok(())
}

fn config(args: &Args, initial: InitialCluster) -> Result<Config, FlagError> {
    let (heartbeat, election) = (args.member.heartbeat_interval, args.member.election_timeout);
    if election < 5 * heartbeat {
        return Err(FlagError::Election { election, heartbeat });
    }
    let name = args.member.name.clone();
    let data_dir = args.member.data_dir.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.etcd")));
    let quota_bytes = match args.limits.quota_backend_bytes {
        0 => QUOTA_BYTES,
        bytes => u64::try_from(bytes).unwrap_or(0),
    };
    let progress_every =
        duration("watch-progress-notify-interval", &args.limits.watch_progress_notify_interval)?;
    Ok(Config {
        founding: Founding::New { members: initial, token: args.cluster.initial_cluster_token.clone() },
        name,
        data_dir,
        client_urls: args.cluster.advertise_client_urls.clone(),
        tick: Duration::from_millis(heartbeat),
        election_ticks: u32::try_from(election / heartbeat).unwrap_or(u32::MAX),
        quota_bytes,
        max_request_bytes: args.limits.max_request_bytes as usize,
        snapshot: args
            .member
            .snapshot_count
            .map_or(SnapshotRule::Bytes(SNAPSHOT_BYTES), SnapshotRule::Entries),
        strict_reconfig: args.cluster.strict_reconfig_check,
        max_learners: MAX_LEARNERS,
        learners_serve: false,
        watch: watch::Limits { progress_every, ..watch::Limits::default() },
        token_ttl: Duration::from_secs(args.security.auth_token_ttl),
        bcrypt_cost: args.security.bcrypt_cost,
    })
}

fn initial_cluster(args: &Args) -> Result<InitialCluster, FlagError> {
    let advertised = PeerUrls::parse(&args.cluster.initial_advertise_peer_urls)?;
    let own = || {
        let urls = &args.cluster.initial_advertise_peer_urls;
        let members: Vec<String> = urls.iter().map(|url| format!("{}={url}", args.member.name)).collect();
        members.join(",")
    };
    let initial: InitialCluster = args.cluster.initial_cluster.clone().unwrap_or_else(own).parse()?;
    initial.agrees_with(&args.member.name, &advertised)?;
    Ok(initial)
}

fn others(args: &Args, initial: &InitialCluster) -> Result<Vec<PeerUrl>, FlagError> {
    let others = initial.iter().filter(|(name, _)| *name != args.member.name);
    let urls: Vec<String> = others.flat_map(|(_, urls)| urls.iter().map(ToString::to_string)).collect();
    peer_urls("initial-cluster", &urls)
}

fn peer_urls(flag: &'static str, urls: &[String]) -> Result<Vec<PeerUrl>, FlagError> {
    urls.iter().map(|url| url.parse().map_err(|source| FlagError::PeerUrl { flag, source })).collect()
}

fn client_tls(args: &Args) -> Result<Option<TlsFiles>, FlagError> {
    let security = &args.security;
    let pair = pair("cert-file", &security.cert_file, "key-file", &security.key_file)?;
    Ok(pair.map(|(certificate, key)| TlsFiles {
        certificate,
        key,
        clients: security.trusted_ca_file.clone(),
        client_must: security.client_cert_auth,
    }))
}

fn peer_tls(args: &Args) -> Result<Option<PeerTlsFiles>, FlagError> {
    let security = &args.security;
    let files = pair("peer-cert-file", &security.peer_cert_file, "peer-key-file", &security.peer_key_file)?;
    let Some((certificate, key)) = files else { return Ok(None) };
    let missing = FlagError::Pair { given: "peer-cert-file", missing: "peer-trusted-ca-file" };
    let trusted = security.peer_trusted_ca_file.clone().ok_or(missing)?;
    Ok(Some(PeerTlsFiles { certificate, key, trusted, client_must: security.peer_client_cert_auth }))
}

fn pair(
    first: &'static str,
    one: &Option<PathBuf>,
    second: &'static str,
    other: &Option<PathBuf>,
) -> Result<Option<(PathBuf, PathBuf)>, FlagError> {
    match (one, other) {
        (Some(one), Some(other)) => Ok(Some((one.clone(), other.clone()))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(FlagError::Pair { given: first, missing: second }),
        (None, Some(_)) => Err(FlagError::Pair { given: second, missing: first }),
    }
}

/// Go's way to write a duration, in one unit.
fn duration(flag: &'static str, text: &str) -> Result<Duration, FlagError> {
    let wrong = || FlagError::Duration { flag, text: text.to_owned() };
    let at = text.find(|digit: char| !digit.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..at].parse().map_err(|_| wrong())?;
    Ok(match &text[at..] {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        "h" => Duration::from_secs(number.saturating_mul(3600)),
        _ => return Err(wrong()),
    })
}

/// Returns when the process is asked to end.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).expect("signals can be listened to");
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate()), listen(SignalKind::interrupt()));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("ends, as it was asked to");
}
