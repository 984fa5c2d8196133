//! Who answers those who want a certificate: a host that carries the store gives one, any other tells where those are.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::noting;
use super::own_identity::OwnIdentity;
use crate::cluster::identity::{Authority, Certificate};
use crate::cluster::joining::{self, Answered, Binding, DeskSettings, NodeRegistry};
use crate::cluster::link::{Backoff, Link, chance};
use crate::cluster::node::Handle;
use crate::cluster::tls::{self, Desk, JoinStream};
use crate::cluster::world::Client;
use crate::engine::world::Deadline;

/// How long the store may take to note that a host has joined.
const NOTED: std::time::Duration = std::time::Duration::from_secs(5);

/// Gives certificates.
pub(super) struct Issuing {
    desk: joining::Desk,
    own: Arc<OwnIdentity>,
    client: Arc<Client>,
    /// To the others.
    link: Link,
}

impl Issuing {
    /// Over this member, of which `client` is the own one.
    pub fn new(
        node: &Handle,
        client: Arc<Client>,
        authority: Authority,
        own: Arc<OwnIdentity>,
        validity: Duration,
        link: Link,
    ) -> Self {
        let registry = Arc::new(NodeRegistry::new(Arc::new(node.clone()), own.mesh, own.pin()));
        let (clock, settings) = (Arc::new(tls::now), DeskSettings { validity, ..DeskSettings::default() });
        let desk =
            joining::Desk::new(registry, Arc::new(authority), clock, settings).with_keeper(own.clone());
        Self { desk, own, client, link }
    }

    /// Issues with the authority that the mesh has now, whenever it changes, until it is dropped.
    pub async fn follow_authority(&self) {
        let mut changes = self.own.tls.changes();
        let mut backoff = Backoff::default();
        loop {
            let newest = self.own.tls.passport().roots.newest().clone();
            if *self.desk.authority().roots().newest() == newest {
                backoff = Backoff::default();
                if changes.changed().await.is_err() {
                    return;
                }
                continue;
            }
            match self.own.get_authority(&self.link.urls()).await {
                Ok(authority) => {
                    tracing::info!(root = %newest.fingerprint(), "certificates are issued with the mesh's new authority");
                    self.desk.set_authority(Arc::new(authority));
                }
                Err(error) => {
                    tracing::debug!(%error, "the mesh has another authority, and nobody has given it yet");
                    tokio::time::sleep(backoff.next(chance(), None)).await;
                }
            }
        }
    }
}

impl Desk for Issuing {
    fn answer(
        &self,
        stream: Box<dyn JoinStream>,
        binding: [u8; 32],
        shown: Option<Certificate>,
    ) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let what = match self.desk.answer(stream, &Binding(binding), shown.as_ref()).await {
                Ok(Answered::Joined(host)) => {
                    tracing::info!(%host, "a host has joined the mesh");
                    format!("let the host {host} join")
                }
                Ok(Answered::Renewed(host)) => return tracing::debug!(%host, "a host has a new certificate"),
                Ok(Answered::Certified(name)) => {
                    tracing::info!(%name, "an administrator has a new certificate");
                    format!("gave the administrator {name} a certificate")
                }
                Ok(Answered::Rotated(name)) => {
                    tracing::info!(%name, "has made another authority, as an administrator has asked");
                    format!("made another authority for the mesh, as the administrator {name} has asked")
                }
                Ok(Answered::Denied(held)) => {
                    return tracing::info!(held, "was told directly who is out of the mesh");
                }
                Ok(Answered::Handed(host)) => {
                    tracing::info!(%host, "a host has the mesh's authority: it carries the store");
                    format!("gave the host {host} the mesh's authority")
                }
                Ok(Answered::Refused(why)) => return tracing::warn!(%why, "who wanted to join was refused"),
                Err(error) => {
                    return tracing::debug!(%error, "a conversation about joining has ended early");
                }
            };
            let noted = noting::note(&self.own, &self.client, &what, Deadline::after(NOTED)).await;
            if let Err(error) = noted {
                tracing::warn!(%error, what, "this could not be written down");
            }
        })
    }
}

/// Tells where the store is.
pub(super) struct Pointing(pub Link);

impl Desk for Pointing {
    fn answer(&self, stream: Box<dyn JoinStream>, _: [u8; 32], _: Option<Certificate>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // Whoever has hung up needs no answer.
            let _ = joining::point_elsewhere(stream, self.0.places(), joining::PATIENCE).await;
        })
    }
}
