//! Every request that is compared, and the answer as it is compared.

use std::fmt::Debug;
use std::time::Duration;

use futures_util::stream;
use mgmt::cluster::etcd::pb::etcdserverpb::*;
use mgmt::cluster::etcd::pb::v3electionpb::*;
use mgmt::cluster::etcd::pb::v3lockpb::*;
use prost::Message;
use tonic::Status;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

use super::line::Line;
use super::normal::Normal;

/// An answer that takes longer than this is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer without what may differ.
#[derive(Clone)]
pub enum Answer {
    /// The messages of the reply, encoded, and how to show them.
    Replies { encoded: Vec<Vec<u8>>, show: fn(&[u8]) -> String },
    /// An error: its code and text.
    Refusal { code: i32, text: String },
}

impl Answer {
    /// Whether there is nothing that a client could tell apart.
    pub fn same(&self, other: &Answer) -> bool {
        match (self, other) {
            (Answer::Replies { encoded: left, .. }, Answer::Replies { encoded: right, .. }) => left == right,
            (Answer::Refusal { code: left, text }, Answer::Refusal { code: right, text: other }) => {
                left == right && text == other
            }
            _ => false,
        }
    }

    /// For people.
    pub fn show(&self) -> String {
        match self {
            Answer::Replies { encoded, show } => {
                encoded.iter().map(|reply| show(reply)).collect::<Vec<_>>().join("\n")
            }
            Answer::Refusal { code, text } => {
                format!("error {code} ({:?}): {text}", tonic::Code::from(*code))
            }
        }
    }

    /// In a word.
    pub fn brief(&self) -> String {
        match self {
            Answer::Replies { .. } => "ok".to_owned(),
            Answer::Refusal { text, .. } => text.clone(),
        }
    }

    /// What came, without what may differ.
    pub fn of<R: Normal + Debug>(result: Result<Vec<R>, Status>) -> Answer {
        match result {
            Ok(mut replies) => {
                replies.iter_mut().for_each(Normal::normalise);
                Answer::Replies {
                    encoded: replies.iter().map(Message::encode_to_vec).collect(),
                    show: |bytes| format!("{:#?}", R::decode(bytes).expect("it was encoded here")),
                }
            }
            Err(status) => Answer::Refusal { code: status.code().into(), text: status.message().to_owned() },
        }
    }
}

/// A channel on which any method can be called.
pub async fn ready(channel: &Channel) -> Result<Grpc<Channel>, Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| Status::unknown(format!("no connection: {error}")))?;
    Ok(grpc)
}

