//! What a host's administrator wants of the mesh.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Security;
use crate::cluster::etcd::serve::Address;
use crate::cluster::link::Endpoint;
use crate::cluster::peer::PeerTlsFiles;
use crate::engine::world::HostName;

/// Whether a host may carry the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Volunteer {
    /// Never: `--no-server`.
    Never,
    /// If it is asked to.
    #[default]
    Yes,
    /// Rather than others: `--prefer-server`.
    Prefers,
}

/// What a host's administrator wants.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the host is called.
    pub host: HostName,
    /// Its failure domain; empty: none.
    pub zone: String,
    /// What its administrator says of it.
    pub labels: BTreeMap<String, String>,
    /// Where other hosts, or an etcd, may be.
    pub seeds: Vec<Endpoint>,
    /// Where to listen; empty: at the usual port of the loopback, or at another that is free.
    pub listen: Vec<Address>,
    /// Where others reach it; empty: where it listens.
    pub advertise: Vec<String>,
    /// Whether it may carry the store.
    pub volunteer: Volunteer,
    /// No TCP port is opened.
    pub no_network: bool,
    /// Where it keeps what it knows.
    pub folder: PathBuf,
    /// How connections are protected.
    pub security: Security,
    /// With what TLS is spoken with an etcd that stands in for the mesh's store.
    pub etcd_tls: Option<PeerTlsFiles>,
    /// Join at once, whether or not the graph needs the world.
    pub at_once: bool,
}
