//! Keeps this host's identity good: a new certificate in time, and what the mesh says of roots, administrators and who is out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::grounds;
use super::joining::addresses;
use super::own_identity::{Changing, OwnIdentity, Said};
use crate::cluster::identity::{AdministratorChain, RootList, Signed};
use crate::cluster::link::{Link, Standing, chance};
use crate::cluster::tls::{self, Passport};
use crate::cluster::world::{Client, keys, view};
use crate::engine::world::{Follow, HostName};

/// A renewal that failed is tried again after this: of seven days three and a half are left then.
const AGAIN: Duration = Duration::from_secs(60);
/// A certificate whose time is nearly over cannot wait so long: after this part of what is left.
const AGAIN_PART: u32 = 8;
/// One sleeps no longer than this at a time: a clock may be set meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Within this all hosts ask for a certificate of another authority: a server issues some thousands a second.
const SPREAD: Duration = Duration::from_secs(1);
/// A host that has been away from the store for so long may be one whose certificate nobody takes any more.
const SHUT_OUT: Duration = Duration::from_secs(5);

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

/// A new certificate at half of the time of the last one; and before, when that is of an authority that is about to go, or nobody
/// takes it any more.
async fn renew(own: &OwnIdentity, link: &Link, renewing: &Renewing) {
    let addresses = addresses(&renewing.advertised);
    let said = Said { host: &renewing.host, serve: renewing.serve, addresses: &addresses };
    let (mut changes, mut standing) = (own.tls.changes(), link.follow());
    let mut early = Early::default();
    loop {
        let Passport { certificate, roots, .. } = own.tls.passport();
        let now = tls::now();
        let is_over = now >= certificate.renew_at();
        let away = match link.standing() {
            Standing::Up(_) => None,
            Standing::Away(away) => Some(away.since.elapsed()),
        };
        let is_old = !roots.newest().is_issuer_of(&certificate);
        let wait = match is_over {
            true => Duration::ZERO,
            false if is_old || away.is_some_and(|since| since >= SHUT_OUT) => early.wait(),
            false => {
                early = Early::default();
                let soon = away.map_or(LOOK_EVERY, |since| SHUT_OUT.saturating_sub(since));
                Duration::from_secs(certificate.renew_at().0 - now.0).min(LOOK_EVERY).min(soon)
            }
        };
        if !wait.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = changes.changed() => {}
                _ = standing.changed() => {}
            }
            continue;
        }
        let renewed = own.renew(&link.places(), said).await;
        early.tried();
        match renewed {
            Ok(()) => {
                tracing::info!("this host has a new certificate");
                // A connection keeps the one that it began with, and ends with it: watches go on over the next one now.
                if let Standing::Up(line) = link.standing() {
                    link.go_over(line.id, link.endpoints());
                }
            }
            Err(error) if is_over => {
                let left = Duration::from_secs(certificate.not_after().0.saturating_sub(now.0));
                tracing::warn!(%error, left_s = left.as_secs(), "no new certificate yet; it is tried again");
                let wait = (left / AGAIN_PART).clamp(Duration::from_secs(1), AGAIN);
                tokio::time::sleep(wait).await;
            }
            Err(error) => tracing::debug!(%error, "no new certificate yet; it is tried again"),
        }
    }
}

/// When a certificate is asked for whose time has not come.
#[derive(Debug, Default)]
struct Early {
    at: Option<Instant>,
    tries: u32,
}

impl Early {
    /// How long to wait now: at first a moment, so that not all hosts come at once.
    fn wait(&mut self) -> Duration {
        let spread = SPREAD * u32::try_from(chance() % 1024).expect("below 1,024") / 1024;
        let at = *self.at.get_or_insert_with(|| Instant::now() + spread);
        at.saturating_duration_since(Instant::now())
    }

    /// It was tried: the next time comes later each time.
    fn tried(&mut self) {
        let pause = SPREAD.saturating_mul(1 << self.tries.min(10)).min(AGAIN);
        self.at = Some(Instant::now() + pause);
        self.tries += 1;
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
        told.keep(own);
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
#[derive(Default)]
struct Told {
    chain: Option<Bytes>,
    denied: Option<Bytes>,
    roots: Option<Bytes>,
}

type Kept = Result<(), Box<dyn std::error::Error>>;

impl Told {
    /// Keeps what holds, and goes by it. What does not hold keeps nothing else from counting: whoever can write one of them must
    /// not so undo an eviction.
    fn keep(&self, own: &OwnIdentity) {
        let changing = own.change();
        let kept = [
            ("who administers the mesh", self.keep_administrators(own)),
            ("who is out", self.keep_denied(own, &changing)),
            ("the mesh's roots", self.keep_roots(own)),
        ];
        for (what, kept) in kept {
            if let Err(error) = kept {
                tracing::warn!(%error, "what the store says of {what} is not believed");
            }
        }
    }

    /// The chain may only have grown.
    fn keep_administrators(&self, own: &OwnIdentity) -> Kept {
        let Some(text) = &self.chain else { return Ok(()) };
        let (passport, known) = own.known()?;
        let chain = AdministratorChain::from_json(text)?;
        let administrators = chain.replay(&own.mesh, &known.pin())?;
        if administrators.head() != known.head() {
            own.folder.store_administrators(&chain)?;
            own.tls.replace(passport.administered_by(administrators))?;
        }
        Ok(())
    }

    fn keep_denied(&self, own: &OwnIdentity, changing: &Changing<'_>) -> Kept {
        let Some(text) = &self.denied else { return Ok(()) };
        own.deny_those(serde_json::from_slice(text)?, "the store", changing)?;
        Ok(())
    }

    fn keep_roots(&self, own: &OwnIdentity) -> Kept {
        let Some(text) = &self.roots else { return Ok(()) };
        let (_, administrators) = own.known()?;
        let list = RootList::verify(Signed::from_json(text)?, &administrators, &own.mesh)?;
        if list.seq() > own.folder.roots(&own.mesh)?.seq() {
            own.folder.store_roots(&list)?;
            tracing::info!(root = %list.roots().newest().fingerprint(), "the mesh has other roots now");
            own.reload()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::identity::{Domain, Eviction, HOST_VALIDITY};

    #[test]
    fn who_is_out_counts_although_what_stands_beside_it_is_forged() {
        let prefix = tempfile::tempdir().unwrap();
        let (host, out): (HostName, HostName) = ("a".parse().unwrap(), "b".parse().unwrap());
        let said = Said { host: &host, serve: true, addresses: &[] };
        let own = OwnIdentity::found(prefix.path(), said, HOST_VALIDITY).unwrap();
        let roots = own.tls.passport().roots;
        let (administrator, _) = own.folder.admin().unwrap();
        let eviction =
            Eviction { seq: 1, host: out.clone(), serials: Vec::new(), keys: Vec::new(), at: tls::now() };
        let signed = Signed::new(&eviction, Domain::Eviction, &own.mesh, &administrator).unwrap();
        let denied = Some(serde_json::to_vec(&[signed]).unwrap().into());
        let forged = || Some(Bytes::from_static(b"[]"));
        Told { chain: forged(), denied, roots: forged() }.keep(&own);
        assert!(own.tls.passport().denied.of_name(&out).is_some());
        assert_eq!(own.tls.passport().roots, roots);
    }
}
