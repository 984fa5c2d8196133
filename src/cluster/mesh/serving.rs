//! What only those go by who carry the store: they see what is decided as soon as it is applied.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::keeping;
use super::own_identity::OwnIdentity;
use crate::cluster::etcd::guard::Grants;
use crate::cluster::identity::rules::KvGrant;
use crate::cluster::identity::{Domain, RootList, Signed};
use crate::cluster::world::mirror::Entry;
use crate::cluster::world::{Client, keys, txn, view};
use crate::engine::world::{Deadline, Follow};

/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(8);

type Stored = Arc<BTreeMap<String, Arc<Signed<KvGrant>>>>;

/// Goes by it until it is dropped. `client` leads into this host's own store.
pub(super) async fn run(own: Arc<OwnIdentity>, client: Arc<Client>, grants: Grants) {
    tokio::join!(keeping::follow(&own, &client), grant(&own, &client, &grants), list_roots(&own, &client));
}

/// A store that is a copy of long ago lists roots that are gone. Hosts know a later list, which an administrator has signed, and
/// nobody would get a certificate that others believe: so that list is put back.
async fn list_roots(own: &OwnIdentity, client: &Arc<Client>) {
    let mut stored: Follow<Option<(i64, Bytes)>> =
        view::follow_one(client.watcher(), keys::ROOTS.to_owned(), |entry| {
            Some((entry.written.0, entry.value.clone()))
        });
    while stored.changed().await.is_some() {
        let Some((written, text)) = stored.now().and_then(|seen| seen.value) else { continue };
        let administrators = own.tls.passport().administrators;
        let said = Signed::from_json(&text).ok().zip(administrators);
        let said = said.and_then(|(signed, known)| RootList::verify(signed, &known, &own.mesh).ok());
        let Ok(known) = own.folder.roots(&own.mesh) else { continue };
        if said.is_some_and(|said| said.seq() >= known.seq()) {
            continue;
        }
        let back = txn::put(keys::ROOTS, known.signed().to_json());
        let change = txn::when(vec![txn::is_unchanged(keys::ROOTS, written)], vec![back]);
        match client.link().transact("list the mesh's roots", Deadline::after(PATIENCE), change).await {
            Ok(answer) if answer.succeeded => {
                tracing::warn!("the store listed roots of before; what is known here is put back");
            }
            // Another server has been faster.
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the store lists roots of before"),
        }
    }
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
