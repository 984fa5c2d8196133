//! The steward's hands: on the leader, it is shown what is, and what it wants is done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::card::Offer;
use super::dismissing;
use super::host_facts::{HostFact, HostFacts, host_fact};
use super::steward::{
    Advice, Command, Duty, Exchanged, Host, Intent, Lag, Member, Nomination, Order, Role, Steward, View,
};
use super::{HostName, Policy};
use crate::cluster::etcd::node::{MemberChange, Node as _, NodeError};
use crate::cluster::node::{Handle, MemberStanding};
use crate::cluster::store::id::{LeaseId, MemberId};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::reply::Reply;
use crate::cluster::store::request::{Change, Delete, Put};
use crate::cluster::tls::MeshTls;
use crate::cluster::world::keys::{self, Fact};
use crate::cluster::world::{Client, view};
use crate::engine::sched::Time;
use crate::engine::world::Follow;

/// How often the leader looks at its members.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often one that does not lead looks whether it does.
const REST: Duration = Duration::from_millis(500);

/// The note of an exchange is of no use after this: the steward makes one a minute at the most.
const NOTE_KEPT: Duration = Duration::from_secs(60);

/// What the steward has said last, for `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// What it would change and cannot.
    pub remarks: Vec<String>,
    /// What each host does.
    pub duties: BTreeMap<HostName, String>,
}

/// A nomination as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredNomination {
    /// As what.
    pub duty: Duty,
    /// Its member, in hexadecimal, once that was added.
    pub member: Option<String>,
}

/// An exchange as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredExchange {
    promote: String,
    demote: String,
}

/// The steward's hands on one member.
pub(super) struct Stewarding {
    node: Handle,
    client: Arc<Client>,
    /// Who is out, as this host knows; `None`: in a mesh without TLS nobody ever is.
    own: Option<Arc<MeshTls>>,
    started: Instant,
    steward: Steward,
    hosts: Follow<HostFacts>,
    policy: Follow<Option<Arc<Policy>>>,
    exchange: Follow<Option<Arc<StoredExchange>>>,
    /// Where the members are, as hosts were told.
    told: Follow<Option<Arc<Vec<String>>>>,
    seen: Seen,
    tell: watch::Sender<Said>,
}

/// When this leader has seen something for the first time.
#[derive(Default)]
struct Seen {
    nominated: BTreeMap<HostName, (StoredNomination, Time)>,
    stopped: BTreeMap<HostName, Time>,
    lagging: BTreeMap<MemberId, Time>,
    exchanged: Option<(StoredExchange, Time)>,
}

/// Works whenever this member leads, until it is dropped.
pub(super) async fn run(
    node: Handle,
    client: Arc<Client>,
    own: Option<Arc<MeshTls>>,
    tell: watch::Sender<Said>,
) {
    let watcher = client.watcher();
    let hosts = view::follow_map(watcher, &[keys::under(keys::HOSTS)], host_fact);
    let policy =
        view::follow_one(watcher, keys::POLICY.to_owned(), |entry| match Policy::from_json(&entry.value) {
            Ok(policy) => Some(Arc::new(policy)),
            Err(error) => {
                tracing::warn!(%error, "the mesh goes by the usual policy");
                None
            }
        });
    let exchange = view::follow_one(watcher, keys::EXCHANGE.to_owned(), |entry| {
        serde_json::from_slice(&entry.value).ok().map(Arc::new)
    });
    let told = view::follow_one(watcher, keys::MEMBERS.to_owned(), |entry| {
        serde_json::from_slice(&entry.value).ok().map(Arc::new)
    });
    let mut stewarding = Stewarding {
        node,
        client,
        own,
        started: Instant::now(),
        steward: Steward::new(),
        hosts,
        policy,
        exchange,
        told,
        seen: Seen::default(),
        tell,
    };
    stewarding.work().await;
}

