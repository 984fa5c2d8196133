//! Graphs for all hosts.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys::{self, Fact};
use super::manifest::Manifest;
use super::outbox::Write;
use super::trust::Grounds;
use super::txn;
use super::view::{follow_map, follow_one};
use super::{Client, VALUE_BYTES};
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::link::Line;
use crate::engine::world::{
    ContentHash, Deadline, Deploy, DeployId, Deploys, Follow, HostName, HostReport, Passed, Rollout,
    RolloutState, Turn, Upload, WorldError,
};

/// The hash of a deploy: of its text as it is stored.
pub fn hash_of(deploy: &Deploy) -> ContentHash {
    ContentHash::of(&text(deploy))
}

fn text<T: Serialize>(value: &T) -> Bytes {
    serde_json::to_vec(value).expect("structs of texts and numbers can be written").into()
}

fn read<T: DeserializeOwned>(operation: &'static str, key: &str, value: &[u8]) -> Result<T, WorldError> {
    serde_json::from_slice(value).map_err(|error| WorldError::Unreadable {
        operation,
        key: key.to_owned(),
        why: error.to_string(),
    })
}

/// The deploys that are stored.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Those that count, oldest first.
    pub good: Vec<Arc<Deploy>>,
    /// Those that no administrator of this mesh has signed, and why they are refused.
    pub refused: Vec<(DeployId, WorldError)>,
}

/// What the next deploy follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// The newest deploy that counts; `None`: there is none.
    pub deploy: Option<Arc<Deploy>>,
    /// The number of the next one.
    pub next: DeployId,
    /// Why those that stand between the two do not count: they keep their numbers, since hosts may have gone by one whose signer
    /// has left, and would not take another one under its number.
    pub passed_over: Vec<WorldError>,
}

impl Stored {
    /// What the next deploy follows. Only what stands directly behind the newest one that counts is passed over: a number that
    /// somebody has made up must not use up all others.
    pub fn latest(self) -> Latest {
        let deploy = self.good.last().cloned();
        let mut next = DeployId(deploy.as_ref().map_or(0, |deploy| deploy.id.0).saturating_add(1));
        let mut refused: BTreeMap<DeployId, WorldError> = self.refused.into_iter().collect();
        let mut passed_over = Vec::new();
        while let Some(why) = refused.remove(&next) {
            passed_over.push(why);
            next = DeployId(next.0.saturating_add(1));
        }
        Latest { deploy, next, passed_over }
    }
}

impl Client {
    /// On which grounds deploys are believed; `None`: in this mesh nothing is signed.
    fn grounds(&self, operation: &'static str) -> Result<Option<Arc<Grounds>>, WorldError> {
        match self.trust() {
            None => Ok(None),
            Some(trust) => trust.now().map(Some).ok_or(WorldError::Late { operation }),
        }
    }

    /// Whether this host, or the administrator who takes part, may deploy; to be asked before anything is uploaded.
    ///
    /// # Errors
    /// When no administrator's key is here.
    pub fn may_deploy(&self) -> Result<(), WorldError> {
        let operation = "deploy";
        match self.grounds(operation)? {
            Some(grounds) if grounds.administrator.is_none() => Err(WorldError::NoSigner { operation }),
            _ => Ok(()),
        }
    }

    /// All deploys, also those that are refused.
    ///
    /// # Errors
    /// When the store does not answer; and where nothing is signed, when one cannot be read.
    pub async fn stored_deploys(&self, by: Deadline) -> Result<Stored, WorldError> {
        let operation = "list deploys";
        let grounds = self.grounds(operation)?;
        let found = self.read_all(operation, &keys::under(keys::DEPLOYS), by).await?;
        let mut stored = Stored::default();
        for (key, entry) in &found {
            let Some(grounds) = &grounds else {
                let deploy = read(operation, &String::from_utf8_lossy(key), &entry.value)?;
                stored.good.push(Arc::new(deploy));
                continue;
            };
            let number = keys::last_part(keys::DEPLOYS, key).and_then(|number| number.parse().ok());
            // A number that is written in another way stands for no deploy, and is nobody's place.
            let is_place = |id: &DeployId| keys::deploy(*id).as_bytes() == &key[..];
            let id = number.map(DeployId).filter(is_place).unwrap_or_default();
            match Manifest::verified(id, &entry.value, grounds) {
                Ok(manifest) => stored.good.push(Arc::new(manifest.deploy)),
                Err(error) => stored.refused.push((id, error)),
            }
        }
        Ok(stored)
    }

