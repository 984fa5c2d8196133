//! A stream of watches.

use async_trait::async_trait;

use crate::cluster::store::id::WatchId;
use crate::cluster::store::watch::{Notice, WatchSpec};

/// A stream of watches. What it tells comes in the order in which it became true: no progress overtakes an event, and
/// requests are answered in their order. Dropping it ends its watches.
#[async_trait]
pub trait Watching: Send {
    /// Begins a watch: `Created` or `Refused` is the answer.
    fn create(&mut self, spec: WatchSpec);

    /// Ends a watch: `Canceled` is the answer, if there was such a watch.
    fn cancel(&mut self, id: WatchId);

    /// Asks how far all watches are: `Progress` without a watch is the answer, if they are as far as the store.
    fn ask_progress(&mut self);

    /// What is next; `None`: the store is shutting down. Dropping the future loses nothing.
    async fn next(&mut self) -> Option<Notice>;
}