impl Stewarding {
    async fn work(&mut self) {
        let mut led = false;
        loop {
            let leads = self.node.standing().leader == Some(self.node.identity().member);
            if !leads {
                if std::mem::take(&mut led) {
                    self.tell.send_replace(Said::default());
                }
                tokio::time::sleep(REST).await;
                continue;
            }
            if !std::mem::replace(&mut led, true) {
                // One that begins knows only what is in the store.
                self.steward = Steward::new();
                self.seen = Seen::default();
                self.sign().await;
            }
            let Some(view) = self.view() else {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            };
            let now = self.now();
            let Advice { orders, remarks, .. } = self.steward.step(&view, now);
            let duties = super::steward::duties(&view, now);
            let said = Said {
                remarks: remarks.iter().map(ToString::to_string).collect(),
                duties: duties.into_iter().map(|(host, duty)| (host, duty.to_string())).collect(),
            };
            self.tell.send_if_modified(|known| {
                let differs = *known != said;
                *known = said;
                differs
            });
            for order in orders {
                self.carry_out(order).await;
            }
            self.forget_exchange(now).await;
            self.tell_members().await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Writes into the store which one it is: one that is made of its data later is known by that.
    async fn sign(&self) {
        let key = format!("{}{}", keys::STORES, self.node.identity().cluster);
        if let Err(error) = self.put(&key, &serde_json::json!({})).await {
            tracing::warn!(%error, "a store that is recovered from this one's data would be taken for a stranger");
        }
    }

    /// Removes the note of an exchange in its time, so that the next leader does not count from it.
    async fn forget_exchange(&mut self, now: Time) {
        let is_old = |(_, at): &(StoredExchange, Time)| now >= *at + NOTE_KEPT;
        if self.seen.exchanged.as_ref().is_some_and(is_old) {
            let range = KeyRange::One(keys::EXCHANGE.into());
            if self.propose(Change::Delete(Delete { range, previous: false })).await.is_ok() {
                self.seen.exchanged = None;
            }
        }
    }

    /// Tells all hosts where the members are, when that has changed.
    async fn tell_members(&mut self) {
        let mut now: Vec<String> =
            self.node.census().into_iter().flat_map(|known| known.peer_urls.into_iter().next()).collect();
        now.sort_unstable();
        let Some(told) = self.told.now().filter(|seen| seen.stale.is_none()) else { return };
        if told.value.as_deref() != Some(&now)
            && !now.is_empty()
            && let Err(error) = self.put(keys::MEMBERS, &now).await
        {
            tracing::debug!(%error, "hosts are told later where the members are");
        }
    }

    fn now(&self) -> Time {
        Time(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// What is, as the steward sees it; `None`: not everything was read yet.
    fn view(&mut self) -> Option<View> {
        let now = self.now();
        let facts = self.hosts.now().filter(|seen| seen.stale.is_none())?.value;
        let policy = self.policy.now()?.value;
        let exchange = self.exchange.now()?.value;
        let census = self.node.census();
        if census.is_empty() {
            return None;
        }
        let me = self.node.identity().member;
        let mut hosts = self.hosts_of(&facts, now);
        if let Some(own) = &self.own {
            dismissing::dismiss(&self.node, own, &census, &mut hosts);
        }
        let nominations = self.nominations_of(&facts, now);
        let change_under_way = self.node.change_under_way();
        let members = census.iter().map(|known| (known.id, self.member_of(known, me, now))).collect();
        let exchanged = exchange.as_deref().and_then(|stored| self.exchanged_of(stored, now));
        let clients = hosts.values().filter(|host| host.alive).count().saturating_sub(census.len());
        Some(View {
            policy: policy.as_deref().cloned().unwrap_or_default(),
            me,
            members,
            change_under_way,
            exchanged,
            hosts,
            nominations,
            store_bytes: self.node.sizes().in_use,
            clients: clients as u64,
        })
    }

    fn member_of(&mut self, known: &MemberStanding, me: MemberId, now: Time) -> Member {
        let lag = match known.caught_up || known.id == me {
            true => {
                self.seen.lagging.remove(&known.id);
                None
            }
            false => {
                let since = *self.seen.lagging.entry(known.id).or_insert(now);
                Some(Lag { entries: known.behind, since })
            }
        };
        // Two heartbeats may be lost before anybody wonders.
        let is_silent = known.silence > self.node.heartbeat() * 3;
        let silence = u64::try_from(known.silence.as_nanos()).unwrap_or(u64::MAX);
        Member {
            host: known.name.parse().ok(),
            peer: known.peer_urls.first().cloned().unwrap_or_default(),
            role: if known.learner { Role::Learner } else { Role::Voter },
            lag,
            silent_since: is_silent.then(|| Time(now.0.saturating_sub(silence))),
        }
    }

    fn hosts_of(&mut self, facts: &HostFacts, now: Time) -> BTreeMap<HostName, Host> {
        let mut hosts = BTreeMap::new();
        for ((name, _), fact) in facts.iter() {
            let HostFact::Card(card) = fact else { continue };
            let live = match facts.get(&(name.clone(), Fact::Live as u8)) {
                Some(HostFact::Live(since)) => Some(*since),
                _ => None,
            };
            let offer = Offer::read(card);
            let intent = match (offer.leaves, offer.stopped) {
                (true, _) => Intent::Leaves,
                (false, true) => {
                    Intent::Stopped { at: *self.seen.stopped.entry(name.clone()).or_insert(now) }
                }
                (false, false) => {
                    self.seen.stopped.remove(name);
                    Intent::Stays
                }
            };
            let host = Host {
                zone: card.zone.clone(),
                labels: card.labels.clone(),
                since: live.unwrap_or(u64::MAX),
                instance: live.unwrap_or(0),
                alive: live.is_some(),
                intent,
                volunteers: offer.willing(),
                disk_free_bytes: offer.disk_free_bytes,
                memory_bytes: offer.memory_bytes,
                peer: offer.peer.clone(),
                data: offer.data(),
            };
            hosts.insert(name.clone(), host);
        }
        hosts
    }

    fn nominations_of(&mut self, facts: &HostFacts, now: Time) -> BTreeMap<HostName, Nomination> {
        let mut nominations = BTreeMap::new();
        for ((name, _), fact) in facts.iter() {
            let HostFact::Nominated(stored) = fact else { continue };
            let known = self.seen.nominated.get(name).filter(|(known, _)| known.duty == stored.duty);
            let since = known.map_or(now, |(_, since)| *since);
            self.seen.nominated.insert(name.clone(), (stored.clone(), since));
            let nomination =
                Nomination { duty: stored.duty, since, member: stored.member.as_deref().and_then(member_id) };
            nominations.insert(name.clone(), nomination);
        }
        self.seen.nominated.retain(|name, _| nominations.contains_key(name));
        nominations
    }

    fn exchanged_of(&mut self, stored: &StoredExchange, now: Time) -> Option<Exchanged> {
        let known = self.seen.exchanged.as_ref().filter(|(known, _)| known == stored);
        let at = known.map_or(now, |(_, at)| *at);
        self.seen.exchanged = Some((stored.clone(), at));
        Some(Exchanged { promote: member_id(&stored.promote)?, demote: member_id(&stored.demote)?, at })
    }

    async fn carry_out(&self, order: Order) {
        let Order { command, reason } = order;
        match self.obey(command.clone()).await {
            Ok(()) => tracing::info!(%reason, ?command, "the steward has changed who carries the store"),
            Err(error) => {
                tracing::warn!(%reason, ?command, %error, "what the steward wants could not be done; it will look again");
            }
        }
    }

    async fn obey(&self, command: Command) -> Result<(), NodeError> {
        match command {
            Command::AddLearner { host, peer } => {
                let add = MemberChange::Add { peer_urls: vec![peer], learner: true };
                let (_, id) = self.node.change_members(add).await?;
                self.nominate(&host, Duty::Spare, Some(id)).await
            }
            Command::Promote { members } => {
                for member in members {
                    self.node.change_members(MemberChange::Promote(member)).await?;
                }
                Ok(())
            }
            Command::Exchange { promote, demote } => {
                let stored = StoredExchange { promote: promote.to_string(), demote: demote.to_string() };
                self.put(keys::EXCHANGE, &stored).await?;
                self.node.change_members(MemberChange::Exchange { promote, demote }).await.map(drop)
            }
            Command::Demote { members } => {
                for member in members {
                    self.node.change_members(MemberChange::Demote(member)).await?;
                }
                Ok(())
            }
            Command::Remove { member } => {
                self.node.change_members(MemberChange::Remove(member)).await.map(drop)
            }
            Command::Readdress { member, peer } => {
                // Nowhere is written as an address that nobody has.
                let peer_urls = vec![peer.unwrap_or_else(|| "http://0.0.0.0:1".to_owned())];
                let update = MemberChange::Update { id: member, peer_urls };
                self.node.change_members(update).await.map(drop)
            }
            Command::Nominate { host, duty } => self.nominate(&host, duty, None).await,
            Command::Withdraw { host } => {
                let range = KeyRange::One(keys::fact(&host, Fact::Duty).into());
                self.propose(Change::Delete(Delete { range, previous: false })).await.map(drop)
            }
            Command::MoveLeader { to } => self.node.move_leader(to).await,
        }
    }

    async fn nominate(&self, host: &HostName, duty: Duty, member: Option<MemberId>) -> Result<(), NodeError> {
        let stored = StoredNomination { duty, member: member.map(|id| id.to_string()) };
        self.put(&keys::fact(host, Fact::Duty), &stored).await
    }

    async fn put(&self, key: &str, value: &impl Serialize) -> Result<(), NodeError> {
        let value = Bytes::from(serde_json::to_vec(value).expect("texts can be written"));
        let key = Bytes::copy_from_slice(key.as_bytes());
        let put = Put { key, value: Some(value), lease: Some(LeaseId(0)), previous: false };
        self.propose(Change::Put(put)).await.map(drop)
    }

    async fn propose(&self, change: Change) -> Result<Reply, NodeError> {
        Ok(self.node.propose(change, None).await?.reply)
    }
}

fn member_id(text: &str) -> Option<MemberId> {
    u64::from_str_radix(text, 16).ok().map(MemberId)
}

impl std::fmt::Debug for Stewarding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.client.link().cluster();
        f.debug_tuple("Stewarding").field(&name).finish()
    }
}
