//! What a host does in its mesh: it says that it is there, learns where the store is, and carries it when it is asked to.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::card::Offer;
use super::joining::{Leave, Report, Role};
use super::presence::{self, Live};
use super::rolling;
use super::signpost::Signpost;
use super::stewarding::{self, Said, StoredNomination};
use super::store::{self, Beginning, Store};
use super::{Memory, MeshError, Options};
use crate::cluster::etcd::node::Node as _;
use crate::cluster::etcd::serve::Address;
use crate::cluster::link::{Endpoint, Line, Link, Standing};
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
    /// What it does while it leads: its tasks.
    duties: Vec<tokio::task::AbortHandle>,
    said: watch::Sender<Said>,
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
            view::follow_one(self.client.watcher(), keys::MEMBERS.to_owned(), |entry| {
                Some(entry.value.clone())
            });
        let mut leases = self.client.session().follow();
        let mut standing = self.link.follow();
        let mut said = self.said.subscribe();
        let mut interval = MEMBERS_SOON;
        loop {
            let lease = leases.borrow_and_update().map(|lease| lease.id);
            self.announce(lease).await?;
            let up = match &*standing.borrow_and_update() {
                Standing::Up(line) => Some(line.clone()),
                Standing::Away(_) => None,
            };
            if let Some(line) = up {
                self.learn(&line).await;
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
                () = tokio::time::sleep(interval) => News::Time,
            };
            match news {
                News::Lease => {}
                // They are asked for.
                News::Members => drop(members.now()),
                News::Connection => interval = MEMBERS_SOON,
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
                    if has_left {
                        return Ok(());
                    }
                    break;
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
                self.duties = vec![tokio::spawn(run).abort_handle(), tokio::spawn(roll).abort_handle()];
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

    /// Learns from a member where the others are, and keeps it.
    async fn learn(&mut self, line: &Line) {
        let cluster = line.cluster.to_string();
        let mut endpoints = vec![line.endpoint.clone()];
        if let Open::Store(_) = self.open {
            endpoints.extend(self.advertised.iter().filter_map(|url| url.parse().ok()));
            endpoints.dedup();
        }
        if !line.endpoint.etcd {
            let Ok(told) = line.members(Deadline::after(PATIENCE)).await else { return };
            // One that has just been added has not yet told where its clients reach it: where its peers do.
            let urls = told.members.iter().flat_map(|member| match member.client_ur_ls.is_empty() {
                true => &member.peer_ur_ls,
                false => &member.client_ur_ls,
            });
            for endpoint in urls.filter_map(|url| url.parse::<Endpoint>().ok()) {
                if !endpoints.contains(&endpoint) && endpoint.url.host != "0.0.0.0" {
                    endpoints.push(endpoint);
                }
            }
        }
        self.tell.send_modify(|report| {
            report.cluster = Some(cluster.clone());
            report.endpoints = endpoints.iter().map(ToString::to_string).collect();
        });
        if self.memory.endpoints == endpoints && self.memory.cluster.as_deref() == Some(&cluster) {
            return;
        }
        self.memory.cluster = Some(cluster);
        self.memory.endpoints.clone_from(&endpoints);
        if let Err(error) = self.memory.save(&self.options.folder) {
            tracing::warn!(%error, "a restart will need the seeds");
        }
        self.link.set_endpoints(endpoints);
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