/// Calls a method with one message each way.
pub async fn unary<Q, R>(line: &Line, path: &'static str, request: Q) -> Result<R, Status>
where
    Q: Message + Send + Sync + 'static,
    R: Message + Default + Send + Sync + 'static,
{
    let mut grpc = ready(&line.channel).await?;
    let mut request = line.envelope(request);
    request.set_timeout(PATIENCE);
    let codec = ProstCodec::<Q, R>::default();
    Ok(grpc.unary(request, PathAndQuery::from_static(path), codec).await?.into_inner())
}

/// Sends some messages, closes its side, and takes what comes until the server closes too.
async fn exchange<Q, R>(line: &Line, path: &'static str, requests: Vec<Q>) -> Result<Vec<R>, Status>
where
    Q: Message + Send + Sync + 'static,
    R: Message + Default + Send + Sync + 'static,
{
    let mut grpc = ready(&line.channel).await?;
    let codec = ProstCodec::<Q, R>::default();
    let requests = line.envelope(stream::iter(requests));
    let mut replies = grpc.streaming(requests, PathAndQuery::from_static(path), codec).await?.into_inner();
    let mut read = Vec::new();
    while let Some(reply) = replies.message().await? {
        read.push(reply);
    }
    Ok(read)
}

macro_rules! requests {
    ($($name:ident($request:ty) -> $reply:ty = $path:literal;)*) => {
        /// One request.
        #[derive(Debug, Clone)]
        #[allow(clippy::large_enum_variant, reason = "one at a time")]
        pub enum Request {
            $($name($request),)*
            /// Keep-alives on one stream.
            KeepAlive(Vec<LeaseKeepAliveRequest>),
        }

        impl Request {
            /// Which method is asked.
            pub fn method(&self) -> &'static str {
                match self {
                    $(Request::$name(_) => $path,)*
                    Request::KeepAlive(_) => "/etcdserverpb.Lease/LeaseKeepAlive",
                }
            }

            /// Asks one server.
            pub async fn ask(&self, line: &Line) -> Answer {
                match self {
                    $(Request::$name(request) => {
                        let reply = unary::<_, $reply>(line, $path, request.clone()).await;
                        Answer::of(reply.map(|reply| vec![reply]))
                    })*
                    Request::KeepAlive(requests) => {
                        let path = "/etcdserverpb.Lease/LeaseKeepAlive";
                        Answer::of(exchange::<_, LeaseKeepAliveResponse>(line, path, requests.clone()).await)
                    }
                }
            }
        }
    };
}

requests! {
    Range(RangeRequest) -> RangeResponse = "/etcdserverpb.KV/Range";
    Put(PutRequest) -> PutResponse = "/etcdserverpb.KV/Put";
    Delete(DeleteRangeRequest) -> DeleteRangeResponse = "/etcdserverpb.KV/DeleteRange";
    Txn(TxnRequest) -> TxnResponse = "/etcdserverpb.KV/Txn";
    Compact(CompactionRequest) -> CompactionResponse = "/etcdserverpb.KV/Compact";
    NoSuchMethod(CompactionRequest) -> CompactionResponse = "/etcdserverpb.KV/Nothing";
    NoSuchService(CompactionRequest) -> CompactionResponse = "/etcdserverpb.Nothing/Range";
    Grant(LeaseGrantRequest) -> LeaseGrantResponse = "/etcdserverpb.Lease/LeaseGrant";
    Revoke(LeaseRevokeRequest) -> LeaseRevokeResponse = "/etcdserverpb.Lease/LeaseRevoke";
    TimeToLive(LeaseTimeToLiveRequest) -> LeaseTimeToLiveResponse = "/etcdserverpb.Lease/LeaseTimeToLive";
    Leases(LeaseLeasesRequest) -> LeaseLeasesResponse = "/etcdserverpb.Lease/LeaseLeases";
    MemberAdd(MemberAddRequest) -> MemberAddResponse = "/etcdserverpb.Cluster/MemberAdd";
    MemberRemove(MemberRemoveRequest) -> MemberRemoveResponse = "/etcdserverpb.Cluster/MemberRemove";
    MemberUpdate(MemberUpdateRequest) -> MemberUpdateResponse = "/etcdserverpb.Cluster/MemberUpdate";
    MemberPromote(MemberPromoteRequest) -> MemberPromoteResponse = "/etcdserverpb.Cluster/MemberPromote";
    MemberList(MemberListRequest) -> MemberListResponse = "/etcdserverpb.Cluster/MemberList";
    Status(StatusRequest) -> StatusResponse = "/etcdserverpb.Maintenance/Status";
    Alarm(AlarmRequest) -> AlarmResponse = "/etcdserverpb.Maintenance/Alarm";
    HashKv(HashKvRequest) -> HashKvResponse = "/etcdserverpb.Maintenance/HashKV";
    MoveLeader(MoveLeaderRequest) -> MoveLeaderResponse = "/etcdserverpb.Maintenance/MoveLeader";
    Defragment(DefragmentRequest) -> DefragmentResponse = "/etcdserverpb.Maintenance/Defragment";
    Downgrade(DowngradeRequest) -> DowngradeResponse = "/etcdserverpb.Maintenance/Downgrade";
    AuthEnable(AuthEnableRequest) -> AuthEnableResponse = "/etcdserverpb.Auth/AuthEnable";
    AuthDisable(AuthDisableRequest) -> AuthDisableResponse = "/etcdserverpb.Auth/AuthDisable";
    AuthStatus(AuthStatusRequest) -> AuthStatusResponse = "/etcdserverpb.Auth/AuthStatus";
    Authenticate(AuthenticateRequest) -> AuthenticateResponse = "/etcdserverpb.Auth/Authenticate";
    UserAdd(AuthUserAddRequest) -> AuthUserAddResponse = "/etcdserverpb.Auth/UserAdd";
    UserGet(AuthUserGetRequest) -> AuthUserGetResponse = "/etcdserverpb.Auth/UserGet";
    UserList(AuthUserListRequest) -> AuthUserListResponse = "/etcdserverpb.Auth/UserList";
    UserChangePassword(AuthUserChangePasswordRequest) -> AuthUserChangePasswordResponse = "/etcdserverpb.Auth/UserChangePassword";
    UserDelete(AuthUserDeleteRequest) -> AuthUserDeleteResponse = "/etcdserverpb.Auth/UserDelete";
    UserGrantRole(AuthUserGrantRoleRequest) -> AuthUserGrantRoleResponse = "/etcdserverpb.Auth/UserGrantRole";
    UserRevokeRole(AuthUserRevokeRoleRequest) -> AuthUserRevokeRoleResponse = "/etcdserverpb.Auth/UserRevokeRole";
    RoleAdd(AuthRoleAddRequest) -> AuthRoleAddResponse = "/etcdserverpb.Auth/RoleAdd";
    RoleGet(AuthRoleGetRequest) -> AuthRoleGetResponse = "/etcdserverpb.Auth/RoleGet";
    RoleList(AuthRoleListRequest) -> AuthRoleListResponse = "/etcdserverpb.Auth/RoleList";
    RoleDelete(AuthRoleDeleteRequest) -> AuthRoleDeleteResponse = "/etcdserverpb.Auth/RoleDelete";
    RoleGrant(AuthRoleGrantPermissionRequest) -> AuthRoleGrantPermissionResponse = "/etcdserverpb.Auth/RoleGrantPermission";
    RoleRevoke(AuthRoleRevokePermissionRequest) -> AuthRoleRevokePermissionResponse = "/etcdserverpb.Auth/RoleRevokePermission";
    Lock(LockRequest) -> LockResponse = "/v3lockpb.Lock/Lock";
    Unlock(UnlockRequest) -> UnlockResponse = "/v3lockpb.Lock/Unlock";
    Campaign(CampaignRequest) -> CampaignResponse = "/v3electionpb.Election/Campaign";
    Proclaim(ProclaimRequest) -> ProclaimResponse = "/v3electionpb.Election/Proclaim";
    Leader(LeaderRequest) -> LeaderResponse = "/v3electionpb.Election/Leader";
    Resign(ResignRequest) -> ResignResponse = "/v3electionpb.Election/Resign";
}
