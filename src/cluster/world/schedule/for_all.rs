//! The member of a store that leads chooses for all, so that no host has to be let write who is chosen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::Client;
use super::super::keys;
use super::super::view::follow_map;
use super::choosing::choose;
use super::{StoredCandidate, StoredChoice, read, standing};
use crate::cluster::store::id::Revision;
use crate::engine::world::{Follow, HostName};

/// How often one that does not lead looks whether it does, and how long a choice that could not be written waits.
const REST: Duration = Duration::from_millis(500);

/// What is kept of a namespace.
#[derive(Clone, Debug)]
enum Stored {
    /// Since when a host stands.
    Candidate(Revision, StoredCandidate),
    /// Since when who is chosen.
    Choice(Revision, StoredChoice),
}

/// Which namespace, and who stands in it; nobody: the choice.
type Place = (String, Option<HostName>);

/// Who stands, and since when.
type Candidates = BTreeMap<HostName, (Revision, StoredCandidate)>;

impl Client {
    /// Chooses in every namespace while `leads`, until it is dropped.
    pub async fn choose_for_all(self: Arc<Self>, leads: impl Fn() -> bool + Send) {
        let mut all = self.schedules();
        let mut again = false;
        loop {
            let rests = again || !leads();
            let seen = tokio::select! {
                seen = all.changed() => seen.is_some(),
                () = tokio::time::sleep(REST), if rests => true,
            };
            if !seen {
                return;
            }
            let Some(now) = all.now().filter(|now| now.stale.is_none() && leads()) else { continue };
            again = !self.choose_once(&now.value).await;
        }
    }

    fn schedules(&self) -> Follow<Arc<BTreeMap<Place, Stored>>> {
        follow_map(&self.watcher, &[keys::under(keys::SCHEDULES)], |key, entry| {
            let (namespace, rest) = keys::last_part(keys::SCHEDULES, key)?.split_once('/')?;
            let namespace = namespace.to_owned();
            if rest == "choice" {
                let choice = |entry| Stored::Choice(entry, StoredChoice::default());
                let stored = entry.map(|entry| match read::<StoredChoice>(entry) {
                    Some(stored) => Stored::Choice(entry.written, stored),
                    None => choice(entry.written),
                });
                return Some(((namespace, None), stored));
            }
            let host: HostName = rest.strip_prefix("candidate/")?.parse().ok()?;
            let stored = entry
                .and_then(|entry| Some(Stored::Candidate(entry.created, read::<StoredCandidate>(entry)?)));
            Some(((namespace, Some(host)), stored))
        })
    }

    /// Whether all that had to be written is.
    async fn choose_once(&self, all: &BTreeMap<Place, Stored>) -> bool {
        let mut done = true;
        let mut of: BTreeMap<&str, (Candidates, (i64, StoredChoice))> = BTreeMap::new();
        for ((namespace, host), stored) in all {
            let of = of.entry(namespace).or_default();
            match (host, stored) {
                (Some(host), Stored::Candidate(since, candidate)) => {
                    of.0.insert(host.clone(), (*since, candidate.clone()));
                }
                (None, Stored::Choice(written, choice)) => of.1 = (written.0, choice.clone()),
                _ => {}
            }
        }
        for (namespace, (candidates, (written, chosen))) in of {
            let next = choose(&standing(&candidates), &chosen.hosts);
            if next == chosen.hosts {
                continue;
            }
            // Keys have it escaped already.
            let key = format!("{}{namespace}/choice", keys::SCHEDULES);
            if let Err(error) = self.write_choice(key, written, next).await {
                tracing::debug!(%error, namespace, "a choice is not written; it is tried again");
                done = false;
            }
        }
        done
    }
}
