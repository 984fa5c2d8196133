//! Which hosts were chosen for something.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Deadline, Follow, HostName, WorldError};

/// How hosts are chosen among those that stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Who was chosen stays; newcomers go to the end.
    #[default]
    Rr,
    /// By name.
    Alpha,
    /// The least loaded first, spread over zones; who was chosen stays until another has half its load.
    Load,
}

/// What a host that stands asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidacy {
    /// How hosts are chosen; of several opinions that of the oldest candidate counts.
    pub strategy: Strategy,
    /// How many are chosen.
    pub max: u32,
    /// It stays a candidate when its host goes away.
    pub persist: bool,
    /// A host that is away for so long is a candidate no longer, in seconds.
    pub ttl_s: u32,
}

/// Which hosts were chosen for something.
#[async_trait]
pub trait Schedule: fmt::Debug + Send + Sync {
    /// Stands for a namespace, until what is returned is dropped. Returns once it is known to the store, and fails while
    /// that is away: a host that cannot renew holds no choice.
    async fn stand(
        &self,
        namespace: &str,
        candidacy: &Candidacy,
        by: Deadline,
    ) -> Result<Box<dyn Any + Send + Sync>, WorldError>;

    /// Stands no longer, also if it persisted.
    async fn withdraw(&self, namespace: &str, by: Deadline) -> Result<(), WorldError>;

    /// Whether this host stands, and with what.
    async fn standing(&self, namespace: &str, by: Deadline) -> Result<Option<Candidacy>, WorldError>;

    /// Follows who is chosen, in order.
    fn chosen(&self, namespace: &str) -> Follow<Arc<[HostName]>>;

    /// How long this host may hold a choice without renewing it.
    fn patience(&self) -> Duration;
}
