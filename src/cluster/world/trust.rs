//! On which grounds this host believes others, and with what it signs.
//!
//! A mesh without identities has no [`Trust`]: nothing is signed there, and nothing verified. In any other there is one from
//! the start; who this host is comes into it when it has joined, and who administers and who is out whenever that changes.

use std::sync::Arc;

use tokio::sync::watch;

use crate::cluster::identity::{Administrators, DenyList, MeshId, RecipientKey, SigningKey};
use crate::engine::world::{DeployId, HostName};

/// On which grounds others are believed, and with what is signed.
#[derive(Clone, Debug)]
pub struct Grounds {
    /// The mesh: what is signed for another one is not believed.
    pub mesh: MeshId,
    /// This host's name.
    pub host: HostName,
    /// With what this host signs what it exports; `None`: it is not the host that speaks, but an administrator.
    pub signing: Option<Arc<SigningKey>>,
    /// With what this host reads secrets; `None`: it has no such key, or it is an administrator who speaks.
    pub recipient: Option<Arc<RecipientKey>>,
    /// With what an administrator signs deploys; `None`: none speaks.
    pub administrator: Option<Arc<SigningKey>>,
    /// Who administers the mesh.
    pub administrators: Administrators,
    /// Who is out.
    pub denied: DenyList,
    /// Older deploys are not run here: the token says it with which this host joined.
    pub lowest_deploy: Option<DeployId>,
}

/// The grounds as they are now; shared by all who ask for them.
#[derive(Clone, Debug)]
pub struct Trust(watch::Sender<Option<Arc<Grounds>>>);

impl Default for Trust {
    /// Who this host is is not known yet: nobody is believed.
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Trust {
    /// From now on these count.
    pub fn set(&self, grounds: Grounds) {
        self.0.send_replace(Some(Arc::new(grounds)));
    }

    /// Those that count now; `None`: this host has not joined yet.
    pub fn now(&self) -> Option<Arc<Grounds>> {
        self.0.borrow().clone()
    }

    /// Whenever they change.
    pub fn follow(&self) -> watch::Receiver<Option<Arc<Grounds>>> {
        self.0.subscribe()
    }
}
