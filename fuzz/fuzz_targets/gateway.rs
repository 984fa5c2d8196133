//! Any bytes as JSON for the services: each is answered, and what is answered is JSON.
//!
//! `cargo +nightly fuzz run gateway`

#![no_main]

mod served;

use bytes::Bytes;
use http_body_util::Full;
use libfuzzer_sys::fuzz_target;
use tonic::body::Body;
use tonic::codegen::http::Request;

/// Calls that end by themselves and hash no password.
const PATHS: &[&str] = &[
    "/v3/kv/put",
    "/v3/kv/range",
    "/v3/kv/txn",
    "/v3/kv/deleterange",
    "/v3/kv/compaction",
    "/v3/lease/grant",
    "/v3/lease/revoke",
    "/v3/lease/timetolive",
    "/v3/lease/leases",
    "/v3/lease/keepalive",
    "/v3/cluster/member/add",
    "/v3/cluster/member/list",
    "/v3/maintenance/alarm",
    "/v3/maintenance/status",
    "/v3/maintenance/hashkv",
    "/v3/auth/role/add",
    "/v3/auth/role/grant",
];

fuzz_target!(|bytes: &[u8]| {
    served::with_store(async |front| {
        // A path, then its text up to the next zero.
        for call in bytes.split(|byte| *byte == 0).take(8) {
            let Some((path, text)) = call.split_first() else { continue };
            let request = Request::post(PATHS[usize::from(*path) % PATHS.len()])
                .body(Body::new(Full::new(Bytes::copy_from_slice(text))))
                .expect("a request");
            let answer = served::read(front.answer(request).await.expect("never fails")).await;
            for line in answer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                serde_json::from_slice::<serde_json::Value>(line).expect("JSON");
            }
        }
    });
});
