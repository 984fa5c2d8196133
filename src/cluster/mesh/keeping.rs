//! Keeps this host's identity good: a new certificate in time, and what the mesh says of roots, administrators and who is out.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::desk::place;
use super::grounds;
use super::joining::addresses;
use super::own_identity::{OwnIdentity, Said};
use crate::cluster::identity::{AdministratorChain, Administrators, DenyList, Eviction, Roots, Signed};
use crate::cluster::link::{Link, Standing};
use crate::cluster::tls;
use crate::cluster::world::{Client, keys, view};
use crate::engine::world::{Follow, HostName};

/// A renewal that failed is tried again after this: of seven days three and a half are left then.
const AGAIN: Duration = Duration::from_secs(60);
/// A certificate whose time is nearly over cannot wait so long: after this part of what is left.
const AGAIN_PART: u32 = 8;
/// One sleeps no longer than this at a time: a clock may be set meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// What a host says of itself when it renews.
pub(super) struct Renewing {
    /// What it is called.
    pub host: HostName,
    /// Whether it would carry the store.
    pub serve: bool,
    /// Where others reach it.
    pub advertised: Vec<String>,
}

/// Keeps it good until it is dropped.
pub(super) async fn run(own: Arc<OwnIdentity>, client: Arc<Client>, renewing: Renewing) {
    tokio::join!(follow(&own, &client), renew(&own, client.link(), &renewing));
}

/// A new certificate at half of the time of the last one.
async fn renew(own: &OwnIdentity, link: &Link, renewing: &Renewing) {
    let addresses = addresses(&renewing.advertised);
    let said = Said { host: &renewing.host, serve: renewing.serve, addresses: &addresses };
    loop {
        let certificate = own.tls.passport().certificate;
        let (now, at) = (tls::now(), certificate.renew_at());
        if now < at {
            let wait = Duration::from_secs(at.0 - now.0);
            tokio::time::sleep(wait.min(LOOK_EVERY)).await;
            continue;
        }
        let from: Vec<String> = link.endpoints().iter().map(|endpoint| place(&endpoint.url)).collect();
        match own.renew(&from, said).await {
            Ok(()) => {
                tracing::info!("this host has a new certificate");
                // A connection keeps the one that it began with, and ends with it: watches go on over the next one now.
                if let Standing::Up(line) = link.standing() {
                    link.go_over(line.id, link.endpoints());
                }
            }
            Err(error) => {
                let left = Duration::from_secs(certificate.not_after().0.saturating_sub(now.0));
                tracing::warn!(%error, left_s = left.as_secs(), "no new certificate yet; it is tried again");
                let wait = (left / AGAIN_PART).clamp(Duration::from_secs(1), AGAIN);
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// What the store says of who is who, as far as a client sees it, until it ends. Nothing of it is believed because it stands
/// there. A host that carries the store follows its own too: what was decided bites there as soon as it is applied.
pub(super) async fn follow(own: &OwnIdentity, client: &Arc<Client>) {
    let one = |key: &str| -> Follow<Option<Bytes>> {
        view::follow_one(client.watcher(), key.to_owned(), |entry| Some(entry.value.clone()))
    };
    let (mut chain, mut denied, mut roots) = (one(keys::ADMINISTRATORS), one(keys::DENIED), one(keys::ROOTS));
    let mut believed = None;
    loop {
        let seen = tokio::select! {
            seen = chain.changed() => seen.is_some(),
            seen = denied.changed() => seen.is_some(),
            seen = roots.changed() => seen.is_some(),
        };
        if !seen {
            return;
        }
        let value = |follow: &mut Follow<Option<Bytes>>| follow.now().and_then(|seen| seen.value);
        let told = Told { chain: value(&mut chain), denied: value(&mut denied), roots: value(&mut roots) };
        if let Err(error) = told.keep(own) {
            tracing::warn!(%error, "what the store says of who is who is not believed");
        }
        // Somebody else who follows may have been faster: what counts is what is believed now.
        let passport = own.tls.passport();
        let now = (passport.administrators.as_ref().map(|it| *it.head()), passport.denied.len());
        if believed.replace(now) != Some(now) {
            believe(own, client);
        }
    }
}

/// Other administrators, or others that are out: from now on they are those who count for deploys and exports.
fn believe(own: &OwnIdentity, client: &Client) {
    let Some(trust) = client.trust() else { return };
    match grounds::of_host(&own.folder, own.mesh, client.name().clone()) {
        Ok(grounds) => trust.set(grounds),
        Err(error) => tracing::error!(%error, "deploys and exports are judged by who was known before"),
    }
}

/// What the store says.
struct Told {
    chain: Option<Bytes>,
    denied: Option<Bytes>,
    roots: Option<Bytes>,
}

impl Told {
    /// Keeps what holds, and goes by it.
    fn keep(&self, own: &OwnIdentity) -> Result<(), Box<dyn std::error::Error>> {
        let _changing = own.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (folder, mesh) = (&own.folder, &own.mesh);
        let mut passport = own.tls.passport();
        let known = match &passport.administrators {
            Some(known) => Administrators::clone(known),
            None => folder.administrators(mesh)?,
        };
        let mut administrators = known.clone();
        if let Some(text) = &self.chain {
            let chain = AdministratorChain::from_json(text)?;
            // It may only have grown.
            administrators = chain.replay(mesh, &known.pin())?;
            if administrators.head() != known.head() {
                folder.store_administrators(&chain)?;
            }
        }
        let mut changed =
            passport.administrators.as_ref().is_none_or(|it| it.head() != administrators.head());
        let mut denied: DenyList = passport.denied.clone();
        if let Some(text) = &self.denied {
            let list: Vec<Signed<Eviction>> = serde_json::from_slice(text)?;
            denied.merge(list, &administrators, mesh).warn("the store");
        }
        if denied.len() != passport.denied.len() {
            folder.store_denied(&denied)?;
            if denied.denies(&passport.certificate).is_some() {
                tracing::error!("this host was evicted: nobody in the mesh speaks with it any more");
            }
            passport = passport.denying(denied);
            changed = true;
        }
        passport = passport.administered_by(administrators);
        if let Some(text) = &self.roots {
            let roots = Roots::from_pem(std::str::from_utf8(text)?, mesh)?;
            if roots != passport.roots {
                // Roots change one at a time: one that is known is still among them.
                roots.named(&passport.roots.fingerprints())?;
                folder.store_roots(&roots)?;
                own.reload()?;
                changed = false;
            }
        }
        if changed {
            own.tls.replace(passport)?;
        }
        Ok(())
    }
}
