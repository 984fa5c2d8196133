//! `/health`, `/livez`, `/readyz`.

use std::fmt::Write as _;

use bytes::Bytes;
use hyper::{Response, StatusCode};
use serde_json::json;
use tonic::body::Body;

use super::{json, plain};
use crate::cluster::etcd::node::NodeError;
use crate::cluster::etcd::surface::Surface;
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::request::{AlarmKind, Range, Wanted};

/// What makes a server alive.
const LIVE: &[Check] = &[Check::SerializableRead];
/// What makes it ready.
const READY: &[Check] = &[Check::DataCorruption, Check::SerializableRead, Check::LinearizableRead];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    DataCorruption,
    SerializableRead,
    LinearizableRead,
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::DataCorruption => "data_corruption",
            Self::SerializableRead => "serializable_read",
            Self::LinearizableRead => "linearizable_read",
        }
    }

    async fn run(self, surface: &Surface) -> Result<(), String> {
        match self {
            Self::DataCorruption => {
                let corrupt = surface.node.alarms().iter().any(|alarm| alarm.kind == AlarmKind::Corrupt);
                if corrupt { Err("alarm activated: CORRUPT".to_owned()) } else { Ok(()) }
            }
            Self::SerializableRead => read(surface).map_err(|error| format!("range error: {error}")),
            Self::LinearizableRead => {
                let barrier = surface.node.barrier().await;
                barrier.and_then(|()| read(surface)).map_err(|error| format!("range error: {error}"))
            }
        }
    }
}

/// Whether there is a check at a path.
pub fn is_check(path: &str) -> bool {
    path == "/health" || checks_of(path).is_some()
}

/// The checks of a path: all of `/livez` or `/readyz`, or one below.
fn checks_of(path: &str) -> Option<Vec<Check>> {
    let below = |root: &str, all: &[Check]| {
        let rest = path.strip_prefix(root)?;
        if rest.is_empty() || rest == "/" {
            return Some(all.to_vec());
        }
        all.iter().find(|check| rest.strip_prefix('/') == Some(check.name())).map(|check| vec![*check])
    };
    below("/livez", LIVE).or_else(|| below("/readyz", READY))
}

/// Answers a path at which there is a check.
pub async fn answer(surface: &Surface, path: &str, query: &str) -> Response<Body> {
    match checks_of(path) {
        Some(checks) => run(surface, &checks, query).await,
        None => health(surface, query).await,
    }
}

async fn run(surface: &Surface, checks: &[Check], query: &str) -> Response<Body> {
    let (mut lines, mut failed) = (String::new(), false);
    for check in checks {
        let name = check.name();
        // Writing to a string cannot fail.
        let _ = if excluded(query, name) {
            writeln!(lines, "[+]{name} excluded: ok")
        } else {
            match check.run(surface).await {
                Ok(()) => writeln!(lines, "[+]{name} ok"),
                Err(why) => {
                    failed = true;
                    writeln!(lines, "[-]{name} failed: {why}")
                }
            }
        };
    }
    if failed {
        return plain(StatusCode::SERVICE_UNAVAILABLE, lines);
    }
    let verbose = fields(query).any(|(name, _)| name == "verbose");
    plain(StatusCode::OK, if verbose { lines + "ok\n" } else { "ok\n".to_owned() })
}

async fn health(surface: &Surface, query: &str) -> Response<Body> {
    match trouble(surface, query).await {
        None => json(StatusCode::OK, json!({ "health": "true", "reason": "" })),
        Some(reason) => json(StatusCode::SERVICE_UNAVAILABLE, json!({ "health": "false", "reason": reason })),
    }
}

async fn trouble(surface: &Surface, query: &str) -> Option<String> {
    for alarm in surface.node.alarms() {
        let name = match alarm.kind {
            AlarmKind::NoSpace => "NOSPACE",
            AlarmKind::Corrupt => "CORRUPT",
        };
        if !excluded(query, name) {
            return Some(format!("ALARM {name}"));
        }
    }
    let serializable = fields(query).any(|(name, value)| name == "serializable" && value == "true");
    if !serializable {
        if surface.node.standing().leader.is_none() {
            return Some("RAFT NO LEADER".to_owned());
        }
        if let Err(error) = surface.node.barrier().await {
            return Some(format!("RANGE ERROR:{error}"));
        }
    }
    read(surface).err().map(|error| format!("RANGE ERROR:{error}"))
}

/// Reads a key, any key. That the reader is nobody is no trouble.
fn read(surface: &Surface) -> Result<(), NodeError> {
    let any = Range::of(KeyRange::One(Bytes::from_static(b"a")));
    let range = Range { limit: Some(1), wanted: Wanted::CountOnly, ..any };
    match surface.node.range(&range, None) {
        Ok(_) | Err(NodeError::Store(crate::cluster::store::error::StoreError::Auth(_))) => Ok(()),
        Err(error) => Err(error),
    }
}

fn excluded(query: &str, check: &str) -> bool {
    fields(query).any(|(name, value)| name == "exclude" && value == check)
}

fn fields(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').map(|field| field.split_once('=').unwrap_or((field, "")))
}
