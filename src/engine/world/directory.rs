//! Who is there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Deadline, Follow, HostName, WorldError};

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

/// How a host's graph stands, for all to see. Without numbers that change all the time: each change is a write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostState {
    /// All is as declared.
    pub converged: bool,
    /// How many vertices have failed.
    pub failed: u32,
    /// How many wait for those in vain.
    pub blocked: u32,
    /// When it was so, in seconds since 1970.
    pub at_s: u64,
}

/// A host and its graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostStanding {
    /// Whether it has renewed its lease.
    pub present: bool,
    /// How its graph stands, or stood when it was last heard of; `None`: it has not said so.
    pub state: Option<HostState>,
}

/// Who is there.
#[async_trait]
pub trait Directory: fmt::Debug + Send + Sync {
    /// Follows all hosts that belong to the mesh, present or not.
    fn hosts(&self) -> Follow<Arc<BTreeMap<HostName, HostCard>>>;

    /// Tells how this host's graph stands, as soon as the store is there.
    fn tell(&self, state: HostState);

    /// How the graphs of all hosts stand. Read once, and not followed: everybody's news to everybody would be too many.
    async fn standings(&self, by: Deadline) -> Result<BTreeMap<HostName, HostStanding>, WorldError>;
}
