//! Who is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Client;
use super::keys::{self, Fact};
use super::mirror::Entry;
use super::outbox::Write;
use super::view::follow_map;
use crate::cluster::store::key::KeyRange;
use crate::engine::world::{
    Deadline, Directory, Duty, Follow, HostCard, HostName, HostStanding, HostState, Seen, WorldError, follow,
};

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

#[async_trait]
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

    fn tell(&self, state: HostState) {
        let key = keys::fact(&self.host, Fact::State);
        let value = serde_json::to_vec(&state).expect("texts and numbers can be written");
        let write = Write { key: key.into(), value: Some(value.into()), leased: false };
        if self.writer.push(write).is_err() {
            tracing::debug!("how this host's graph stands is not told: too much waits for the store");
        }
    }

    async fn standings(&self, by: Deadline) -> Result<BTreeMap<HostName, HostStanding>, WorldError> {
        let entries = self.read_all("ask how the hosts are", &keys::under(keys::HOSTS), by).await?;
        let mut standings: BTreeMap<HostName, HostStanding> = BTreeMap::new();
        for (key, entry) in entries {
            let Some((host, fact)) = keys::fact_of(&key) else { continue };
            match fact {
                Fact::Live => standings.entry(host).or_default().present = true,
                Fact::State => {
                    standings.entry(host).or_default().state = serde_json::from_slice(&entry.value).ok();
                }
                // Whoever has a card belongs to the mesh.
                Fact::Card => drop(standings.entry(host).or_default()),
                Fact::Seq | Fact::Deploy | Fact::Duty => {}
            }
        }
        Ok(standings)
    }
}

impl Client {
    /// What a host tells of itself; `None`: nothing.
    ///
    /// # Errors
    /// When the store does not answer in time.
    pub async fn card(&self, host: &HostName, by: Deadline) -> Result<Option<StoredCard>, WorldError> {
        let key = KeyRange::One(keys::fact(host, Fact::Card).into());
        let found = self.read_all("look for a host", &key, by).await?;
        Ok(found.into_values().next().and_then(|entry| serde_json::from_slice(&entry.value).ok()))
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
