//! An administrator at work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::identity::{
    AdministratorChain, AdministratorName, Administrators, IdentityError, KeyFolder, MeshId, SigningKey,
};
use crate::cluster::mesh::MeshError;
use crate::cluster::store::key::KeyRange;
use crate::cluster::world::mirror::Entry;
use crate::cluster::world::{Client, keys, txn};
use crate::engine::world::Deadline;

/// How often something is decided anew because somebody else has changed the same meanwhile.
pub(super) const TRIES: usize = 16;
/// The most changes in one transaction: etcd takes 128.
pub(super) const OPS: usize = 100;

/// An administrator at work: whose keys lie in a folder, and who is one as the store says.
#[derive(Debug)]
pub struct Office {
    pub(super) client: Arc<Client>,
    pub(super) folder: KeyFolder,
    pub(super) mesh: MeshId,
    pub(super) key: SigningKey,
    pub(super) name: AdministratorName,
    patience: Duration,
}

/// A key of the store as it was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// What it holds; `None`: it is not there.
    pub value: Option<Bytes>,
    /// When it was last written; 0: it is not there.
    pub written: i64,
}

impl Office {
    /// Comes to work. What is asked of the store may take so long each time.
    ///
    /// # Errors
    /// When no administrator's keys lie in the folder, they are of somebody who administers this mesh no more, the store does not
    /// answer, or what it has does not go on from what is known.
    pub async fn open(client: Arc<Client>, folder: KeyFolder, patience: Duration) -> Result<Self, MeshError> {
        let mesh = folder.mesh()?;
        let (key, _) = folder.admin()?;
        // Only a name is wanted of it until the chain is read.
        let name = "unknown".parse().expect("it is a name");
        let mut office = Self { client, folder, mesh, key, name, patience };
        let (_, _, administrators) = office.administrators().await?;
        let by = office.key.fingerprint();
        let name = administrators.name_of(&by).ok_or(IdentityError::NotAdministrator { by })?;
        office.name = name.clone();
        Ok(office)
    }

    /// Who works here.
    pub fn name(&self) -> &AdministratorName {
        &self.name
    }

    /// Until when an answer is waited for.
    pub(super) fn deadline(&self) -> Deadline {
        Deadline::after(self.patience)
    }

    /// The administrators, as the store says: they go on from what is known in the folder, which is kept up to date.
    pub(super) async fn administrators(
        &self,
    ) -> Result<(AdministratorChain, i64, Administrators), MeshError> {
        let known = self.folder.administrators(&self.mesh)?;
        let found = self.read("read who administers the mesh", keys::ADMINISTRATORS).await?;
        let chain = AdministratorChain::from_json(&found.value.unwrap_or_default())?;
        let administrators = chain.replay(&self.mesh, &known.pin())?;
        if administrators.head() != known.head() {
            self.folder.store_administrators(&chain)?;
        }
        Ok((chain, found.written, administrators))
    }

    /// Reads a key.
    pub(super) async fn read(&self, operation: &'static str, key: &str) -> Result<Found, MeshError> {
        let range = KeyRange::One(Bytes::copy_from_slice(key.as_bytes()));
        let found = self.client.read_all(operation, &range, self.deadline()).await?;
        let entry = found.into_values().next();
        let written = entry.as_ref().map_or(0, |entry| entry.written.0);
        Ok(Found { value: entry.map(|entry| entry.value), written })
    }

    /// Reads all keys with a prefix.
    pub(super) async fn read_under(
        &self,
        operation: &'static str,
        prefix: &str,
    ) -> Result<BTreeMap<Bytes, Entry>, MeshError> {
        Ok(self.client.read_all(operation, &keys::under(prefix), self.deadline()).await?)
    }

    /// The names of all keys with a prefix.
    pub(super) async fn list_under(
        &self,
        operation: &'static str,
        prefix: &str,
    ) -> Result<Vec<String>, MeshError> {
        let found = self.client.read_keys(operation, &keys::under(prefix), self.deadline()).await?;
        Ok(found.into_iter().filter_map(|(key, _)| String::from_utf8(key.to_vec()).ok()).collect())
    }

    /// Changes the store, if what is compared is so; `false`: it is not.
    pub(super) async fn commit(
        &self,
        operation: &'static str,
        compare: Vec<pb::Compare>,
        success: Vec<pb::RequestOp>,
    ) -> Result<bool, MeshError> {
        let change = txn::when(compare, success);
        Ok(self.client.link().transact(operation, self.deadline(), change).await?.succeeded)
    }
}
