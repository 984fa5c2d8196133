//! Texts by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Deadline, Follow, HostName, Seen, WorldError, Written};

/// Where a text is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// One for all hosts.
    Shared {
        /// Its name, of any characters.
        key: Arc<str>,
    },
    /// One of a host, beside those of other hosts.
    OfHost {
        /// Its name, of any characters.
        key: Arc<str>,
        /// Whose.
        host: HostName,
    },
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared { key } => write!(f, "{key:?}"),
            Self::OfHost { key, host } => write!(f, "{key:?} of {host}"),
        }
    }
}

/// Texts, one a host.
pub type Texts = Arc<BTreeMap<HostName, Arc<str>>>;

/// Texts by name: what the kind `kv` writes.
#[async_trait]
pub trait Strings: fmt::Debug + Send + Sync {
    /// A text; `None`: there is none. While the store is away, what was last seen.
    async fn get(&self, slot: &Slot, by: Deadline) -> Result<Seen<Option<Arc<str>>>, WorldError>;

    /// Sets a text, or removes it with `None`. While the store is away, the write waits on disk.
    async fn set(&self, slot: &Slot, text: Option<&str>, by: Deadline) -> Result<Written, WorldError>;

    /// Sets a text if it still is `from`; `false`: it is not. Never waits on disk.
    async fn replace(
        &self,
        slot: &Slot,
        from: Option<&str>,
        to: Option<&str>,
        by: Deadline,
    ) -> Result<bool, WorldError>;

    /// Follows a text.
    fn follow(&self, slot: &Slot) -> Follow<Option<Arc<str>>>;

    /// Follows the texts that hosts have under a name.
    fn follow_hosts(&self, key: &str) -> Follow<Texts>;

    /// All names with a prefix that have one text for all hosts, with their texts.
    async fn list(&self, prefix: &str, by: Deadline) -> Result<Vec<(Arc<str>, Arc<str>)>, WorldError>;

    /// Follows the texts for all hosts whose names have a prefix.
    fn follow_all(&self, prefix: &str) -> Follow<Arc<BTreeMap<Arc<str>, Arc<str>>>>;
}
