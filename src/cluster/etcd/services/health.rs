//! `grpc.health.v1.Health`.

use futures_util::stream::{self, BoxStream, StreamExt as _};
use tonic::{Request, Response, Status};

use crate::cluster::etcd::pb::health::health_check_response::ServingStatus;
use crate::cluster::etcd::pb::health::health_server::Health;
use crate::cluster::etcd::pb::health::{HealthCheckRequest, HealthCheckResponse};
use crate::cluster::etcd::surface::Surface;

/// Whether this server serves.
pub struct HealthService(pub Surface);

#[tonic::async_trait]
impl Health for HealthService {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if known(&request.get_ref().service) {
            Ok(Response::new(status(ServingStatus::Serving)))
        } else {
            Err(Status::not_found("unknown service"))
        }
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        // Told once; the stream stays open, since a server that no longer serves closes it.
        let known = known(&request.get_ref().service);
        let first = status(if known { ServingStatus::Serving } else { ServingStatus::ServiceUnknown });
        Ok(Response::new(stream::iter([Ok(first)]).chain(stream::pending()).boxed()))
    }
}

/// The server as a whole; etcd names no other.
fn known(service: &str) -> bool {
    service.is_empty()
}

fn status(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
