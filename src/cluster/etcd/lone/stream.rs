//! Its streams of watches.

use std::future::poll_fn;
use std::sync::Arc;

use async_trait::async_trait;

use super::Shared;
use crate::cluster::etcd::node::Watching;
use crate::cluster::store::id::WatchId;
use crate::cluster::store::watch::{Notice, Outbox, StreamId, WatchSpec};

/// A stream of watches.
pub struct Stream {
    shared: Arc<Shared>,
    id: StreamId,
    outbox: Arc<Outbox>,
}

impl Stream {
    /// Opens one.
    pub fn open(shared: &Arc<Shared>) -> Self {
        let (id, outbox) = shared.write().hub.open();
        Self { shared: shared.clone(), id, outbox }
    }
}

#[async_trait]
impl Watching for Stream {
    fn create(&mut self, spec: WatchSpec) {
        let now = self.shared.now();
        self.shared.write().hub.create(self.id, spec, now);
        self.shared.sooner.notify_waiters();
    }

    fn cancel(&mut self, id: WatchId) {
        self.shared.write().hub.cancel(self.id, id);
    }

    fn ask_progress(&mut self) {
        self.shared.write().hub.request_progress(self.id);
    }

    async fn next(&mut self) -> Option<Notice> {
        poll_fn(|cx| self.outbox.poll_take(cx)).await
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.write().hub.close(self.id);
    }
}
