//! From etcd's flags to settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::args::Args;
use crate::cluster::etcd::serve::{Address, AddressError, Options, Place, TlsFiles};
use crate::cluster::etcd::surface::Limits;
use crate::cluster::node::auto_compaction::Retention;
use crate::cluster::node::{Config, Founding};
use crate::cluster::peer::{PeerTlsFiles, PeerTrust, PeerUrl, PeerUrlError};
use crate::cluster::raft::SnapshotRule;
use crate::cluster::server::{Listen, SelfSigned, ServerTls, Settings};
use crate::cluster::store::auth::jwt::{Jwt, JwtError};
use crate::cluster::store::auth::option::{AuthTokenError, AuthTokenOption, JwtOption};
use crate::cluster::store::go_duration;
use crate::cluster::store::member::{InitialCluster, InitialClusterError, MAX_LEARNERS, PeerUrls, UrlError};
use crate::cluster::store::watch;

/// etcd's `--quota-backend-bytes` when it is 0.
const QUOTA_BYTES: u64 = 2 << 30;
/// Watches are not told of progress more often.
const SHORTEST_PROGRESS: Duration = Duration::from_millis(100);
/// The log's growth after which a snapshot is made, in bytes; or more, when a snapshot is larger.
const SNAPSHOT_BYTES: u64 = 256 << 20;

/// What is wrong with the flags.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum FlagError {
    #[error("--{flag}: {source}")]
    Address { flag: &'static str, source: AddressError },
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
    #[error("--auth-token: {0}")]
    AuthToken(#[from] AuthTokenError),
    #[error("--auth-token: cannot read {path:?}: {cause}")]
    JwtKey { path: PathBuf, cause: std::io::Error },
    #[error("--auth-token: {0}")]
    Jwt(#[from] JwtError),
    #[error("--auto-compaction-retention: {0:?} is no number of revisions")]
    Revisions(String),
    #[error("--{flag}: {text:?} is no duration")]
    Duration { flag: &'static str, text: String },
}

impl FlagError {
    /// What to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Duration { .. } => Some("write a number and a unit, such as 500ms, 30s, 10m, 1h"),
            Self::Revisions(_) => {
                Some("write a number, such as 1000; durations go with --auto-compaction-mode=periodic")
            }
            _ => None,
        }
    }
}

/// The settings that the flags ask for.
pub fn settings(args: &Args) -> Result<Settings, FlagError> {
    let listen_clients = addresses("listen-client-urls", &args.member.listen_client_urls)?;
    let listen_metrics = addresses("listen-metrics-urls", &args.member.listen_metrics_urls)?;
    let listen_peers = peer_urls("listen-peer-urls", &args.member.listen_peer_urls)?;
    let joins = args.cluster.initial_cluster_state == "existing";
    let initial = initial_cluster(args)?;
    let ask = if joins { others(args, &initial)? } else { Vec::new() };
    let limits = Limits {
        request_bytes: args.limits.max_request_bytes as usize,
        txn_ops: args.limits.max_txn_ops as usize,
    };
    let node = config(args, initial)?;
    let (client_tls, client_signed) = client_tls(args, &node.data_dir, &listen_clients)?;
    let (peer_tls, peer_signed) = peer_tls(args, &node.data_dir, &listen_peers)?;
    Ok(Settings {
        node,
        ask,
        peer_urls: args.cluster.initial_advertise_peer_urls.clone(),
        listen_clients: listen_clients.into_iter().map(Listen::At).collect(),
        listen_peers,
        peers_at_clients: false,
        listen_metrics,
        tls: ServerTls::Files { clients: client_tls, peers: peer_tls },
        guard: None,
        self_signed: client_signed.into_iter().chain(peer_signed).collect(),
        auto_compaction: auto_compaction(args)?,
        concurrent_streams: args.limits.max_concurrent_streams,
        connections: crate::cluster::server::connections(),
        farewell: Options::default().farewell,
        limits,
    })
}

fn addresses(flag: &'static str, urls: &[String]) -> Result<Vec<Address>, FlagError> {
    urls.iter().map(|url| url.parse().map_err(|source| FlagError::Address { flag, source })).collect()
}

/// As etcd reads it: a bare number is hours, or revisions.
fn auto_compaction(args: &Args) -> Result<Option<Retention>, FlagError> {
    let text = &args.limits.auto_compaction_retention;
    let number = text.parse::<u64>().ok();
    if args.limits.auto_compaction_mode == "revision" {
        let count = number.ok_or_else(|| FlagError::Revisions(text.clone()))?;
        return Ok((count > 0).then_some(Retention::Revisions(count)));
    }
    let period = match number {
        Some(hours) => Duration::from_secs(hours.saturating_mul(60 * 60)),
        None => duration("auto-compaction-retention", text)?,
    };
    Ok((!period.is_zero()).then_some(Retention::Period(period)))
}

fn jwt(args: &Args) -> Result<Option<Arc<Jwt>>, FlagError> {
    let option = match args.security.auth_token.parse()? {
        AuthTokenOption::Simple => return Ok(None),
        AuthTokenOption::Jwt(option) => option,
    };
    let JwtOption { method, public_key, private_key, ttl, unknown } = option;
    for name in unknown {
        tracing::warn!(%name, "an option of --auth-token is not known and not looked at");
    }
    let read = |path: Option<PathBuf>| {
        path.map(|path| std::fs::read(&path).map_err(|cause| FlagError::JwtKey { path, cause })).transpose()
    };
    let (public, private) = (read(public_key)?, read(private_key)?);
    Ok(Some(Arc::new(Jwt::new(method, public.as_deref(), private.as_deref(), ttl)?)))
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
    // More often it would be all that a member does; as in etcd.
    let progress_every = progress_every.max(SHORTEST_PROGRESS);
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
        force_new_cluster: args.cluster.force_new_cluster,
        jwt: jwt(args)?,
        strict_reconfig: args.cluster.strict_reconfig_check,
        max_learners: MAX_LEARNERS,
        learners_serve: false,
        watch: watch::Limits { progress_every, ..watch::Limits::default() },
        token_ttl: Duration::from_secs(args.security.auth_token_ttl),
        bcrypt_cost: args.security.bcrypt_cost,
        compare_every: compare_every(args)?,
        compare_at_start: args.limits.experimental_initial_corrupt_check,
    })
}