    /// What is stored under the number of a deploy.
    async fn record(&self, id: DeployId, by: Deadline) -> Result<Bytes, WorldError> {
        let request = pb::RangeRequest { key: keys::deploy(id).into(), ..Default::default() };
        let found = self.link.ask("read a deploy", by, |line: Line, by| {
            let request = request.clone();
            async move { line.range(request, by).await }
        });
        let found = found.await?.kvs.into_iter().next();
        Ok(found.ok_or_else(|| WorldError::Missing { what: format!("deploy {id}") })?.value)
    }

    /// The rollout on which that of the next deploy lies. Of what the store says only how far it has gone is taken: for whom it is,
    /// and what others run, is what was signed with the newest deploy. Otherwise who signs the next one would sign what somebody
    /// has written there.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn signed_rollout(
        &self,
        newest: Option<&Deploy>,
        current: Option<Rollout>,
        by: Deadline,
    ) -> Result<Option<Rollout>, WorldError> {
        let Some(grounds) = self.grounds("read a deploy")? else { return Ok(current) };
        let Some(newest) = newest else { return Ok(None) };
        let signed = Manifest::verified(newest.id, &self.record(newest.id, by).await?, &grounds)?.rollout;
        let (percent, state) = match current.filter(|current| current.deploy == newest.id) {
            Some(current) => (current.percent, current.state),
            None => (100, RolloutState::Done),
        };
        Ok(Some(Rollout { percent, state, ..signed }))
    }

    /// Stores a deploy as the next one, as [`Deploys::add`] does; as a roll-back it is also for hosts that have gone by deploys up
    /// to `back_from` although the store knows of none with that number any more.
    ///
    /// # Errors
    /// When it does not follow the one before, nobody is here who may sign it, or the store does not answer.
    pub async fn add_deploy(
        &self,
        manifest: Manifest,
        upload: Option<&Upload>,
        force: bool,
        by: Deadline,
    ) -> Result<(), WorldError> {
        let operation = "deploy";
        let value = match self.grounds(operation)? {
            Some(grounds) => manifest.sign(&grounds)?.into(),
            None => text(&manifest.deploy),
        };
        let Manifest { deploy, rollout, .. } = &manifest;
        if value.len() > VALUE_BYTES {
            return Err(WorldError::TooLarge { operation, bytes: value.len(), limit: VALUE_BYTES });
        }
        let before = match deploy.id.0.checked_sub(1) {
            Some(0) | None => None,
            Some(id) => Some(DeployId(id)),
        };
        if !force {
            let parent = self.last_that_counts(before, by).await?.map(|parent| hash_of(&parent));
            if parent != deploy.parent {
                let why = format!("it was made from another deploy than {}", before.unwrap_or_default());
                return Err(WorldError::BrokenChain { why });
            }
        }
        let key = keys::deploy(deploy.id);
        let mut is_next = vec![txn::is_absent(&key)];
        is_next.extend(before.map(|before| txn::is_present(keys::deploy(before))));
        // Whoever has lost the mark of its upload may have lost chunks, too.
        is_next.extend(upload.map(|upload| txn::is_present(&upload.0)));
        let mut success = vec![txn::put(&key, value), txn::put(keys::ROLLOUT, text(rollout))];
        success.extend(upload.map(|upload| txn::delete(&upload.0)));
        if self.link.transact(operation, by, txn::when(is_next, success)).await?.succeeded {
            return Ok(());
        }
        let why = match self.get(deploy.id, by).await {
            // An earlier attempt has done it, its answer lost.
            Ok(stored) if *stored == manifest.deploy => return Ok(()),
            Ok(_) => format!("deploy {} was made by someone else meanwhile", deploy.id),
            Err(WorldError::Unbelieved { why, .. }) => {
                format!(
                    "something that is no deploy has come as number {} meanwhile: {why}; try again",
                    deploy.id
                )
            }
            Err(WorldError::Missing { .. }) => match upload {
                Some(_) => "the store has not heard of its upload for too long".to_owned(),
                None => format!("there is no deploy {}", before.unwrap_or_default()),
            },
            Err(error) => return Err(error),
        };
        Err(WorldError::BrokenChain { why })
    }

    /// The deploy that counts with this number or, of those under which stands what does not count, the next lower one.
    async fn last_that_counts(
        &self,
        mut id: Option<DeployId>,
        by: Deadline,
    ) -> Result<Option<Arc<Deploy>>, WorldError> {
        while let Some(at) = id {
            match self.get(at, by).await {
                Ok(deploy) => return Ok(Some(deploy)),
                Err(WorldError::Unbelieved { .. }) => {}
                Err(error) => return Err(error),
            }
            id = at.0.checked_sub(1).filter(|below| *below > 0).map(DeployId);
        }
        Ok(None)
    }
}

