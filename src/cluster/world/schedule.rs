//! Which hosts were chosen for something.
//!
//! Whoever sees all candidates and the choice computes the same next choice from them; the write compares what it was made
//! from, so one counts. In a mesh the member that leads writes it (`for_all`). In an etcd nobody does but those who stand: the
//! oldest at once, the others when it has not.

mod choosing;
mod for_all;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Client;
use super::keys;
use super::mirror::Entry;
use super::session::{Lease, TTL_S};
use super::txn;
use super::view::{follow_map, follow_one};
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::link::Line;
use crate::engine::world::{Candidacy, Deadline, Follow, HostName, Schedule, Seen, WorldError, follow};

pub use choosing::{Standing, choose};

/// How long a candidate that is not the oldest waits for the oldest to write the choice.
const TURN: Duration = Duration::from_millis(500);
/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A candidate as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StoredCandidate {
    #[serde(flatten)]
    candidacy: Candidacy,
    /// Where the host stands.
    #[serde(default)]
    zone: String,
    /// Its load, in runnable processes a processor, when it was last told.
    #[serde(default)]
    load: f64,
}

/// The choice as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct StoredChoice {
    hosts: Vec<HostName>,
}

/// Stands while it is kept.
struct Stand {
    task: tokio::task::AbortHandle,
    leave: Option<(Arc<Client>, String)>,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.task.abort();
        if let Some((client, key)) = self.leave.take() {
            let write = super::outbox::Write { key: key.into(), value: None, leased: false };
            if client.writer.push(write).is_err() {
                tracing::debug!("a candidacy is left to end by itself");
            }
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(entry: &Entry) -> Option<T> {
    serde_json::from_slice(&entry.value).ok()
}

fn candidate_key(namespace: &str, host: &HostName) -> String {
    format!("{}{host}", keys::candidates(namespace))
}

#[async_trait]
impl Schedule for Client {
    async fn stand(
        &self,
        namespace: &str,
        candidacy: &Candidacy,
        by: Deadline,
    ) -> Result<Box<dyn Any + Send + Sync>, WorldError> {
        let this = self.shared()?;
        this.announce(namespace, candidacy, by).await?;
        let leave = (!candidacy.persist).then(|| (this.clone(), candidate_key(namespace, &self.host)));
        let task = tokio::spawn(this.stand_on(namespace.to_owned(), candidacy.clone()));
        Ok(Box::new(Stand { task: task.abort_handle(), leave }))
    }

    async fn withdraw(&self, namespace: &str, by: Deadline) -> Result<(), WorldError> {
        let key = candidate_key(namespace, &self.host);
        let write = super::outbox::Write { key: key.into(), value: None, leased: false };
        self.writer.write("withdraw", write, by).await.map(drop)
    }

    async fn standing(&self, namespace: &str, by: Deadline) -> Result<Option<Candidacy>, WorldError> {
        let request =
            pb::RangeRequest { key: candidate_key(namespace, &self.host).into(), ..Default::default() };
        let found = self.link.ask("read the schedule", by, |line: Line, by| {
            let request = request.clone();
            async move { line.range(request, by).await }
        });
        let stored = found.await?.kvs.into_iter().next();
        Ok(stored
            .and_then(|kv| serde_json::from_slice::<StoredCandidate>(&kv.value).ok())
            .map(|it| it.candidacy))
    }

    fn chosen(&self, namespace: &str) -> Follow<Arc<[HostName]>> {
        let mut raw = follow_one(&self.watcher, keys::choice(namespace), read::<StoredChoice>);
        let (tell, told) = follow();
        tokio::spawn(async move {
            while let Some(seen) = tokio::select! {
                seen = raw.changed() => seen,
                () = tell.alone() => None,
            } {
                let hosts = seen.value.unwrap_or_default().hosts.into();
                tell.tell(Seen { value: hosts, stale: seen.stale });
            }
        });
        told
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(TTL_S.cast_unsigned())
    }
}

impl Client {
    /// Writes that this host stands.
    async fn announce(
        &self,
        namespace: &str,
        candidacy: &Candidacy,
        by: Deadline,
    ) -> Result<Lease, WorldError> {
        let operation = "stand";
        let lease = self.session.lease(operation, by).await?;
        let candidate =
            StoredCandidate { candidacy: candidacy.clone(), zone: self.zone.clone(), load: load() };
        let value = Bytes::from(serde_json::to_vec(&candidate).expect("numbers and texts can be written"));
        let bound_to = if candidacy.persist { 0 } else { lease.id };
        let put = txn::put_leased(candidate_key(namespace, &self.host), value, bound_to);
        if let Err(error) = self.link.transact(operation, by, txn::always(vec![put])).await {
            if error.to_string().contains("lease not found") {
                self.session.is_lost();
            }
            return Err(error);
        }
        Ok(lease)
    }

    /// Stands again whenever the candidacy was lost, and takes part in choosing.
    async fn stand_on(self: Arc<Self>, namespace: String, candidacy: Candidacy) {
        let prefix = keys::candidates(&namespace);
        let range = keys::under(&prefix);
        let mut candidates = follow_map(&self.watcher, &[range], move |key, entry| {
            let host: HostName = keys::last_part(&prefix, key)?.parse().ok()?;
            let read = entry.and_then(|entry| Some((entry.created, read::<StoredCandidate>(entry)?)));
            Some((host, read))
        });
        let mut choice = follow_one(&self.watcher, keys::choice(&namespace), |entry| {
            Some((entry.written, read::<StoredChoice>(entry).unwrap_or_default()))
        });
        let mut due: Option<Instant> = None;
        let mut chooses = true;
        loop {
            tokio::select! {
                seen = candidates.changed() => if seen.is_none() { return },
                seen = choice.changed() => if seen.is_none() { return },
                () = async { match due { Some(at) => tokio::time::sleep_until(at.into()).await, None => std::future::pending().await } } => {}
            }
            let (Some(all), Some(now)) = (candidates.now(), choice.now()) else { continue };
            if all.stale.is_some() {
                continue;
            }
            if !all.value.contains_key(&self.host) {
                let announced = self.announce(&namespace, &candidacy, Deadline::after(PATIENCE)).await;
                due = announced.is_err().then(|| Instant::now() + TURN);
                continue;
            }
            let standing = standing(&all.value);
            let (written, chosen) = now.value.unwrap_or_default();
            let next = choose(&standing, &chosen.hosts);
            if next == chosen.hosts || !chooses {
                due = None;
                continue;
            }
            let is_oldest = standing.first().is_some_and(|first| first.host == self.host);
            if !is_oldest && due.is_none_or(|at| at > Instant::now()) {
                due.get_or_insert_with(|| Instant::now() + TURN);
                continue;
            }
            due = Some(Instant::now() + TURN);
            match self.write_choice(keys::choice(&namespace), written.0, next).await {
                Ok(()) => {}
                // In a mesh whose members choose it is not for hosts to write.
                Err(WorldError::Refused { .. }) => chooses = false,
                Err(error) => {
                    tracing::debug!(%error, "the choice of a schedule is not written; it is tried again");
                }
            }
        }
    }

    async fn write_choice(
        &self,
        key: String,
        made_from: i64,
        hosts: Vec<HostName>,
    ) -> Result<(), WorldError> {
        let value = serde_json::to_vec(&StoredChoice { hosts }).expect("names can be written");
        let choice = txn::when(vec![txn::is_unchanged(&key, made_from)], vec![txn::put(&key, value)]);
        self.link.transact("write the schedule", Deadline::after(PATIENCE), choice).await.map(drop)
    }
}

/// Those who stand, the oldest first.
fn standing(
    candidates: &BTreeMap<HostName, (crate::cluster::store::id::Revision, StoredCandidate)>,
) -> Vec<Standing> {
    let mut standing: Vec<Standing> = candidates
        .iter()
        .map(|(host, (since, stored))| Standing {
            host: host.clone(),
            since: since.0,
            candidacy: stored.candidacy.clone(),
            zone: stored.zone.clone(),
            load: stored.load,
        })
        .collect();
    standing.sort_by(|a, b| (a.since, &a.host).cmp(&(b.since, &b.host)));
    standing
}

/// How many processes wait for a processor, for each there is: the average of the last minute.
fn load() -> f64 {
    let processors = std::thread::available_parallelism().map_or(1.0, |count| count.get() as f64);
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|load| load.parse::<f64>().ok()).unwrap_or(0.0) / processors
}
