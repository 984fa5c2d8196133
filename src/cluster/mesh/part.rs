//! What a host does in its mesh: it says that it is there, learns where the store is, and carries it when it is asked to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::backups;
use super::card::Offer;
use super::joining::{Leave, Report, Role};
use super::nearest::{self, Place};
use super::presence::{self, Live};
use super::rolling;
use super::signpost::Signpost;
use super::stewarding::{self, Said, StoredNomination};
use super::store::{self, Beginning, Store};
use super::{Memory, MeshError, Options};
use crate::cluster::etcd::node::Node as _;
use crate::cluster::etcd::serve::Address;
use crate::cluster::link::{Endpoint, Line, Link, Standing, Trouble};
use crate::cluster::node::{Ended, Left};
use crate::cluster::peer::PeerUrl;
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
    Signpost(Signpost),
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
    listen: Vec<Address>,
    advertised: Vec<String>,
    /// The lease under which this host has said that it is there, and as which member.
    announced: Option<(i64, Option<String>)>,
    /// What it does while it carries the store: its tasks.
    duties: Vec<tokio::task::AbortHandle>,
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

impl Part {
    pub fn new(
        options: Options,
        memory: Memory,
        link: Link,
        client: Arc<Client>,
        tell: watch::Sender<Report>,
        open: Open,
        (listen, advertised): (Vec<Address>, Vec<String>),
    ) -> Self {
        let said = watch::Sender::new(Said::default());
        let mut part = Self {
            options,
            memory,
            link,
            client,
            tell,
            open,
            listen,
            advertised,
            announced: None,
            duties: Vec::new(),
            said,
            zones: BTreeMap::new(),
            moved: None,
        };
        part.opened();
        part
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

    /// What is open has changed.
    fn opened(&mut self) {
        self.duties.drain(..).for_each(|duty| duty.abort());
        let role = match &self.open {
            Open::Store(store) => {
                let run = stewarding::run(store.node().clone(), self.client.clone(), self.said.clone());
                let roll = rolling::run(store.node().clone(), self.client.clone());
                let copy =
                    backups::run(store.node().clone(), self.client.clone(), self.options.folder.clone());
                self.duties = [tokio::spawn(run), tokio::spawn(roll), tokio::spawn(copy)]
                    .iter()
                    .map(|it| it.abort_handle())
                    .collect();
                // Its own store is the nearest.
                let own: Vec<Endpoint> = self.advertised.iter().filter_map(|url| url.parse().ok()).collect();
                let others = self.link.endpoints().into_iter().filter(|endpoint| !own.contains(endpoint));
                self.link.set_endpoints(own.iter().cloned().chain(others).collect());
                Role::Carries
            }
            Open::Signpost(_) | Open::Nothing => Role::Uses,
        };
        let endpoints: Vec<String> = self.link.endpoints().iter().map(ToString::to_string).collect();
        let cluster = self.memory.cluster.clone();
        self.tell.send_modify(|report| {
            report.role = role;
            report.addresses.clone_from(&self.advertised);
            report.endpoints = endpoints;
            report.cluster = cluster;
        });
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
            addresses: self.advertised.clone(),
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
            _ => self.advertised.first().cloned(),
        };
        let mut card = StoredCard {
            addresses: self.advertised.clone(),
            zone: self.options.zone.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            labels: self.options.labels.clone(),
            duty: if member.is_some() { Duty::Voter } else { Duty::Client },
            unknown: [].into(),
        };
        let offer = Offer { stopped, ..Offer::of(&self.options, peer, member) };
        offer.write(&mut card.unknown);
        card
    }

    async fn look_around(&mut self, line: &Line) {
        self.learn(line).await;
        self.outlived(line).await;
        if self.memory.anew {
            self.begin_anew().await;
        }
    }

