//! Who answers those who want a certificate: a host that carries the store gives one, any other tells where those are.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::cluster::identity::{Authority, Certificate, MeshId, Pin};
use crate::cluster::joining::{self, Answered, Binding, DeskSettings, NodeRegistry};
use crate::cluster::link::Link;
use crate::cluster::node::Handle;
use crate::cluster::tls::{self, Desk, JoinStream};

/// Gives certificates.
pub(super) struct Issuing(joining::Desk);

impl Issuing {
    /// Over this member.
    pub fn new(node: &Handle, mesh: MeshId, authority: Authority, pin: Pin, validity: Duration) -> Self {
        let registry = Arc::new(NodeRegistry::new(Arc::new(node.clone()), mesh, pin));
        let clock = Arc::new(tls::now);
        Self(joining::Desk::new(
            registry,
            Arc::new(authority),
            clock,
            DeskSettings { validity, ..DeskSettings::default() },
        ))
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
            match self.0.answer(stream, &Binding(binding), shown.as_ref()).await {
                Ok(Answered::Joined(host)) => tracing::info!(%host, "a host has joined the mesh"),
                Ok(Answered::Renewed(host)) => tracing::debug!(%host, "a host has a new certificate"),
                Ok(Answered::Handed(host)) => {
                    tracing::info!(%host, "a host has the mesh's authority: it carries the store");
                }
                Ok(Answered::Refused(why)) => tracing::warn!(%why, "who wanted to join was refused"),
                Err(error) => tracing::debug!(%error, "a conversation about joining has ended early"),
            }
        })
    }
}

/// Tells where the store is.
pub(super) struct Pointing(pub Link);

impl Desk for Pointing {
    fn answer(&self, stream: Box<dyn JoinStream>, _: [u8; 32], _: Option<Certificate>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let seeds = self.0.endpoints().iter().map(|endpoint| place(&endpoint.url)).collect();
            // Whoever has hung up needs no answer.
            let _ = joining::point_elsewhere(stream, seeds, joining::PATIENCE).await;
        })
    }
}

/// `host:port`, as tokens have it.
pub(super) fn place(url: &crate::cluster::peer::PeerUrl) -> String {
    match url.host.contains(':') {
        true => format!("[{}]:{}", url.host, url.port),
        false => format!("{}:{}", url.host, url.port),
    }
}
