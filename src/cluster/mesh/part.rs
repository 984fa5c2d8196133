//! What a host does in its mesh: it says that it is there, learns where the store is, and carries it when it is asked to.

mod carrying;
mod learning;
mod opening;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::card::Offer;
use super::door::Door;
use super::joining::{Leave, Report};
use super::keeping::{self, Renewing};
use super::own_identity::OwnIdentity;
use super::presence::{self, Live};
use super::signpost::Signpost;
use super::stewarding::{Said, StoredNomination};
use super::store::Store;
use super::{Memory, MeshError, Options, Volunteer};
use crate::cluster::etcd::node::Node as _;
use crate::cluster::link::{Link, Standing};
use crate::cluster::node::{Ended, Left};
use crate::cluster::tls::MeshTls;
use crate::cluster::world::keys::{self, Fact};
use crate::cluster::world::{Client, StoredCard, view};
use crate::engine::world::{Deadline, Duty, Follow};

/// How long the store may take to take note of this host. Until then the agent runs with what it knows.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the store may take to note that this host ends.
const FAREWELL: Duration = Duration::from_millis(500);
/// How often the members are asked for in the end, should the steward not tell of a change. A new connection asks at once,
/// and then in intervals that double: a mesh that has just begun changes often.
const MEMBERS_EVERY: Duration = Duration::from_secs(30);
/// The first of these intervals.
const MEMBERS_SOON: Duration = Duration::from_secs(1);
/// It goes over to a member of its own zone at most so often: one that is not well may look so.
const MOVE_EVERY: Duration = Duration::from_secs(60);
/// How long the others may take to agree that this host leaves.
const HAND_OVER: Duration = Duration::from_secs(5);
/// A store that could not be started is tried again after this.
const AGAIN: Duration = Duration::from_secs(2);