    /// Learns from a member where the others are, and keeps it.
    async fn learn(&mut self, line: &Line) {
        let cluster = line.cluster.to_string();
        let endpoints = match line.endpoint.etcd {
            true => vec![line.endpoint.clone()],
            false => {
                let Ok(places) = self.places(line).await else { return };
                self.come_nearer(line, &places).await;
                nearest::order(self.client.name(), places)
            }
        };
        self.tell.send_modify(|report| {
            report.cluster = Some(cluster.clone());
            report.endpoints = endpoints.iter().map(ToString::to_string).collect();
        });
        if self.memory.endpoints == endpoints && self.memory.cluster.as_deref() == Some(&cluster) {
            return;
        }
        let before = self.memory.cluster.replace(cluster);
        self.memory.anew |= before.is_some() && before != self.memory.cluster;
        self.memory.endpoints.clone_from(&endpoints);
        self.remember();
        self.link.set_endpoints(endpoints);
    }

    /// Where the members are. The endpoint that works is kept, also if no member calls itself so: the others may be
    /// behind a door that only it goes through.
    async fn places(&mut self, line: &Line) -> Result<Vec<Place>, Trouble> {
        let told = line.members(Deadline::after(PATIENCE)).await?.members;
        let own: &[String] = if matches!(self.open, Open::Store(_)) { &self.advertised } else { &[] };
        let mut places: Vec<Place> = own
            .iter()
            .filter_map(|url| Some(Place { endpoint: url.parse().ok()?, own: true, near: true }))
            .collect();
        for member in &told {
            let near = !self.options.zone.is_empty() && self.is_near(&member.name).await;
            // One that has just been added has not yet told where its clients reach it: where its peers do.
            let urls = match member.client_ur_ls.is_empty() {
                true => &member.peer_ur_ls,
                false => &member.client_ur_ls,
            };
            let endpoints = urls.iter().filter_map(|url| url.parse::<Endpoint>().ok());
            let somewhere = endpoints.filter(|endpoint| endpoint.url.host != "0.0.0.0");
            places.extend(somewhere.map(|endpoint| Place { endpoint, own: false, near }));
        }
        if !places.iter().any(|place| place.endpoint == line.endpoint) {
            let near = self.options.zone.is_empty();
            places.push(Place { endpoint: line.endpoint.clone(), own: false, near });
        }
        Ok(places)
    }

    /// Whether a member is in this host's zone; what was learned is kept while the connection is: a zone is for an agent's
    /// life.
    async fn is_near(&mut self, member: &str) -> bool {
        if let Some(zone) = self.zones.get(member) {
            return *zone == self.options.zone;
        }
        let Ok(host) = member.parse() else { return false };
        match self.client.card(&host, Deadline::after(PATIENCE)).await {
            Ok(Some(card)) => {
                let near = card.zone == self.options.zone;
                self.zones.insert(member.to_owned(), card.zone);
                near
            }
            Ok(None) | Err(_) => false,
        }
    }

    /// Changes over to a member of this host's zone, if it is connected to one of another and that one is well.
    async fn come_nearer(&mut self, line: &Line, places: &[Place]) {
        let here = places.iter().find(|place| place.endpoint == line.endpoint);
        let rested = self.moved.is_none_or(|moved| moved.elapsed() > MOVE_EVERY);
        if here.is_none_or(|here| here.near || here.own) || !rested {
            return;
        }
        let Some(nearer) = places.iter().find(|place| place.near) else { return };
        if Line::knock(&nearer.endpoint.to_string()).await.is_ok() {
            tracing::debug!(from = %line.endpoint, to = %nearer.endpoint, "goes over to a member of its zone");
            self.moved = Some(Instant::now());
            self.link.go_over(line.id, nearest::order(self.client.name(), places.to_vec()));
        }
    }

    fn remember(&self) {
        if let Err(error) = self.memory.save(&self.options.folder) {
            tracing::warn!(%error, "a restart will need the seeds");
        }
    }

    /// A store that has begun anew knows of this host what was true some time ago.
    async fn begin_anew(&mut self) {
        self.announced = None;
        match self.client.begin_anew(Deadline::after(PATIENCE)).await {
            Ok(()) => {
                self.memory.anew = false;
                self.remember();
            }
            Err(error) => {
                tracing::warn!(%error, "the mesh has begun anew; this host tries again to see to its exports")
            }
        }
    }

