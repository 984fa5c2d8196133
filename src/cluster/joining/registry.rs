//! What a desk must know, and what it writes.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::JoinError;
use crate::cluster::identity::{
    AdministratorChain, Administrators, Certificate, DenyList, Eviction, Fingerprint, Invite, Papers, Root,
    RootList, Serial, Signed, UnixSeconds,
};
use crate::engine::world::HostName;

/// A host that has an identity, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Why its keys are trusted: whoever relies on them verifies that.
    pub papers: Papers,
    /// With what it signs.
    pub key: Fingerprint,
    /// With what it connects.
    pub tls: Fingerprint,
    /// The number of its newest certificate.
    pub serial: Serial,
    /// Since when that is good.
    pub not_before: UnixSeconds,
    /// Until when that is good.
    pub not_after: UnixSeconds,
    /// What signed it.
    pub root: Fingerprint,
}

impl Enrolled {
    /// A host with these papers, this key that signs, and this newest certificate, which this root signed.
    pub fn new(papers: Papers, key: Fingerprint, certificate: &Certificate, root: &Root) -> Self {
        Self {
            papers,
            key,
            tls: *certificate.key(),
            serial: certificate.serial().clone(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            root: *root.fingerprint(),
        }
    }

    /// The eviction by which it is out.
    pub fn denied_by<'d>(&self, host: &HostName, denied: &'d DenyList) -> Option<&'d Eviction> {
        let issued = denied.denies_issued(Some(host), &self.serial, &self.tls, self.not_before);
        issued.or_else(|| denied.denies_key(&self.key))
    }

    /// As it is stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers can be written")
    }
}

/// Who the mesh's administrators are, who is out, and what signs certificates.
#[derive(Clone, Debug)]
pub struct Known {
    /// How the administrators came to be.
    pub chain: Arc<AdministratorChain>,
    /// Who they are.
    pub administrators: Administrators,
    /// Who is out.
    pub denied: DenyList,
    /// The same, as it was signed.
    pub evictions: Arc<Vec<Signed<Eviction>>>,
    /// What signs certificates.
    pub roots: RootList,
}

/// That a host joins with an invite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// With which.
    pub invite: Fingerprint,
    /// The key with which the host signs.
    pub key: Fingerprint,
}

/// What everything looked like: whatever is written counts only if that is so still.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp(pub Vec<(String, i64)>);

/// What there is to know when somebody asks for an identity.
#[derive(Clone, Debug)]
pub struct View {
    /// Of the mesh.
    pub known: Arc<Known>,
    /// The invite, as it was signed.
    pub invite: Option<Signed<Invite>>,
    /// How many have joined with it.
    pub uses: u32,
    /// Whether this very host has, with this very key.
    pub has_used: bool,
    /// The host that has the name.
    pub enrolled: Option<Enrolled>,
    /// When all this was so.
    pub stamp: Stamp,
}

/// Where identities are kept. It decides nothing: it tells what is there, and writes only on top of what it told.
#[async_trait]
pub trait Registry: Debug + Send + Sync + 'static {
    /// What there is to know about a name and an invite: nothing that was written before the call is left out.
    ///
    /// # Errors
    /// When the store does not answer, or what it has does not hold.
    async fn look(&self, host: &HostName, by: Option<&Use>) -> Result<View, JoinError>;

    /// What there is to know of the mesh: nothing that was written before the call is left out.
    ///
    /// # Errors
    /// As for [`Registry::look`].
    async fn know(&self) -> Result<Arc<Known>, JoinError>;

    /// Writes down a host, and that it has joined with an invite, unless it had before; all or nothing. `false`: something is not
    /// as it was in that view, and nothing was written.
    ///
    /// # Errors
    /// When the store does not answer: then it may be written or not.
    async fn enrol(
        &self,
        host: &HostName,
        enrolled: &Enrolled,
        by: Option<&Use>,
        view: &View,
    ) -> Result<bool, JoinError>;

    /// Whether a host carries the store, or was just asked to.
    fn carries(&self, host: &HostName) -> bool;

    /// Where they are: `host:port`.
    fn seeds(&self) -> Vec<String>;
}
