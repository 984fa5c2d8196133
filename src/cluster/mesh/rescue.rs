//! A mesh that begins anew on this host, with what its store holds or with a snapshot. Offline: no agent runs here.

use std::path::{Path, PathBuf};

use super::store;
use super::{HostName, Memory, MeshError};
use crate::cluster::etcd::backend::Digest;
use crate::cluster::node::{self, Founder, Past, Reborn};
use crate::cluster::store::id::{ClusterId, Revision};
use crate::cluster::store::member::PeerUrls;

/// Where nobody is: the steward puts the host's own address in its place.
const NOWHERE: &str = "http://0.0.0.0:1";

/// A mesh that has begun anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescued {
    /// The new store's id.
    pub cluster: ClusterId,
    /// Its first revision.
    pub revision: Revision,
    /// Where the old store's files are now, if there were any.
    pub kept: Option<PathBuf>,
}

/// What a host has of a mesh, before anything is changed.
///
/// # Errors
/// When it has nothing.
pub fn survey(folder: &Path) -> Result<Memory, MeshError> {
    if !store::has_files(folder) {
        return Err(MeshError::NoStore { folder: folder.to_owned() });
    }
    Memory::load(folder)
}

/// Makes a mesh of this host alone out of the store that it carried in one whose quorum is gone for good.
///
/// # Errors
/// When it carried none, an agent runs on it, or its files cannot be read.
pub fn recover(folder: &Path, host: &HostName) -> Result<Rescued, MeshError> {
    survey(folder)?;
    let reborn = node::recover(&store::folder(folder), &founder(host)).map_err(Box::new)?;
    settle(folder, reborn, "what its store held: mgmt mesh recover")
}

/// Makes a mesh of this host alone out of a snapshot. A store that it has already is put aside if `replace` says so.
///
/// # Errors
/// When the snapshot cannot be used, or there is a store already.
pub fn restore(folder: &Path, host: &HostName, snapshot: &Path, replace: bool) -> Result<Rescued, MeshError> {
    let has_files = store::has_files(folder);
    if has_files && !replace {
        return Err(MeshError::HasStore { folder: store::folder(folder) });
    }
    let cradle = folder.join("store.new");
    if cradle.exists() {
        let failed = |source| MeshError::Memory { operation: "remove", path: cradle.clone(), source };
        std::fs::remove_dir_all(&cradle).map_err(failed)?;
    }
    // The old one is touched only when the new one is whole.
    let mut reborn = node::restore(snapshot, Digest::Required, &cradle, &founder(host), Past::default())
        .map_err(Box::new)?;
    if has_files {
        let name = Memory::load(folder)?.cluster.unwrap_or_else(|| "old".to_owned());
        reborn.old_files = Some(store::put_aside(folder, &name)?);
    }
    let place = store::folder(folder);
    let failed = |source| MeshError::Memory { operation: "rename", path: cradle.clone(), source };
    std::fs::rename(&cradle, &place).map_err(failed)?;
    let name = snapshot.file_name().unwrap_or_default().to_string_lossy();
    settle(folder, reborn, &format!("the snapshot {name}: mgmt mesh restore"))
}

fn founder(host: &HostName) -> Founder {
    let peer_urls = PeerUrls::parse([NOWHERE.to_owned()]).expect("it is an address");
    let token = format!("{:016x}", getrandom::u64().unwrap_or_default());
    Founder { name: host.to_string(), peer_urls, token }
}

fn settle(folder: &Path, reborn: Reborn, with: &str) -> Result<Rescued, MeshError> {
    let mut memory = Memory::load(folder)?;
    // There is no store now in which it could be written down.
    memory.undertaken.push(format!("began the mesh anew as {}, with {with}", reborn.identity.cluster));
    memory.cluster = Some(reborn.identity.cluster.to_string());
    memory.endpoints.clear();
    memory.anew = true;
    memory.save(folder)?;
    Ok(Rescued { cluster: reborn.identity.cluster, revision: reborn.revision, kept: reborn.old_files })
}
