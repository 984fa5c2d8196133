//! What hosts say of themselves, as the steward needs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::HostName;
use super::stewarding::StoredNomination;
use crate::cluster::world::StoredCard;
use crate::cluster::world::keys::{self, Fact};
use crate::cluster::world::mirror::Entry;

/// What is known of one host.
#[derive(Clone, Debug)]
pub(super) enum HostFact {
    Card(StoredCard),
    /// The revision at which this run of its agent said so.
    Live(u64),
    Nominated(StoredNomination),
}

pub(super) type HostFacts = Arc<BTreeMap<(HostName, u8), HostFact>>;

/// Whose fact a key holds, and what it is; a key without one has lost it.
pub(super) fn host_fact(key: &[u8], entry: Option<&Entry>) -> Option<((HostName, u8), Option<HostFact>)> {
    let (host, fact) = keys::fact_of(key)?;
    let read = match fact {
        Fact::Card => entry.and_then(|entry| serde_json::from_slice(&entry.value).ok()).map(HostFact::Card),
        Fact::Live => entry.map(|entry| HostFact::Live(entry.written.0.unsigned_abs())),
        Fact::Duty => {
            entry.and_then(|entry| serde_json::from_slice(&entry.value).ok()).map(HostFact::Nominated)
        }
        Fact::Seq | Fact::State | Fact::Deploy => return None,
    };
    Some(((host, fact as u8), read))
}
