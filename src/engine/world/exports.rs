//! Resources that hosts declare for one another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{BadHostName, Deadline, Follow, HostName, WorldError, Written};
use crate::engine::id::Label;
use crate::engine::value::Value;

/// For whom something is exported.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Audience {
    /// Every host.
    All,
    /// One host.
    Host(HostName),
}

impl FromStr for Audience {
    type Err = BadHostName;

    /// A host's name, or `*`.
    fn from_str(text: &str) -> Result<Self, BadHostName> {
        if text == "*" { Ok(Self::All) } else { text.parse().map(Self::Host) }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Host(host) => host.fmt(f),
        }
    }
}

/// Which of a host's exports.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExportId {
    /// For whom.
    pub to: Audience,
    /// Kind and name.
    pub label: Label,
}

/// A resource for other hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// For whom, kind and name.
    pub id: ExportId,
    /// Its parameters as they were given, by name.
    pub params: BTreeMap<Arc<str>, Value>,
    /// Its meta-parameters that differ from the defaults, by name; never `export` and `hidden`.
    pub meta: BTreeMap<Arc<str>, Value>,
    /// It goes when this host has been away for so long; `None`: it stays.
    pub ttl: Option<Duration>,
}

/// Which of the exports that reach this host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CollectedId {
    /// Its name.
    pub name: Arc<str>,
    /// Who exports it.
    pub from: HostName,
    /// For whom: this host's own goes before that for all.
    pub to: Audience,
}

/// A resource of another host, or of this one.
#[derive(Clone, Debug, PartialEq)]
pub enum Collected {
    /// One that can be read.
    Read {
        /// Its parameters by name; some may be unknown to this version.
        params: BTreeMap<Arc<str>, Value>,
        /// Its meta-parameters by name.
        meta: BTreeMap<Arc<str>, Value>,
    },
    /// One that this version cannot read.
    Unreadable {
        /// Why.
        why: Arc<str>,
    },
}

/// All exports of one kind that reach this host.
pub type Collection = Arc<BTreeMap<CollectedId, Arc<Collected>>>;

/// Resources that hosts declare for one another.
#[async_trait]
pub trait Exports: fmt::Debug + Send + Sync {
    /// Exports a resource, or puts right what was exported. While the store is away, it waits on disk.
    async fn export(&self, export: &Export, by: Deadline) -> Result<Written, WorldError>;

    /// Whether this is what the store holds, or will, as far as is known: compares without the network.
    fn is_exported(&self, export: &Export) -> bool;

    /// Withdraws all exports of this host but these: also those of earlier runs of the agent.
    fn keep_only(&self, ids: BTreeSet<ExportId>);

    /// Follows the exports of a kind that reach this host.
    fn collect(&self, kind: &str) -> Follow<Collection>;
}
