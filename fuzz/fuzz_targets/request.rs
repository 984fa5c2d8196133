//! Any bytes as messages of gRPC calls: each is answered, with a refusal or not, and the store goes on.
//!
//! `cargo +nightly fuzz run request`

#![no_main]

mod served;

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::Full;
use libfuzzer_sys::fuzz_target;
use tonic::body::Body;
use tonic::codegen::http::Request;

/// Calls that end by themselves and hash no password.
const METHODS: &[&str] = &[
    "/etcdserverpb.KV/Put",
    "/etcdserverpb.KV/Txn",
    "/etcdserverpb.KV/Range",
    "/etcdserverpb.KV/DeleteRange",
    "/etcdserverpb.KV/Compact",
    "/etcdserverpb.Lease/LeaseGrant",
    "/etcdserverpb.Lease/LeaseRevoke",
    "/etcdserverpb.Lease/LeaseTimeToLive",
    "/etcdserverpb.Lease/LeaseLeases",
    "/etcdserverpb.Lease/LeaseKeepAlive",
    "/etcdserverpb.Cluster/MemberAdd",
    "/etcdserverpb.Cluster/MemberUpdate",
    "/etcdserverpb.Cluster/MemberList",
    "/etcdserverpb.Maintenance/Alarm",
    "/etcdserverpb.Maintenance/Status",
    "/etcdserverpb.Maintenance/HashKV",
    "/etcdserverpb.Auth/RoleAdd",
    "/etcdserverpb.Auth/RoleGrantPermission",
    "/etcdserverpb.Auth/RoleRevokePermission",
    "/etcdserverpb.Auth/UserGrantRole",
];

/// Method, length in two bytes, message.
fn calls(mut bytes: &[u8]) -> impl Iterator<Item = (&'static str, &[u8])> {
    std::iter::from_fn(move || {
        let ([method, low, high], rest) = bytes.split_first_chunk::<3>()?;
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let (message, rest) = rest.split_at(rest.len().min(length));
        bytes = rest;
        Some((METHODS[usize::from(*method) % METHODS.len()], message))
    })
}

/// As gRPC frames it.
fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame.freeze()
}

fuzz_target!(|bytes: &[u8]| {
    served::with_store(async |front| {
        for (method, message) in calls(bytes).take(16) {
            let request = Request::post(method)
                .header("content-type", "application/grpc")
                .body(Body::new(Full::new(framed(message))))
                .expect("a request");
            served::read(front.call(request).await.expect("never fails")).await;
        }
    });
});