#[async_trait]
impl Deploys for Client {
    async fn add(
        &self,
        deploy: &Deploy,
        rollout: &Rollout,
        upload: Option<&Upload>,
        force: bool,
        by: Deadline,
    ) -> Result<(), WorldError> {
        let manifest = Manifest { deploy: deploy.clone(), rollout: rollout.clone(), back_from: None };
        self.add_deploy(manifest, upload, force, by).await
    }

    async fn list(&self, by: Deadline) -> Result<Vec<Arc<Deploy>>, WorldError> {
        let Stored { good, refused } = self.stored_deploys(by).await?;
        for (_, error) in refused {
            tracing::warn!(%error, "a deploy does not count");
        }
        Ok(good)
    }

    async fn get(&self, id: DeployId, by: Deadline) -> Result<Arc<Deploy>, WorldError> {
        let operation = "read a deploy";
        let grounds = self.grounds(operation)?;
        let found = self.record(id, by).await?;
        match grounds {
            Some(grounds) => {
                Manifest::verified(id, &found, &grounds).map(|manifest| Arc::new(manifest.deploy))
            }
            None => read(operation, &keys::deploy(id), &found).map(Arc::new),
        }
    }

    async fn permit(&self, turn: Turn<'_>, by: Deadline) -> Result<Option<Passed>, WorldError> {
        let Some(grounds) = self.grounds("go by a rollout")? else { return Ok(None) };
        let id = turn.rollout.deploy;
        let manifest = Manifest::verified(id, &self.record(id, by).await?, &grounds)?;
        manifest.permits(turn, &grounds).map(Some)
    }

    fn rollout(&self) -> Follow<Option<Arc<Rollout>>> {
        follow_one(&self.watcher, keys::ROLLOUT.to_owned(), |entry| {
            match serde_json::from_slice::<Rollout>(&entry.value) {
                Ok(rollout) => Some(Arc::new(rollout)),
                Err(error) => {
                    tracing::error!(%error, key = keys::ROLLOUT, "cannot be read: the deploy before it runs on");
                    None
                }
            }
        })
    }

    async fn roll(&self, from: &Rollout, to: &Rollout, by: Deadline) -> Result<bool, WorldError> {
        let is_it = vec![txn::holds(keys::ROLLOUT, text(from))];
        let roll = txn::when(is_it, vec![txn::put(keys::ROLLOUT, text(to))]);
        Ok(self.link.transact("deploy", by, roll).await?.succeeded)
    }

    fn report(&self, report: Option<&HostReport>) {
        let key = keys::fact(&self.host, Fact::Deploy);
        let write = Write { key: key.into(), value: report.map(text), leased: false };
        if self.writer.push(write).is_err() {
            tracing::debug!("what this host makes of its deploy is not told: too much waits for the store");
        }
    }

    fn reports(&self) -> Follow<Arc<BTreeMap<HostName, HostReport>>> {
        follow_map(&self.watcher, &[keys::under(keys::HOSTS)], |key, entry| {
            let (host, fact) = keys::fact_of(key)?;
            let report = entry.and_then(|entry| serde_json::from_slice(&entry.value).ok());
            (fact == Fact::Deploy).then_some((host, report))
        })
    }
}
