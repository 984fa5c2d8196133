//! Why a host cannot take part.

use std::io::ErrorKind;
use std::path::PathBuf;

use crate::cluster::etcd::node::NodeError;
use crate::cluster::etcd::serve::ListenError;
use crate::cluster::identity::{IdentityError, MeshId};
use crate::cluster::joining::JoinError;
use crate::cluster::node::{LeaveError, RebirthError};
use crate::cluster::server::ServerError;
use crate::cluster::tls::TlsError;
use crate::cluster::world::ClientError;
use crate::engine::world::{HostName, WorldError};

/// Why a host cannot take part.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum MeshError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("cannot carry the store")]
    Server(#[from] Box<ServerError>),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("cannot {operation} {path:?}")]
    Memory { operation: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{path:?} cannot be understood: {why}")]
    BadMemory { path: PathBuf, why: String },
    #[error("another host of the name {host} is in the mesh: {other}")]
    NameTaken { host: HostName, other: String },
    #[error(transparent)]
    World(#[from] WorldError),
    #[error("cannot leave the mesh")]
    Leave(#[from] LeaveError),
    #[error("this host carries no store: there is none in {folder:?}")]
    NoStore { folder: PathBuf },
    #[error("this host has a store already: {folder:?}")]
    HasStore { folder: PathBuf },
    #[error(transparent)]
    Rebirth(#[from] Box<RebirthError>),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Join(#[from] JoinError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot write who is who into the store")]
    FirstWrites { source: NodeError },
    #[error("no connection: {why}")]
    Unreached { why: String },
    #[error("this host has no identity in the mesh of {seeds}")]
    NoToken { seeds: String },
    #[error("this host belongs to a mesh with TLS: its keys are in {path:?}")]
    KeysHere { path: PathBuf },
    #[error("this host belongs to the mesh {mesh}, and does not know where that is")]
    Lost { mesh: MeshId },
    #[error("this host belongs to a mesh without TLS")]
    WithoutTls,
    #[error("no host {host} has an identity in this mesh")]
    UnknownHost { host: HostName, meant: Option<String> },
    #[error("without {host} the store cannot go on: {voters} vote, and the others are too few")]
    Indispensable { host: HostName, voters: usize },
    #[error("{host} is the only one of the mesh that this command knows how to reach")]
    OnlyWay { host: HostName },
    #[error("{address} does not take it: it does not know this administrator")]
    NotTaken { address: String },
    #[error("{path:?} is another administrator's")]
    OthersKeys { path: PathBuf },
    #[error("what was done last, under {key}, cannot be understood")]
    BadAudit { key: String, source: serde_json::Error },
    #[error("cannot {operation}: somebody else changes the same again and again")]
    Contended { operation: &'static str },
    #[error(
        "no new certificates in time on {}; both authorities are believed until then",
        HostName::list(hosts)
    )]
    Unmoved { hosts: Vec<HostName> },
    #[error("this host takes part in no mesh")]
    Apart,
    #[error("no address to listen at is left")]
    NoAddress,
}

impl MeshError {
    /// Whether those who were asked do not know this host as a member.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Server(error) if matches!(**error, ServerError::NotAMember { .. }))
    }

    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Listen(ListenError::Bind { cause, .. }) if cause.kind() == ErrorKind::AddrInUse => {
                Some("end what listens there, or choose another address: --listen ADDR:PORT".to_owned())
            }
            Self::Listen(ListenError::Bind { cause, .. }) if cause.kind() == ErrorKind::AddrNotAvailable => {
                Some("choose one that this host has, as `ip -brief address` shows: --listen ADDR:PORT".to_owned())
            }
            Self::Server(error) => error.hint().map(str::to_owned),
            Self::NameTaken { host, .. } => Some(format!(
                "give one of the two another name: --hostname; when the other one is gone for good, {host} is free \
                 after {} s",
                crate::cluster::world::session::TTL_S
            )),
            Self::BadMemory { .. } => {
                Some("move it away; the host then joins as a new one, by --seeds".to_owned())
            }
            Self::NoStore { .. } => Some(
                "run this on a host that carried the store (`mgmt mesh members` told them), with the --hostname or \
                 --prefix of its agent"
                    .to_owned(),
            ),
            Self::Identity(error) | Self::Tls(TlsError::Identity(error)) => error.hint(),
            Self::Join(error) => error.hint(),
            Self::NoToken { .. } => Some(
                "an administrator makes a token with `mgmt mesh invite`; start this host with it: --join TOKEN. Hosts of a mesh \
                 without TLS are started with --insecure"
                    .to_owned(),
            ),
            Self::Lost { .. } => Some("name a host of it: --seeds HOST:PORT".to_owned()),
            Self::KeysHere { .. } => Some("start it without --insecure, or with another --prefix".to_owned()),
            Self::WithoutTls => Some(
                "start it with --insecure as before; for a mesh with TLS, `mgmt mesh leave` first, or name another --prefix"
                    .to_owned(),
            ),
            Self::UnknownHost { meant: Some(meant), .. } => Some(format!("did you mean {meant}?")),
            Self::UnknownHost { meant: None, .. } => {
                Some("`mgmt mesh members` lists those that are there".to_owned())
            }
            Self::Indispensable { host, .. } => Some(format!(
                "let others carry the store first (`mgmt mesh status` shows who does); or end {host} by force, begin anew on \
                 another host that carries the store with `mgmt mesh recover`, and evict it then"
            )),
            Self::OnlyWay { .. } => Some("name another host: --seeds HOST:PORT".to_owned()),
            Self::OthersKeys { .. } => Some("name another folder: --to DIR".to_owned()),
            Self::Contended { .. } => Some("try again".to_owned()),
            Self::Unmoved { .. } => Some(
                "look at their logs, and run `mgmt mesh rotate-ca` again; with --force the mesh goes on without them, and they get \
                 theirs when they come back"
                    .to_owned(),
            ),
            Self::HasStore { .. } => {
                Some("--replace puts it aside, and takes the snapshot in its place".to_owned())
            }
            _ => None,
        }
    }
}
