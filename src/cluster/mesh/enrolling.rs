//! A host gets its identity before its agent first runs.

use std::path::Path;
use std::time::Duration;

use super::own_identity::{OwnIdentity, Said};
use super::{Memory, MeshError};
use crate::cluster::identity::{JoinToken, MeshId};
use crate::engine::world::HostName;

/// Joins with a token, and keeps where the mesh is: the agent that runs here later needs neither token nor seed. `prefix` is above the
/// folder of keys, `folder` what this host knows of its mesh; both are there. It is tried again for so long.
///
/// # Errors
/// When no host of the mesh answers in time, or one refuses.
pub async fn enrol(
    prefix: &Path,
    folder: &Path,
    host: &HostName,
    token: &JoinToken,
    serve: bool,
    patience: Duration,
) -> Result<MeshId, MeshError> {
    let mut memory = Memory::load(folder)?;
    let joined = OwnIdentity::join(prefix, token, &token.seeds, Said { host, serve, addresses: &[] });
    let why = || format!("{} within {} s", token.seeds.join(", "), patience.as_secs());
    let (own, seeds) =
        tokio::time::timeout(patience, joined).await.map_err(|_| MeshError::Unreached { why: why() })??;
    memory.endpoints = seeds;
    memory.save(folder)?;
    Ok(own.mesh)
}
