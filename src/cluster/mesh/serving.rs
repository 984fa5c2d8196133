//! What only those go by who carry the store: they see what is decided as soon as it is applied.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::keeping;
use super::own_identity::OwnIdentity;
use crate::cluster::etcd::guard::Grants;
use crate::cluster::identity::rules::KvGrant;
use crate::cluster::identity::{Domain, Signed};
use crate::cluster::world::mirror::Entry;
use crate::cluster::world::{Client, keys, view};
use crate::engine::world::Follow;

type Stored = Arc<BTreeMap<String, Arc<Signed<KvGrant>>>>;

/// Goes by it until it is dropped. `client` leads into this host's own store.
pub(super) async fn run(own: Arc<OwnIdentity>, client: Arc<Client>, grants: Grants) {
    tokio::join!(keeping::follow(&own, &client), grant(&own, &client, &grants));
}

/// Keeps what hosts may write of what is everybody's, as administrators have signed it.
async fn grant(own: &OwnIdentity, client: &Arc<Client>, grants: &Grants) {
    let mut stored: Follow<Stored> =
        view::follow_map(client.watcher(), &[keys::under(keys::KV_GRANTS)], read);
    let mut changes = own.tls.changes();
    loop {
        // Of what was signed, that counts which somebody has signed who administers: both may change.
        let seen = tokio::select! {
            seen = stored.changed() => seen.is_some(),
            changed = changes.changed() => changed.is_ok(),
        };
        if !seen {
            return;
        }
        let Some(seen) = stored.now() else { continue };
        let now = verified(own, &seen.value);
        *grants.write().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

fn read(key: &[u8], entry: Option<&Entry>) -> Option<(String, Option<Arc<Signed<KvGrant>>>)> {
    let key = std::str::from_utf8(key).ok()?.to_owned();
    let signed = entry.and_then(|entry| Signed::from_json(&entry.value).ok());
    Some((key, signed.map(Arc::new)))
}

fn verified(own: &OwnIdentity, stored: &Stored) -> Vec<KvGrant> {
    let passport = own.tls.passport();
    let Some(administrators) = passport.administrators else { return Vec::new() };
    let grants = stored.iter().filter_map(|(key, signed)| {
        match administrators.verify(signed, Domain::Policy, &own.mesh) {
            // A grant counts where it was put, so that taking it back takes it back.
            Ok(grant) if keys::kv_grant(&grant) == *key => Some(grant),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(key, %error, "what the store says that hosts may write does not count");
                None
            }
        }
    });
    grants.take(MOST_GRANTS).collect()
}

/// The most grants that are gone by: each is asked for each write of what is everybody's.
const MOST_GRANTS: usize = 1_024;
