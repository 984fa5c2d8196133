//! Who is there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Follow, HostName};

/// What a host does for the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duty {
    /// It takes part in consensus.
    Voter,
    /// It follows the log, and serves reads and watches.
    Relay,
    /// It carries no store.
    #[default]
    Client,
}

/// What a host tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCard {
    /// Where it is reached, as URLs.
    pub addresses: Vec<String>,
    /// Its failure domain; empty: none was named.
    pub zone: String,
    /// The version of its program.
    pub version: String,
    /// What its administrator says of it.
    pub labels: BTreeMap<String, String>,
    /// What it does for the store.
    pub duty: Duty,
    /// Whether it has renewed its lease.
    pub alive: bool,
}

/// Who is there.
pub trait Directory: fmt::Debug + Send + Sync {
    /// Follows all hosts that belong to the mesh, present or not.
    fn hosts(&self) -> Follow<Arc<BTreeMap<HostName, HostCard>>>;
}
