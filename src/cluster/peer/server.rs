//! The called side.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::{ListenError, PeerHandler, PeerIdentity, PeerTls, PeerUrl};

/// What a [`PeerServer`] serves with.
#[derive(Clone)]
pub struct PeerServerSettings {
    /// Who this member is.
    pub identity: PeerIdentity,
    /// Wanted by `https` URLs.
    pub tls: Option<Arc<PeerTls>>,
    /// Where snapshots arrive; must exist.
    pub snapshots: PathBuf,
}

/// Listens at this member's peer URLs. Dropping it ends all connections at once.
pub struct PeerServer {}

impl PeerServer {
    /// Listens, and serves what comes until it is closed.
    pub async fn start(
        urls: &[PeerUrl],
        settings: PeerServerSettings,
        handler: Arc<dyn PeerHandler>,
    ) -> Result<Self, ListenError> {
        let _ = (urls, settings, handler);
        Ok(Self {})
    }

    /// Where it listens, in the order of the URLs; ports that the system chose are filled in.
    pub fn addresses(&self) -> &[SocketAddr] {
        &[]
    }

    /// Takes no more connections, and ends those that are.
    pub async fn close(self) {}
}