/// What a host keeps open.
#[derive(Debug)]
pub(super) enum Open {
    /// The store that it carries.
    Store(Box<Store>),
    /// The door that tells where the store is.
    Signpost(#[expect(dead_code, reason = "it answers until it is dropped")] Signpost),
    /// Nothing.
    Nothing,
}

/// What a host does in its mesh.
pub(super) struct Part {
    options: Options,
    memory: Memory,
    link: Link,
    client: Arc<Client>,
    tell: watch::Sender<Report>,
    open: Open,
    door: Door,
    /// Who it is; `None`: in a mesh without TLS nobody can tell.
    own: Option<Arc<OwnIdentity>>,
    /// The lease under which this host has said that it is there, and as which member.
    announced: Option<(i64, Option<String>)>,
    /// While it carries the store: a way to it that no rule stands in front of, for what it does as a server.
    inside: Option<Arc<Client>>,
    /// What it does while it carries the store: its tasks.
    duties: Vec<tokio::task::AbortHandle>,
    /// What keeps its identity good.
    keeping: Option<tokio::task::AbortHandle>,
    said: watch::Sender<Said>,
    /// The zones of members, as far as they were asked for.
    zones: BTreeMap<String, String>,
    /// When it last went over to a member that is nearer.
    moved: Option<Instant>,
}

/// What has happened.
enum News {
    /// There is another lease, or none.
    Lease,
    /// There is another connection, or none.
    Connection,
    /// It is time to ask who the members are.
    Time,
    /// Others carry the store from now on.
    Members,
    /// The steward has asked for something.
    Nominated,
    /// The store that this host carried has ended by itself.
    StoreEnded(Ended),
    /// The steward has said something.
    Said,
    /// Somebody wants this host to leave.
    Leave(Leave),
    /// Everything ends.
    End,
}

impl Drop for Part {
    fn drop(&mut self) {
        self.keeping.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

impl Part {
    pub fn new(
        options: Options,
        memory: Memory,
        client: Arc<Client>,
        tell: watch::Sender<Report>,
        open: Open,
        own: Option<Arc<OwnIdentity>>,
        door: Door,
    ) -> Self {
        let said = watch::Sender::new(Said::default());
        let mut part = Self {
            options,
            memory,
            link: client.link().clone(),
            client,
            tell,
            open,
            door,
            own,
            announced: None,
            inside: None,
            duties: Vec::new(),
            keeping: None,
            said,
            zones: BTreeMap::new(),
            moved: None,
        };
        part.opened();
        part.keep_identity();
        part
    }

    /// Keeps this host's identity good while it takes part.
    fn keep_identity(&mut self) {
        let Some(own) = self.own.clone() else { return };
        let renewing = Renewing {
            host: self.options.host.clone(),
            serve: self.options.volunteer != Volunteer::Never,
            advertised: self.door.advertised.clone(),
        };
        self.keeping = Some(tokio::spawn(keeping::run(own, self.client.clone(), renewing)).abort_handle());
    }

    /// Takes part until `stopped`, or something ends that.
    pub async fn play(
        mut self,
        mut stopped: oneshot::Receiver<()>,
        mut leaving: oneshot::Receiver<Leave>,
    ) -> Result<(), MeshError> {
        let key = keys::fact(self.client.name(), Fact::Duty);
        let mut nominated: Follow<Option<StoredNomination>> =
            view::follow_one(self.client.watcher(), key, |entry| serde_json::from_slice(&entry.value).ok());
        let mut members: Follow<Option<bytes::Bytes>> =
            view::follow_one(self.client.watcher(), keys::MEMBERS.to_owned(), |it| Some(it.value.clone()));
        let mut leases = self.client.session().follow();
        let mut standing = self.link.follow();
        let mut said = self.said.subscribe();
        let mut interval = MEMBERS_SOON;
        let mut ask_at = Instant::now();
        loop {
            let lease = leases.borrow_and_update().map(|lease| lease.id);
            self.announce(lease).await?;
            let up = standing.borrow_and_update().line().cloned();
            if let Some(line) = up.as_ref().filter(|_| ask_at <= Instant::now()) {
                ask_at = Instant::now() + interval;
                self.look_around(line).await;
            }
            let news = tokio::select! {
                _ = &mut stopped => News::End,
                Ok(leave) = &mut leaving => News::Leave(leave),
                changed = leases.changed() => if changed.is_err() { News::End } else { News::Lease },
                changed = standing.changed() => if changed.is_err() { News::End } else { News::Connection },
                seen = nominated.changed() => if seen.is_none() { News::End } else { News::Nominated },
                seen = members.changed() => if seen.is_none() { News::End } else { News::Members },
                _ = said.changed() => News::Said,
                why = store_ended(&self.open) => News::StoreEnded(why),
                () = tokio::time::sleep_until(ask_at.into()), if up.is_some() => News::Time,
            };
            match news {
                News::Lease => {}
                News::Members => {
                    drop(members.now());
                    ask_at = Instant::now();
                }
                News::Connection => {
                    interval = MEMBERS_SOON;
                    ask_at = Instant::now();
                    self.zones.clear();
                }
                News::Time => interval = (interval * 2).min(MEMBERS_EVERY),
                News::Nominated => {
                    let nomination = nominated.now().and_then(|seen| seen.value);
                    self.nominated(nomination).await;
                }
                News::StoreEnded(why) => self.store_ended(why).await?,
                News::Said => {
                    let said = said.borrow_and_update().clone();
                    self.tell.send_modify(|report| report.steward = said);
                }
                News::Leave(Leave(answer)) => {
                    let left = self.leave().await;
                    let has_left = left.is_ok();
                    // Who asked may have gone.
                    let _ = answer.send(left);
                    if !has_left {
                        self.end().await;
                    }
                    return Ok(());
                }
                News::End => break,
            }
        }
        self.end().await;
        Ok(())
    }

    /// With what TLS is spoken here; `None`: not at all.
    fn tls(&self) -> Option<Arc<MeshTls>> {
        self.own.as_ref().map(|own| own.tls.clone())
    }

    fn member(&self) -> Option<String> {
        match &self.open {
            Open::Store(store) => Some(store.node().identity().member.to_string()),
            Open::Signpost(_) | Open::Nothing => None,
        }
    }

    /// Says that this host is there, and what it is, unless the store knows.
    async fn announce(&mut self, lease: Option<i64>) -> Result<(), MeshError> {
        let now = lease.map(|lease| (lease, self.member()));
        if now.is_none() || now == self.announced {
            return Ok(());
        }
        let live = Live {
            instance: self.memory.instance.clone(),
            addresses: self.door.advertised.clone(),
            process: std::process::id(),
        };
        match presence::announce(&self.client, &live, &self.card(false), Deadline::after(PATIENCE)).await {
            Ok(_) => self.announced = now,
            Err(error @ MeshError::NameTaken { .. }) => return Err(error),
            Err(error) => tracing::debug!(%error, "the mesh does not know yet that this host is there"),
        }
        Ok(())
    }

    fn card(&self, stopped: bool) -> StoredCard {
        let member = match &self.open {
            Open::Store(store) => Some(store.node().identity().member),
            Open::Signpost(_) | Open::Nothing => None,
        };
        let peer = match self.open {
            Open::Nothing => None,
            _ => self.door.advertised.first().cloned(),
        };
        let mut card = StoredCard {
            addresses: self.door.advertised.clone(),
            zone: self.options.zone.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            labels: self.options.labels.clone(),
            duty: if member.is_some() { Duty::Voter } else { Duty::Client },
            unknown: [].into(),
        };
        let mut offer = Offer { stopped, ..Offer::of(&self.options, peer, member) };
        // Whom no administrator has let carry the store is not asked to: it would be waited for in vain.
        if self.own.as_ref().is_some_and(|own| !own.tls.passport().certificate.may_serve()) {
            offer.volunteers = Volunteer::Never;
        }
        offer.write(&mut card.unknown);
        card
    }

    /// Does nothing more for others.
    fn rest(&mut self) {
        self.duties.drain(..).for_each(|duty| duty.abort());
        self.inside = None;
        if let Some(own) = &self.own {
            own.tls.set_desk(None);
        }
    }

    /// Leaves for good. The last host keeps everything: nobody else has it.
    async fn leave(&mut self) -> Result<(), MeshError> {
        self.rest();
        if let Standing::Up(line) = self.link.standing() {
            // Those who stay are asked to forget this host once it carries nothing.
            self.learn(&line).await;
        }
        if let Open::Store(store) = &self.open {
            let left = store.node().leave(HAND_OVER).await?;
            if left == Left::Last {
                tracing::info!("this host was the last of its mesh: its store stays on its disk");
                return Ok(());
            }
        }
        self.close().await;
        let removed = self.client.remove_traces(Deadline::after(HAND_OVER)).await;
        if let Err(error) = removed {
            tracing::warn!(%error, "what this host has written stays in the mesh");
        }
        if let Some(Err(error)) = self.own.as_ref().map(|own| own.folder.forget_mesh()) {
            tracing::warn!(%error, "this host would come back to its old mesh when it is started again");
        }
        if let Err(error) = Memory::forget(&self.options.folder) {
            tracing::warn!(%error, "this host would look for its old mesh when it is started again");
        }
        Ok(())
    }

    /// Ends in order: others are told that this host is expected back.
    async fn end(mut self) {
        self.rest();
        if self.announced.is_some() && matches!(self.link.standing(), Standing::Up(_)) {
            let card = self.card(true);
            let farewell = presence::farewell(&self.client, &card, Deadline::after(FAREWELL));
            if let Err(error) = farewell.await {
                tracing::debug!(%error, "the mesh does not know that this host ends");
            }
        }
        self.close().await;
    }

    /// Nobody is answered any more.
    async fn close(&mut self) {
        self.door.close();
        if let Open::Store(store) = std::mem::replace(&mut self.open, Open::Nothing) {
            store.end().await;
        }
    }
}

/// Returns when the store that is carried has ended by itself.
async fn store_ended(open: &Open) -> Ended {
    match open {
        Open::Store(store) => store.ended().await,
        Open::Signpost(_) | Open::Nothing => std::future::pending().await,
    }
}