    /// The steward has asked for something: to carry the store, once it has added this host to the members.
    async fn nominated(&mut self, nomination: Option<StoredNomination>) {
        let Some(StoredNomination { member: Some(member), .. }) = nomination else { return };
        // The store needs the door.
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Signpost(signpost) => signpost.close().await,
            other => {
                self.open = other;
                return;
            }
        }
        match self.carry().await {
            Ok(store) => {
                tracing::info!(member, "this host carries the store from now on");
                self.open = Open::Store(Box::new(store));
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "the store that this host was asked to carry does not start");
                self.wipe();
                self.open = Open::Signpost(Signpost::start(&self.listen, self.link.clone()).await);
            }
        }
        self.opened();
    }

    /// The mesh has begun anew elsewhere while this host was away: the store that it carries is of the past. It is kept
    /// beside, and this host joins the others.
    async fn outlived(&mut self, line: &Line) {
        let Open::Store(store) = &self.open else { return };
        let own = store.cluster();
        if own == line.cluster {
            return;
        }
        let Open::Store(store) = std::mem::replace(&mut self.open, Open::Nothing) else { return };
        store.end().await;
        match store::put_aside(&self.options.folder, &own.to_string()) {
            Ok(kept) => tracing::warn!(
                ?kept,
                "the store that this host carried is of the past: the mesh has begun anew as {}",
                line.cluster
            ),
            Err(error) => tracing::error!(%error, "the old store cannot be put aside"),
        }
        self.open = Open::Signpost(Signpost::start(&self.listen, self.link.clone()).await);
        self.opened();
    }

    async fn carry(&self) -> Result<Store, MeshError> {
        let ask: Vec<PeerUrl> = self.link.endpoints().into_iter().map(|endpoint| endpoint.url).collect();
        self.start(Beginning::Added(ask)).await
    }

    async fn start(&self, beginning: Beginning) -> Result<Store, MeshError> {
        let Self { options, listen, advertised, .. } = self;
        Store::start(&options.host, &options.folder, listen, advertised, beginning).await
    }

    /// The store has ended: this member was removed, or it broke.
    async fn store_ended(&mut self, why: Ended) -> Result<(), MeshError> {
        let Open::Store(store) = std::mem::replace(&mut self.open, Open::Nothing) else { return Ok(()) };
        store.end().await;
        if why == Ended::Removed {
            tracing::info!("this host carries the store no longer");
            self.wipe();
            self.open = Open::Signpost(Signpost::start(&self.listen, self.link.clone()).await);
        } else {
            tracing::error!(%why, "the store that this host carried has ended; it is started again");
            tokio::time::sleep(AGAIN).await;
            self.open = Open::Store(Box::new(self.start(Beginning::Again).await?));
        }
        self.opened();
        Ok(())
    }

    /// Removes the data of a member that is none any more.
    fn wipe(&self) {
        let folder = store::folder(&self.options.folder);
        if let Err(error) = std::fs::remove_dir_all(&folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(?folder, %error, "old data cannot be removed");
        }
    }

    /// Leaves for good. The last host keeps everything: nobody else has it.
    async fn leave(&mut self) -> Result<(), MeshError> {
        self.duties.drain(..).for_each(|duty| duty.abort());
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
        if let Open::Store(store) = std::mem::replace(&mut self.open, Open::Nothing) {
            store.end().await;
        }
        let removed = self.client.remove_traces(Deadline::after(HAND_OVER)).await;
        if let Err(error) = removed {
            tracing::warn!(%error, "what this host has written stays in the mesh");
        }
        if let Err(error) = Memory::forget(&self.options.folder) {
            tracing::warn!(%error, "this host would look for its old mesh when it is started again");
        }
        Ok(())
    }

    /// Ends in order: others are told that this host is expected back.
    async fn end(mut self) {
        self.duties.drain(..).for_each(|duty| duty.abort());
        if self.announced.is_some() && matches!(self.link.standing(), Standing::Up(_)) {
            let card = self.card(true);
            let farewell = presence::farewell(&self.client, &card, Deadline::after(FAREWELL));
            if let Err(error) = farewell.await {
                tracing::debug!(%error, "the mesh does not know that this host ends");
            }
        }
        if let Open::Store(store) = self.open {
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
