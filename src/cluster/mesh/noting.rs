//! What a host has done is written down in its own name.

use super::MeshError;
use super::audit::{self, Author};
use super::own_identity::OwnIdentity;
use crate::cluster::identity::Principal;
use crate::cluster::world::Client;
use crate::engine::world::Deadline;

/// Writes down what this host has done; a host without papers writes nothing, since nobody could tell who it was.
///
/// # Errors
/// When its keys cannot be read, or the store does not answer.
pub(super) async fn note(
    own: &OwnIdentity,
    client: &Client,
    what: &str,
    by: Deadline,
) -> Result<(), MeshError> {
    let Principal::Host(host) = own.tls.passport().certificate.principal().clone() else { return Ok(()) };
    let (Some(keys), papers) = (own.folder.load_host_keys()?, own.folder.load_papers()?) else {
        return Ok(());
    };
    let author = Author { who: Principal::Host(host), mesh: &own.mesh, key: &keys.signing, papers };
    audit::append(client, &author, what, by).await
}
