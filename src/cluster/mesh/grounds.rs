//! On which grounds others are believed, from a folder of keys, and from what the store says that follows from those.

use std::sync::Arc;

use super::MeshError;
use crate::cluster::identity::{AdministratorChain, Eviction, KeyFolder, MeshId, Signed};
use crate::cluster::world::{Client, Grounds, keys};
use crate::engine::world::{Deadline, HostName};

const READ: &str = "read who administers the mesh";

/// What follows from the folder of a host's keys.
///
/// # Errors
/// When it says nothing of the mesh's administrators, or cannot be read.
pub fn of_host(folder: &KeyFolder, mesh: MeshId, host: HostName) -> Result<Grounds, MeshError> {
    let keys = folder.load_host_keys()?;
    let (signing, recipient) =
        keys.map(|keys| (Arc::new(keys.signing), keys.recipient.map(Arc::new))).unzip();
    Ok(Grounds { signing, recipient: recipient.flatten(), ..common(folder, mesh, host)? })
}

/// What follows from the folder of an administrator's keys; the same without them when there are none.
///
/// # Errors
/// When it says nothing of the mesh's administrators, or cannot be read.
pub fn of_administrator(folder: &KeyFolder, mesh: MeshId, host: HostName) -> Result<Grounds, MeshError> {
    let administrator = folder.load_admin()?.map(|(key, _)| Arc::new(key));
    Ok(Grounds { administrator, ..common(folder, mesh, host)? })
}

fn common(folder: &KeyFolder, mesh: MeshId, host: HostName) -> Result<Grounds, MeshError> {
    let administrators = folder.administrators(&mesh)?;
    let denied = folder.denied(&administrators, &mesh)?;
    let lowest_deploy = folder.load_lowest_deploy()?;
    Ok(Grounds {
        mesh,
        host,
        signing: None,
        recipient: None,
        administrator: None,
        administrators,
        denied,
        lowest_deploy,
    })
}

/// What the store says of administrators and who is out, as far as it follows from what is known: for who takes part for a moment
/// only, with keys that may have lain somewhere for years.
///
/// # Errors
/// When the store does not answer.
pub async fn renew(client: &Client, by: Deadline) -> Result<(), MeshError> {
    let Some((trust, known)) = client.trust().and_then(|trust| Some((trust, trust.now()?))) else {
        return Ok(());
    };
    let chain = client.value_of(READ, keys::ADMINISTRATORS, by).await?;
    let list = client.value_of(READ, keys::DENIED, by).await?;
    let pin = known.administrators.pin();
    let grown = chain.map(|text| AdministratorChain::from_json(&text)?.replay(&known.mesh, &pin));
    let administrators = match grown.transpose() {
        Ok(said) => said.unwrap_or_else(|| known.administrators.clone()),
        Err(error) => {
            tracing::warn!(%error, "what the store says of the administrators is not believed");
            known.administrators.clone()
        }
    };
    let mut denied = known.denied.clone();
    let list: Option<Vec<Signed<Eviction>>> = list.and_then(|text| serde_json::from_slice(&text).ok());
    denied.merge(list.unwrap_or_default(), &administrators, &known.mesh);
    trust.set(Grounds { administrators, denied, ..Grounds::clone(&known) });
    Ok(())
}
