//! Codes and texts, which clients compare.

use mgmt::cluster::etcd::pb::authpb::Permission;
use mgmt::cluster::etcd::pb::etcdserverpb::{self as pb, RequestOp, request_op::Request as Op};
use mgmt::cluster::etcd::surface::Limits;
use mgmt::cluster::store::watch;
use tonic::Code::{self, *};
use tonic::{Request, Status};

use super::raw::{call, refusal};
use super::served::Served;

const RANGE: &str = "/etcdserverpb.KV/Range";
const PUT: &str = "/etcdserverpb.KV/Put";
const TXN: &str = "/etcdserverpb.KV/Txn";

fn range(key: &'static str) -> pb::RangeRequest {
    pb::RangeRequest { key: key.into(), ..Default::default() }
}

fn put(key: &'static str) -> pb::PutRequest {
    pb::PutRequest { key: key.into(), ..Default::default() }
}

fn op(request: Op) -> RequestOp {
    RequestOp { request: Some(request) }
}

async fn refused<Q>(store: &Served, path: &'static str, request: Q) -> (Code, String)
where
    Q: prost::Message + Send + Sync + 'static,
{
    refusal(call::<Q, pb::EmptyResponse>(store.at, path, Request::new(request)).await)
}

fn says(code: Code, text: &str) -> (Code, String) {
    (code, format!("etcdserver: {text}"))
}

#[tokio::test]
async fn ranges_and_deletions_are_refused_with_etcds_codes_and_texts() {
    let store = Served::start().await;
    assert_eq!(refused(&store, RANGE, range("")).await, says(InvalidArgument, "key is not provided"));
    let delete = pb::DeleteRangeRequest::default();
    assert_eq!(
        refused(&store, "/etcdserverpb.KV/DeleteRange", delete).await,
        says(InvalidArgument, "key is not provided")
    );
    for (order, target) in [(0, 9), (9, 0)] {
        let request = pb::RangeRequest { sort_order: order, sort_target: target, ..range("a") };
        assert_eq!(refused(&store, RANGE, request).await, says(InvalidArgument, "invalid sort option"));
    }
    let future = pb::RangeRequest { revision: 2, ..range("a") };
    assert_eq!(
        refused(&store, RANGE, future).await,
        says(OutOfRange, "mvcc: required revision is a future revision")
    );
    for _ in 0..2 {
        call::<_, pb::PutResponse>(store.at, PUT, Request::new(put("a"))).await.unwrap();
    }
    let compact = |revision| pb::CompactionRequest { revision, physical: true };
    let path = "/etcdserverpb.KV/Compact";
    assert_eq!(
        refused(&store, path, compact(4)).await,
        says(OutOfRange, "mvcc: required revision is a future revision")
    );
    call::<_, pb::CompactionResponse>(store.at, path, Request::new(compact(3))).await.unwrap();
    let compacted = says(OutOfRange, "mvcc: required revision has been compacted");
    for revision in [3, 0, -1] {
        assert_eq!(refused(&store, path, compact(revision)).await, compacted);
    }
    assert_eq!(refused(&store, RANGE, pb::RangeRequest { revision: 2, ..range("a") }).await, compacted);
}

#[tokio::test]
async fn puts_are_refused_with_etcds_codes_and_texts() {
    let store = Served::start().await;
    let cases = [
        (put(""), says(InvalidArgument, "key is not provided")),
        (pb::PutRequest { ignore_value: true, ..put("a") }, says(InvalidArgument, "key not found")),
        (pb::PutRequest { ignore_lease: true, ..put("a") }, says(InvalidArgument, "key not found")),
        (
            pb::PutRequest { ignore_value: true, value: "x".into(), ..put("a") },
            says(InvalidArgument, "value is provided"),
        ),
        (
            pb::PutRequest { ignore_lease: true, lease: 1, ..put("a") },
            says(InvalidArgument, "lease is provided"),
        ),
        (pb::PutRequest { lease: 9, ..put("a") }, says(NotFound, "requested lease not found")),
    ];
    for (request, expected) in cases {
        assert_eq!(refused(&store, PUT, request).await, expected);
    }
}

#[tokio::test]
async fn transactions_are_refused_with_etcds_codes_and_texts() {
    let store = Served::start().await;
    let txn = |success| pb::TxnRequest { success, ..Default::default() };
    let puts = |key| op(Op::RequestPut(put(key)));
    let all = pb::DeleteRangeRequest { key: "a".into(), range_end: "z".into(), prev_kv: false };
    let nested = txn(vec![puts("a")]);
    let cases = [
        (txn(vec![RequestOp::default()]), says(InvalidArgument, "key not found")),
        (txn(vec![puts("")]), says(InvalidArgument, "key is not provided")),
        (
            txn(vec![op(Op::RequestRange(range("a"))); 129]),
            says(InvalidArgument, "too many operations in txn request"),
        ),
        (txn(vec![puts("a"), puts("a")]), says(InvalidArgument, "duplicate key given in txn request")),
        (
            txn(vec![puts("b"), op(Op::RequestDeleteRange(all))]),
            says(InvalidArgument, "duplicate key given in txn request"),
        ),
        (
            txn(vec![op(Op::RequestTxn(nested)), puts("a")]),
            says(InvalidArgument, "duplicate key given in txn request"),
        ),
        (
            pb::TxnRequest { compare: vec![pb::Compare::default()], ..Default::default() },
            says(InvalidArgument, "key is not provided"),
        ),
    ];
    for (request, expected) in cases {
        assert_eq!(refused(&store, TXN, request).await, expected);
    }
}

#[tokio::test]
async fn leases_are_refused_with_etcds_codes_and_texts() {
    let store = Served::start().await;
    let grant = |id, ttl| pb::LeaseGrantRequest { id, ttl };
    let path = "/etcdserverpb.Lease/LeaseGrant";
    assert_eq!(refused(&store, path, grant(1, 9_000_000_001)).await, says(OutOfRange, "too large lease TTL"));
    for ttl in [-1, 0, 1] {
        let granted: pb::LeaseGrantResponse =
            call(store.at, path, Request::new(grant(0, ttl))).await.unwrap();
        assert!(granted.ttl == 2 && granted.id > 0, "{granted:?}");
    }
    call::<_, pb::LeaseGrantResponse>(store.at, path, Request::new(grant(-7, 9))).await.unwrap();
    assert_eq!(refused(&store, path, grant(-7, 9)).await, says(FailedPrecondition, "lease already exists"));
    let revoke = pb::LeaseRevokeRequest { id: 5 };
    assert_eq!(
        refused(&store, "/etcdserverpb.Lease/LeaseRevoke", revoke).await,
        says(NotFound, "requested lease not found")
    );
    let missing = pb::LeaseTimeToLiveRequest { id: 5, keys: true };
    let left: pb::LeaseTimeToLiveResponse =
        call(store.at, "/etcdserverpb.Lease/LeaseTimeToLive", Request::new(missing)).await.unwrap();
    assert_eq!((left.id, left.ttl, left.granted_ttl), (5, -1, 0));
}

#[tokio::test]
async fn changes_of_members_are_refused_with_etcds_codes_and_texts() {
    let store = Served::start().await;
    let add = |url: &str, is_learner| pb::MemberAddRequest { peer_ur_ls: vec![url.into()], is_learner };
    let path = "/etcdserverpb.Cluster/MemberAdd";
    for bad in ["", "127.0.0.1:1", "http://127.0.0.1"] {
        let expected = says(InvalidArgument, "given member URLs are invalid");
        assert_eq!(refused(&store, path, add(bad, false)).await, expected, "{bad}");
    }
    assert_eq!(
        refused(&store, path, add("http://localhost:2380", false)).await,
        says(FailedPrecondition, "Peer URLs already exists")
    );
    let added: pb::MemberAddResponse =
        call(store.at, path, Request::new(add("http://127.0.0.1:1", true))).await.unwrap();
    assert_eq!(added.header.unwrap().revision, 0);
    let id = added.member.unwrap().id;
    assert_eq!(
        refused(&store, path, add("http://127.0.0.1:2", true)).await,
        says(FailedPrecondition, "too many learner members in cluster")
    );
    let promote = |id| pb::MemberPromoteRequest { id };
    let path = "/etcdserverpb.Cluster/MemberPromote";
    let own = store.node.identity().member.0;
    assert_eq!(
        refused(&store, path, promote(own)).await,
        says(FailedPrecondition, "can only promote a learner member")
    );
    assert_eq!(
        refused(&store, path, promote(id)).await,
        says(FailedPrecondition, "can only promote a learner member which is in sync with leader")
    );
    let path = "/etcdserverpb.Cluster/MemberRemove";
    call::<_, pb::MemberRemoveResponse>(store.at, path, Request::new(pb::MemberRemoveRequest { id }))
        .await
        .unwrap();
    let again = refused(&store, path, pb::MemberRemoveRequest { id }).await;
    assert_eq!(again, says(NotFound, "member not found"));
}

#[tokio::test]
async fn maintenance_is_refused_with_etcds_codes_and_texts() {
    let store = Served::start().await;
    let downgrade = |action, version: &str| pb::DowngradeRequest { action, version: version.into() };
    let path = "/etcdserverpb.Maintenance/Downgrade";
    let (validate, enable, cancel) = (0, 1, 2);
    for (request, expected) in [
        (downgrade(validate, "x"), says(InvalidArgument, "wrong downgrade target version format")),
        (downgrade(validate, "3.3"), says(InvalidArgument, "invalid downgrade target version")),
        (downgrade(enable, "3.5.0"), says(InvalidArgument, "invalid downgrade target version")),
        (downgrade(cancel, ""), says(FailedPrecondition, "no inflight downgrade job")),
    ] {
        assert_eq!(refused(&store, path, request).await, expected);
    }
    call::<_, pb::DowngradeResponse>(store.at, path, Request::new(downgrade(enable, "3.4.0"))).await.unwrap();
    assert_eq!(
        refused(&store, path, downgrade(enable, "3.4.0")).await,
        says(FailedPrecondition, "cluster has a downgrade job in progress")
    );
    call::<_, pb::DowngradeResponse>(store.at, path, Request::new(downgrade(cancel, ""))).await.unwrap();
    let path = "/etcdserverpb.Maintenance/MoveLeader";
    assert_eq!(
        refused(&store, path, pb::MoveLeaderRequest { target_id: 1 }).await,
        says(FailedPrecondition, "bad leader transferee")
    );
    let path = "/etcdserverpb.Maintenance/HashKV";
    assert_eq!(
        refused(&store, path, pb::HashKvRequest { revision: 9 }).await,
        says(OutOfRange, "mvcc: required revision is a future revision")
    );
}

#[tokio::test]
async fn a_full_store_takes_no_writes_and_gives_up_data() {
    let store = Served::start().await;
    let alarm = |action| pb::AlarmRequest { action, member_id: 7, alarm: pb::AlarmType::Nospace.into() };
    let path = "/etcdserverpb.Maintenance/Alarm";
    let raised: pb::AlarmResponse = call(store.at, path, Request::new(alarm(1))).await.unwrap();
    assert_eq!(raised.alarms, [pb::AlarmMember { member_id: 7, alarm: 1 }]);
    let full = says(ResourceExhausted, "mvcc: database space exceeded");
    assert_eq!(refused(&store, PUT, put("a")).await, full);
    let txn = pb::TxnRequest { success: vec![op(Op::RequestPut(put("a")))], ..Default::default() };
    assert_eq!(refused(&store, TXN, txn).await, full);
    let grant = pb::LeaseGrantRequest { id: 1, ttl: 9 };
    assert_eq!(refused(&store, "/etcdserverpb.Lease/LeaseGrant", grant).await, full);
    let delete = pb::DeleteRangeRequest { key: "a".into(), ..Default::default() };
    call::<_, pb::DeleteRangeResponse>(store.at, "/etcdserverpb.KV/DeleteRange", Request::new(delete))
        .await
        .unwrap();
    let path_status = "/etcdserverpb.Maintenance/Status";
    let status: pb::StatusResponse =
        call(store.at, path_status, Request::new(pb::StatusRequest {})).await.unwrap();
    assert_eq!(status.errors, ["memberID:7 alarm:NOSPACE "]);
    call::<_, pb::AlarmResponse>(store.at, path, Request::new(alarm(2))).await.unwrap();
    call::<_, pb::PutResponse>(store.at, PUT, Request::new(put("a"))).await.unwrap();
}

#[tokio::test]
async fn what_authentication_refuses_while_it_is_off() {
    let store = Served::start().await;
    let request = pb::AuthenticateRequest { name: "eve".into(), password: "x".into() };
    assert_eq!(
        refused(&store, "/etcdserverpb.Auth/Authenticate", request).await,
        says(FailedPrecondition, "authentication is not enabled")
    );
    let path = "/etcdserverpb.Auth/RoleGrantPermission";
    for perm in [None, Some(Permission { perm_type: 9, ..Default::default() })] {
        let request = pb::AuthRoleGrantPermissionRequest { name: "r".into(), perm };
        assert_eq!(refused(&store, path, request).await, says(InvalidArgument, "permission not given"));
    }
}

#[tokio::test]
async fn long_requests_are_refused_before_and_very_long_ones_while_they_are_read() {
    let limits = Limits { request_bytes: 1000, txn_ops: 128 };
    let store = Served::with(limits, watch::Limits::default()).await;
    let sized = |bytes| pb::PutRequest { value: vec![1; bytes].into(), ..put("a") };
    call::<_, pb::PutResponse>(store.at, PUT, Request::new(sized(900))).await.unwrap();
    assert_eq!(refused(&store, PUT, sized(1000)).await, says(InvalidArgument, "request is too large"));
    let limit = 1000 + 512 * 1024;
    let expected = format!("grpc: received message larger than max ({} vs. {limit})", limit + 7);
    assert_eq!(refused(&store, PUT, sized(limit)).await, (ResourceExhausted, expected));
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let store = Served::start().await;
    for (path, text) in [
        ("/etcdserverpb.KV/Frob", "unknown method Frob for service etcdserverpb.KV"),
        ("/foo.Bar/Frob", "unknown service foo.Bar"),
    ] {
        assert_eq!(refused(&store, path, range("a")).await, (Unimplemented, text.to_owned()));
    }
}

#[tokio::test]
async fn without_a_leader_only_reads_of_what_is_here_are_answered() {
    let store = Served::start().await;
    store.node.lose_leader(true);
    let nobody = says(Unavailable, "no leader");
    assert_eq!(refused(&store, RANGE, range("a")).await, nobody);
    assert_eq!(refused(&store, PUT, put("a")).await, nobody);
    let here = || pb::RangeRequest { serializable: true, ..range("a") };
    call::<_, pb::RangeResponse>(store.at, RANGE, Request::new(here())).await.unwrap();
    let mut request = Request::new(here());
    request.metadata_mut().insert("hasleader", "true".parse().unwrap());
    let answer: Result<pb::RangeResponse, Status> = call(store.at, RANGE, request).await;
    assert_eq!(refusal(answer), nobody);
}
