//! The called side without a listener of its own: peers that come to the door at which clients come too.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::{Request, Response};
use tonic::body::Body;
use tonic::codegen::Service as _;
use tonic::{Status, metadata::MetadataMap};

use super::channel::MESSAGE_LIMIT_BYTES;
use super::pb::peering_server::PeeringServer;
use super::refusals::Refusals;
use super::service::PeerService;
use super::{ListenError, PeerHandler, PeerServerSettings, snapshot};

/// What the paths of peers' calls begin with.
pub const PATH: &str = "/mgmt.peer.Peering/";

/// Answers peers' calls. Cheap to clone.
#[derive(Clone)]
pub struct PeerDoor {
    service: PeerService,
    server: PeeringServer<PeerService>,
}

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
        let server = PeeringServer::new(service.clone()).max_decoding_message_size(MESSAGE_LIMIT_BYTES);
        Ok(Self { service, server })
    }

    /// Answers a call. Who may not make it is refused before anything of it is read: a message may be very long, and whoever
    /// announces one has room made for it.
    pub async fn call(&self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let metadata = MetadataMap::from_headers(request.headers().clone());
        match self.service.may_call(request.uri().path(), &metadata, request.extensions()) {
            Ok(()) => self.server.clone().call(request).await,
            Err(why) => Ok(Status::from(why).into_http()),
        }
    }
}
