//! Taking part as an administrator: with the keys of a person, where they lie.

use std::sync::Arc;

use super::{MeshError, grounds};
use crate::cluster::identity::{KeyFolder, key_files};
use crate::cluster::link::{Endpoint, Link, LinkSettings};
use crate::cluster::peer::PeerTls;
use crate::cluster::tls::{MeshTls, Passport};
use crate::cluster::world::{Client, ClientSettings, Trust, keys};
use crate::engine::world::HostName;

/// Takes part as the administrator whose keys lie in a folder, until it is dropped. To be called inside a tokio runtime.
///
/// # Errors
/// When there are none.
pub fn client(folder: &KeyFolder, host: HostName, at: Vec<Endpoint>) -> Result<Arc<Client>, MeshError> {
    let passport = Passport::of_administrator(folder)?.ok_or_else(|| folder.missing(key_files::ADMIN_KEY))?;
    let trust = Trust::default();
    trust.set(grounds::of_administrator(folder, passport.mesh, host.clone())?);
    let tls = Some(Arc::new(PeerTls::Mesh(MeshTls::new(passport)?)));
    let link = Link::start(LinkSettings { lineage: Some(keys::STORES), tls, ..LinkSettings::default() });
    link.set_endpoints(at);
    Ok(Client::start_signed(ClientSettings { host, zone: String::new(), folder: None }, link, trust)?)
}
