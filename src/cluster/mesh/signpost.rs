//! The door of a host that carries no store: whoever comes is told where the store is.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response as HttpResponse};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::codegen::Service as _;
use tonic::{Request, Response, Status};

use super::door::Door;
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::etcd::pb::etcdserverpb::cluster_server::{Cluster, ClusterServer};
use crate::cluster::etcd::serve::Bound;
use crate::cluster::link::Link;
use crate::cluster::tls::{Accepted, MeshTls};

/// Connections at a time; who is told where to go goes.
const CONNECTIONS: usize = 64;
/// How long one may take to agree on keys.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// And to ask: it is told at once.
const STAY: Duration = Duration::from_secs(30);

/// Answers until it is dropped.
#[derive(Debug)]
pub(super) struct Signpost {
    _tasks: JoinSet<()>,
}

#[derive(Clone)]
struct Answers(Link);

impl Signpost {
    /// Answers there.
    pub fn start(door: &Door, link: &Link, tls: Option<Arc<MeshTls>>) -> Self {
        let mut tasks = JoinSet::new();
        for bound in door.bound() {
            tasks.spawn(accept(bound.clone(), Answers(link.clone()), tls.clone()));
        }
        Self { _tasks: tasks }
    }
}

async fn accept(bound: Bound, answers: Answers, tls: Option<Arc<MeshTls>>) {
    let room = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let Ok(socket) = bound.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let service = ClusterServer::new(answers.clone());
        let tls = tls.clone();
        connections.spawn(async move {
            let _place = place;
            let Some(tls) = tls else { return serve(socket, service).await };
            match tokio::time::timeout(HANDSHAKE, tls.accept(socket)).await {
                Ok(Ok(Accepted::Member(stream, _))) => serve(stream, service).await,
                Ok(Ok(Accepted::Joins(joins))) => tls.answer(joins).await,
                Ok(Err(error)) => tracing::debug!(%error, "no TLS with a caller"),
                Err(_) => tracing::debug!("no TLS with a caller in time"),
            }
        });
    }
}

async fn serve<S>(stream: S, service: ClusterServer<Answers>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = service_fn(move |request: HttpRequest<Incoming>| answer(service.clone(), request));
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), answer);
    // Who has seen enough hangs up; and nobody needs long.
    let _ = tokio::time::timeout(STAY, connection).await;
}

async fn answer(
    mut service: ClusterServer<Answers>,
    request: HttpRequest<Incoming>,
) -> Result<HttpResponse<Body>, Infallible> {
    if request.uri().path().starts_with("/etcdserverpb.Cluster/") {
        return service.call(request.map(Body::new)).await;
    }
    Ok(Status::unimplemented("this host carries no store; its members are told by MemberList").into_http())
}

#[async_trait]
impl Cluster for Answers {
    async fn member_list(
        &self,
        _: Request<pb::MemberListRequest>,
    ) -> Result<Response<pb::MemberListResponse>, Status> {
        let members = self.0.endpoints().into_iter().map(|endpoint| pb::Member {
            client_ur_ls: vec![endpoint.url.to_string()],
            ..Default::default()
        });
        let cluster_id = self.0.cluster().map_or(0, |cluster| cluster.0);
        let header = pb::ResponseHeader { cluster_id, ..Default::default() };
        Ok(Response::new(pb::MemberListResponse { header: Some(header), members: members.collect() }))
    }

    async fn member_add(
        &self,
        _: Request<pb::MemberAddRequest>,
    ) -> Result<Response<pb::MemberAddResponse>, Status> {
        Err(no_store())
    }

    async fn member_remove(
        &self,
        _: Request<pb::MemberRemoveRequest>,
    ) -> Result<Response<pb::MemberRemoveResponse>, Status> {
        Err(no_store())
    }

    async fn member_update(
        &self,
        _: Request<pb::MemberUpdateRequest>,
    ) -> Result<Response<pb::MemberUpdateResponse>, Status> {
        Err(no_store())
    }

    async fn member_promote(
        &self,
        _: Request<pb::MemberPromoteRequest>,
    ) -> Result<Response<pb::MemberPromoteResponse>, Status> {
        Err(no_store())
    }
}

fn no_store() -> Status {
    Status::unimplemented("this host carries no store")
}
