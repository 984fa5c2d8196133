//! The world of a program that has none: `mgmt plan` and `mgmt check`, and tests.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Blobs, Candidacy, Collection, ContentHash, Deadline, Deploy, DeployId, Deploys, Directory, Export,
    ExportId, Exports, Follow, HostCard, HostName, HostReport, HostStanding, HostState, Rollout, Schedule,
    SecretState, Secrets, Seen, Slot, Strings, Texts, Upload, World, WorldError, Written, follow,
};

/// A world in which nothing is and nothing can be written. What is followed is empty.
#[derive(Clone, Debug)]
pub struct Nowhere(HostName);

impl Nowhere {
    /// The world as this host sees it.
    pub fn of(host: HostName) -> Arc<dyn World> {
        Arc::new(Self(host))
    }
}

fn nothing<T: Clone + Default>() -> Follow<T> {
    let (tell, told) = follow();
    tell.tell(Seen::fresh(T::default()));
    told
}

impl World for Nowhere {
    fn host(&self) -> &HostName {
        &self.0
    }

    fn strings(&self) -> Arc<dyn Strings> {
        Arc::new(self.clone())
    }

    fn secrets(&self) -> Arc<dyn Secrets> {
        Arc::new(self.clone())
    }

    fn exports(&self) -> Arc<dyn Exports> {
        Arc::new(self.clone())
    }

    fn directory(&self) -> Arc<dyn Directory> {
        Arc::new(self.clone())
    }

    fn schedule(&self) -> Arc<dyn Schedule> {
        Arc::new(self.clone())
    }

    fn deploys(&self) -> Arc<dyn Deploys> {
        Arc::new(self.clone())
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::new(self.clone())
    }
}

#[async_trait]
impl Strings for Nowhere {
    async fn get(&self, _: &Slot, _: Deadline) -> Result<Seen<Option<Arc<str>>>, WorldError> {
        Err(WorldError::Nowhere { operation: "read a string" })
    }

    async fn set(&self, _: &Slot, _: Option<&str>, _: Deadline) -> Result<Written, WorldError> {
        Err(WorldError::Nowhere { operation: "write a string" })
    }

    async fn replace(
        &self,
        _: &Slot,
        _: Option<&str>,
        _: Option<&str>,
        _: Deadline,
    ) -> Result<bool, WorldError> {
        Err(WorldError::Nowhere { operation: "write a string" })
    }

    fn follow(&self, _: &Slot) -> Follow<Option<Arc<str>>> {
        nothing()
    }

    fn follow_hosts(&self, _: &str) -> Follow<Texts> {
        nothing()
    }

    async fn list(&self, _: &str, _: Deadline) -> Result<Vec<(Arc<str>, Arc<str>)>, WorldError> {
        Err(WorldError::Nowhere { operation: "read strings" })
    }

    fn follow_all(&self, _: &str) -> Follow<Arc<BTreeMap<Arc<str>, Arc<str>>>> {
        nothing()
    }
}

impl Secrets for Nowhere {
    fn follow(&self, _: &str) -> Result<Follow<SecretState>, WorldError> {
        Err(WorldError::Nowhere { operation: "read a secret" })
    }
}

#[async_trait]
impl Exports for Nowhere {
    async fn export(&self, _: &Export, _: Deadline) -> Result<Written, WorldError> {
        Err(WorldError::Nowhere { operation: "export" })
    }

    fn is_exported(&self, _: &Export) -> bool {
        false
    }

    fn keep_only(&self, _: BTreeSet<ExportId>) {}

    fn collect(&self, _: &str) -> Follow<Collection> {
        nothing()
    }
}

#[async_trait]
impl Directory for Nowhere {
    fn hosts(&self) -> Follow<Arc<BTreeMap<HostName, HostCard>>> {
        nothing()
    }

    fn tell(&self, _: HostState) {}

    async fn standings(&self, _: Deadline) -> Result<BTreeMap<HostName, HostStanding>, WorldError> {
        Err(WorldError::Nowhere { operation: "ask how the hosts are" })
    }
}

#[async_trait]
impl Schedule for Nowhere {
    async fn stand(
        &self,
        _: &str,
        _: &Candidacy,
        _: Deadline,
    ) -> Result<Box<dyn Any + Send + Sync>, WorldError> {
        Err(WorldError::Nowhere { operation: "stand" })
    }

    async fn withdraw(&self, _: &str, _: Deadline) -> Result<(), WorldError> {
        Err(WorldError::Nowhere { operation: "withdraw" })
    }

    async fn standing(&self, _: &str, _: Deadline) -> Result<Option<Candidacy>, WorldError> {
        Err(WorldError::Nowhere { operation: "read the schedule" })
    }

    fn chosen(&self, _: &str) -> Follow<Arc<[HostName]>> {
        nothing()
    }

    fn patience(&self) -> Duration {
        Duration::ZERO
    }
}

#[async_trait]
impl Deploys for Nowhere {
    async fn add(
        &self,
        _: &Deploy,
        _: &Rollout,
        _: Option<&Upload>,
        _: bool,
        _: Deadline,
    ) -> Result<(), WorldError> {
        Err(WorldError::Nowhere { operation: "deploy" })
    }

    async fn list(&self, _: Deadline) -> Result<Vec<Arc<Deploy>>, WorldError> {
        Err(WorldError::Nowhere { operation: "list deploys" })
    }

    async fn get(&self, _: DeployId, _: Deadline) -> Result<Arc<Deploy>, WorldError> {
        Err(WorldError::Nowhere { operation: "read a deploy" })
    }

    fn rollout(&self) -> Follow<Option<Arc<Rollout>>> {
        nothing()
    }

    async fn roll(&self, _: &Rollout, _: &Rollout, _: Deadline) -> Result<bool, WorldError> {
        Err(WorldError::Nowhere { operation: "deploy" })
    }

    fn report(&self, _: Option<&HostReport>) {}

    fn reports(&self) -> Follow<Arc<BTreeMap<HostName, HostReport>>> {
        nothing()
    }
}

#[async_trait]
impl Blobs for Nowhere {
    fn chunk_bytes(&self) -> usize {
        1 << 20
    }

    async fn begin_upload(&self, _: Deadline) -> Result<Upload, WorldError> {
        Err(WorldError::Nowhere { operation: "store blobs" })
    }

    async fn missing(&self, _: &[ContentHash], _: Deadline) -> Result<Vec<ContentHash>, WorldError> {
        Err(WorldError::Nowhere { operation: "read blobs" })
    }

    async fn put(&self, _: Bytes, _: Deadline) -> Result<ContentHash, WorldError> {
        Err(WorldError::Nowhere { operation: "store a blob" })
    }

    async fn get(&self, _: &ContentHash, _: Deadline) -> Result<Bytes, WorldError> {
        Err(WorldError::Nowhere { operation: "read a blob" })
    }

    async fn collect_garbage(&self, _: Deadline) -> Result<usize, WorldError> {
        Err(WorldError::Nowhere { operation: "remove blobs" })
    }
}