fn compare_every(args: &Args) -> Result<Option<Duration>, FlagError> {
    let every = duration("experimental-corrupt-check-time", &args.limits.experimental_corrupt_check_time)?;
    Ok((!every.is_zero()).then_some(every))
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

fn client_tls(
    args: &Args,
    data_dir: &Path,
    listen: &[Address],
) -> Result<(Option<TlsFiles>, Option<SelfSigned>), FlagError> {
    let security = &args.security;
    let (clients, client_must) = (security.trusted_ca_file.clone(), security.client_cert_auth);
    let files = |(certificate, key)| TlsFiles { certificate, key, clients, client_must };
    let pair = pair("cert-file", &security.cert_file, "key-file", &security.key_file)?;
    if pair.is_some() || !security.auto_tls {
        return Ok((pair.map(files), None));
    }
    let host = |address: &Address| match &address.place {
        Place::Tcp(host, _) => Some(host.clone()),
        Place::Unix(_) => None,
    };
    let own = SelfSigned::new(data_dir, "client", listen.iter().filter_map(host).collect());
    Ok((Some(files((own.certificate(), own.key()))), Some(own)))
}

fn peer_tls(
    args: &Args,
    data_dir: &Path,
    listen: &[PeerUrl],
) -> Result<(Option<PeerTlsFiles>, Option<SelfSigned>), FlagError> {
    let security = &args.security;
    let files = pair("peer-cert-file", &security.peer_cert_file, "peer-key-file", &security.peer_key_file)?;
    if let Some((certificate, key)) = files {
        let missing = FlagError::Pair { given: "peer-cert-file", missing: "peer-trusted-ca-file" };
        let by = security.peer_trusted_ca_file.clone().ok_or(missing)?;
        let trust = PeerTrust::Signed { by, client_must: security.peer_client_cert_auth };
        return Ok((Some(PeerTlsFiles { certificate, key, trust }), None));
    }
    if !security.peer_auto_tls {
        return Ok((None, None));
    }
    let own = SelfSigned::new(data_dir, "peer", listen.iter().map(|url| url.host.clone()).collect());
    let (certificate, key) = (own.certificate(), own.key());
    Ok((Some(PeerTlsFiles { certificate, key, trust: PeerTrust::Anybody }), Some(own)))
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

fn duration(flag: &'static str, text: &str) -> Result<Duration, FlagError> {
    go_duration::parse(text).ok_or_else(|| FlagError::Duration { flag, text: text.to_owned() })
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
