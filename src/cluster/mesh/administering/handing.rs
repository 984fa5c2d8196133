//! That a host is out, told directly to a server that does not hear of it from the others.

use super::certifying::own_papers;
use crate::cluster::identity::{Domain, Eviction, KeyFolder, Signed, UnixSeconds};
use crate::cluster::joining;
use crate::cluster::link::Endpoint;
use crate::cluster::mesh::MeshError;
use crate::cluster::mesh::asking::call;
use crate::cluster::tls;
use crate::engine::world::HostName;

/// Signs that whoever is called so is out from now on, and tells it to one server, which goes by it at once and keeps it. The store
/// is not asked: so it holds where no quorum can be had, and nobody else knows of it.
///
/// # Errors
/// When no administrator's keys lie in the folder, the server does not answer, or does not know this administrator.
pub async fn hand_over(folder: &KeyFolder, host: &HostName, at: &Endpoint) -> Result<UnixSeconds, MeshError> {
    let own = own_papers(folder)?;
    let mut denied = folder.denied(&own.administrators, &own.mesh)?;
    let now = tls::now();
    // What its keys are only the store could tell: its name and the time are enough for its certificates.
    let eviction = Eviction {
        seq: denied.next_seq(),
        host: host.clone(),
        serials: Vec::new(),
        keys: Vec::new(),
        at: now,
    };
    let signed = Signed::new(&eviction, Domain::Eviction, &own.mesh, &own.signing)?;
    denied.take(signed.clone(), &own.administrators, &own.mesh)?;
    let address = at.url.place();
    let tls = own.join_tls()?;
    let line = call(&address, &tls)
        .await
        .map_err(|why| MeshError::Unreached { why: format!("{address}: {why}") })?;
    match joining::deny(line, vec![signed]).await? {
        0 => Err(MeshError::NotTaken { address }),
        _ => {
            folder.store_denied(&denied)?;
            Ok(now)
        }
    }
}
