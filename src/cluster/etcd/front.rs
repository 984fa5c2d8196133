//! What comes in on a connection: gRPC to the services, everything else to the HTTP pages and the gateway.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::header::CONTENT_TYPE;
use hyper::{Request, Response};
use tonic::body::Body;
use tonic::codegen::Service as _;
use tonic::{Code, Status};

use super::admission::TurnedAway;
use super::calls::Calls;
use super::http;
use super::leader_guard::LeaderGuard;
use super::methods::{self, Method};
use super::node::NodeError;
use super::pb::etcdserverpb::{
    auth_server::AuthServer, cluster_server::ClusterServer, kv_server::KvServer, lease_server::LeaseServer,
    maintenance_server::MaintenanceServer, watch_server::WatchServer,
};
use super::pb::health::health_server::HealthServer;
use super::pb::{v3electionpb::election_server::ElectionServer, v3lockpb::lock_server::LockServer};
use super::services::{
    auth::AuthService, cluster::ClusterService, election::ElectionService, health::HealthService,
    kv::KvService, lease::LeaseService, lock::LockService, maintenance::MaintenanceService,
    watch::WatchService,
};
use super::status::in_gos_words;
use super::surface::Surface;
use crate::cluster::fake::Knobs;
use crate::cluster::peer::{self, PeerDoor};

/// What a learner of etcd serves; of the first it answers only what need not be linearizable.
const FOR_LEARNERS: &[&str] = &[
    "/etcdserverpb.KV/Range",
    "/etcdserverpb.Maintenance/Status",
    "/etcdserverpb.Maintenance/Snapshot",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
];

/// Answers requests. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    /// What all services share.
    pub surface: Surface,
    /// How they ended.
    pub(super) calls: Calls,
    /// What was refused before it was one.
    pub(super) turned_away: TurnedAway,
    /// Who answers peers that come to the clients' door.
    pub peers: Option<PeerDoor>,
    /// How it misbehaves, if it is one that can be told to.
    pub knobs: Option<Arc<Knobs>>,
    /// Whether only metrics and health are served.
    pub probes_only: bool,
    /// Whether all are told to come again later.
    pub full: bool,
    /// Whether who comes with a certificate is known by it through the gateway too; etcd's gateway forgets it.
    pub gateway_knows_certificates: bool,
    auth: AuthServer<AuthService>,
    cluster: ClusterServer<ClusterService>,
    election: ElectionServer<ElectionService>,
    health: HealthServer<HealthService>,
    kv: KvServer<KvService>,
    lease: LeaseServer<LeaseService>,
    lock: LockServer<LockService>,
    maintenance: MaintenanceServer<MaintenanceService>,
    watch: WatchServer<WatchService>,
}

impl Front {
    /// Over a node.
    pub fn new(surface: Surface) -> Self {
        /// A service that reads messages as long as allowed, and sends any.
        macro_rules! server {
            ($server:ident, $service:ident) => {
                $server::new($service(surface.clone()))
                    .max_decoding_message_size(surface.limits.message_bytes())
                    .max_encoding_message_size(usize::MAX)
            };
        }
        Self {
            auth: server!(AuthServer, AuthService),
            cluster: server!(ClusterServer, ClusterService),
            election: server!(ElectionServer, ElectionService),
            health: server!(HealthServer, HealthService),
            kv: server!(KvServer, KvService),
            lease: server!(LeaseServer, LeaseService),
            lock: server!(LockServer, LockService),
            maintenance: server!(MaintenanceServer, MaintenanceService),
            watch: server!(WatchServer, WatchService),
            gateway_knows_certificates: false,
            peers: None,
            knobs: None,
            calls: Calls::default(),
            turned_away: TurnedAway::default(),
            probes_only: false,
            full: false,
            surface,
        }
    }

    /// One that serves only metrics and health.
    pub fn probes(&self) -> Self {
        Self { probes_only: true, ..self.clone() }
    }

    /// One that tells all to come again later.
    pub fn full(&self) -> Self {
        Self { full: true, ..self.clone() }
    }

    /// Answers a request, whatever it is.
    pub async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        match &self.knobs {
            Some(knobs) => knobs.answer(self, request).await,
            None => self.answer_well(request).await,
        }
    }

    /// Answers a request, whatever it is, as it should be.
    pub async fn answer_well(&self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        if self.probes_only {
            return Ok(http::probe(self, request).await);
        }
        let content = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if content.is_some_and(|content| content.starts_with("application/grpc")) {
            // Peers and probes are few, and needed most when much goes on.
            if self.full && !request.uri().path().starts_with(peer::PATH) {
                return Ok(super::status::full().into_http());
            }
            if let Some(peers) = self.peers.as_ref().filter(|_| request.uri().path().starts_with(peer::PATH))
            {
                return peers.call(request).await;
            }
            return self.call(request).await;
        }
        Ok(http::answer(self, request).await)
    }

    /// Answers a gRPC call.
    pub async fn call(&self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let Some(method) = methods::find(request.uri().path()) else {
            return Ok(Status::unimplemented(methods::missing(request.uri().path())).into_http());
        };
        let lasts = method.it.is_server_streaming();
        let response = self.answer_call(method, request).await?;
        if !lasts {
            let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
            self.calls.count(method, code);
        }
        Ok(response)
    }

    async fn answer_call(
        &self,
        method: &Method,
        request: Request<Body>,
    ) -> Result<Response<Body>, Infallible> {
        let needs_leader = request.headers().get("hasleader").is_some_and(|value| value == "true");
        if let Err(error) = self.admit(request.uri().path(), needs_leader) {
            return Ok(Status::from(error).into_http());
        }
        let lasts = method.it.is_server_streaming();
        let response = self.dispatch(request).await?;
        if needs_leader && lasts {
            return Ok(response.map(|body| Body::new(LeaderGuard::new(body, self.surface.node.clone()))));
        }
        Ok(in_gos_words_at_once(response))
    }

    /// Refuses what this member cannot answer now.
    fn admit(&self, path: &str, needs_leader: bool) -> Result<(), NodeError> {
        let standing = self.surface.node.standing();
        if standing.learner && !standing.learner_serves && !FOR_LEARNERS.contains(&path) {
            return Err(NodeError::NotForLearner);
        }
        if needs_leader && standing.leader.is_none() {
            return Err(NodeError::NoLeader);
        }
        Ok(())
    }

    async fn dispatch(&self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let path = request.uri().path();
        let service = path[1..].split_once('/').map_or("", |(service, _)| service);
        match service {
            "etcdserverpb.KV" => self.kv.clone().call(request).await,
            "etcdserverpb.Watch" => self.watch.clone().call(request).await,
            "etcdserverpb.Lease" => self.lease.clone().call(request).await,
            "etcdserverpb.Cluster" => self.cluster.clone().call(request).await,
            "etcdserverpb.Maintenance" => self.maintenance.clone().call(request).await,
            "etcdserverpb.Auth" => self.auth.clone().call(request).await,
            "v3lockpb.Lock" => self.lock.clone().call(request).await,
            "v3electionpb.Election" => self.election.clone().call(request).await,
            "grpc.health.v1.Health" => self.health.clone().call(request).await,
            _ => Ok(Status::unimplemented(methods::missing(path)).into_http()),
        }
    }
}

/// An answer that is only an error, with the text that etcd's gRPC library has for it.
fn in_gos_words_at_once(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() == tonic::Code::OutOfRange => in_gos_words(status).into_http(),
        _ => response,
    }
}
