//! Who is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Client;
use super::keys::{self, Fact};
use super::mirror::Entry;
use super::view::follow_map;
use crate::engine::world::{Directory, Duty, Follow, HostCard, HostName, Seen, follow};

/// What a host tells of itself, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredCard {
    /// Where it is reached, as URLs.
    pub addresses: Vec<String>,
    /// Its failure domain.
    pub zone: String,
    /// The version of its program.
    pub version: String,
    /// What its administrator says of it.
    pub labels: BTreeMap<String, String>,
    /// What it does for the store.
    pub duty: Duty,
    /// What a newer version has added.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

/// One of the facts from which a card is made.
#[derive(Clone)]
enum Told {
    Card(StoredCard),
    Live,
}

impl Directory for Client {
    fn hosts(&self) -> Follow<Arc<BTreeMap<HostName, HostCard>>> {
        let range = keys::under(keys::HOSTS);
        let mut facts = follow_map(&self.watcher, &[range], |key, entry| {
            let (host, fact) = keys::fact_of(key)?;
            match fact {
                Fact::Card => Some(((host, 0), entry.map(card))),
                Fact::Live => Some(((host, 1), entry.map(|_| Told::Live))),
                _ => None,
            }
        });
        let (tell, told) = follow();
        tokio::spawn(async move {
            while let Some(seen) = tokio::select! {
                seen = facts.changed() => seen,
                () = tell.alone() => None,
            } {
                tell.tell(Seen { value: Arc::new(cards(&seen.value)), stale: seen.stale });
            }
        });
        told
    }
}

fn card(entry: &Entry) -> Told {
    Told::Card(serde_json::from_slice(&entry.value).unwrap_or_default())
}

fn cards(facts: &BTreeMap<(HostName, u8), Told>) -> BTreeMap<HostName, HostCard> {
    let cards = facts.iter().filter_map(|((host, _), told)| match told {
        Told::Card(card) => Some((host, card)),
        Told::Live => None,
    });
    let read = cards.map(|(host, card)| {
        let card = HostCard {
            addresses: card.addresses.clone(),
            zone: card.zone.clone(),
            version: card.version.clone(),
            labels: card.labels.clone(),
            duty: card.duty,
            alive: facts.contains_key(&(host.clone(), 1)),
        };
        (host.clone(), card)
    });
    read.collect()
}
