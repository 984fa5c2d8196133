//! The called side without a listener of its own: peers that come to the door at which clients come too.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::{Request, Response};
use tonic::body::Body;
use tonic::codegen::Service as _;

use super::channel::MESSAGE_LIMIT_BYTES;
use super::pb::peering_server::PeeringServer;
use super::refusals::Refusals;
use super::service::PeerService;
use super::{ListenError, PeerHandler, PeerServerSettings, snapshot};

/// What the paths of peers' calls begin with.
pub const PATH: &str = "/mgmt.peer.Peering/";

/// Answers peers' calls. Cheap to clone.
#[derive(Clone)]
pub struct PeerDoor(PeeringServer<PeerService>);

impl PeerDoor {
    /// Answers for a member.
    ///
    /// # Errors
    /// When what earlier snapshots have left cannot be cleared.
    pub fn new(settings: PeerServerSettings, handler: Arc<dyn PeerHandler>) -> Result<Self, ListenError> {
        snapshot::clear(&settings.snapshots)
            .map_err(|cause| ListenError::Snapshots { path: settings.snapshots.clone(), cause })?;
        let PeerServerSettings { identity, snapshots, .. } = settings;
        let service = PeerService { identity, snapshots, handler, refusals: Arc::new(Refusals::default()) };
        Ok(Self(PeeringServer::new(service).max_decoding_message_size(MESSAGE_LIMIT_BYTES)))
    }

    /// Answers a call.
    pub async fn call(&self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        self.0.clone().call(request).await
    }
}
