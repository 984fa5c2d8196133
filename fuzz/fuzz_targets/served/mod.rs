//! A store of its own for each input.

use std::sync::{Arc, LazyLock};

use http_body_util::BodyExt as _;
use mgmt::cluster::etcd::front::Front;
use mgmt::cluster::etcd::lone::Lone;
use mgmt::cluster::etcd::surface::{Limits, Surface};
use mgmt::cluster::store::watch;
use tokio::runtime::{Builder, Runtime};
use tonic::body::Body;
use tonic::codegen::http::Response;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));

/// Does something with an empty store.
pub fn with_store(work: impl AsyncFnOnce(&Front)) {
    RUNTIME.block_on(async {
        let node = Arc::new(Lone::start(watch::Limits::default()));
        work(&Front::new(Surface { node, limits: Limits::default() })).await;
    });
}

/// Reads an answer to its end: it must have one.
pub async fn read(response: Response<Body>) -> Vec<u8> {
    let body = response.into_body().collect().await;
    body.map(|body| body.to_bytes().to_vec()).unwrap_or_default()
}
