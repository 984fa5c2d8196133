//! A stream of watches.

use async_trait::async_trait;

use crate::cluster::store::auth::AuthError;
use crate::cluster::store::id::{Revision, WatchId};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::reply::KeyValue;
use crate::cluster::store::request::Caller;

/// A stream of watches. What it answers comes in the order in which it became true: no progress overtakes an event.
/// Dropping it ends its watches.
#[async_trait]
pub trait Watching: Send {
    /// Begins a watch. The answer comes with the others: `Created` or `Refused`.
    fn create(&mut self, wish: WatchWish, caller: Option<Caller>);

    /// Ends a watch; `Canceled` is the answer, if there was such a watch.
    fn cancel(&mut self, id: WatchId);

    /// Asks how far all watches are; `Progress` without a watch is the answer, once they are as far as the store.
    fn ask_progress(&mut self);

    /// What is new; `None`: the store is shutting down. Dropping the future loses nothing.
    async fn next(&mut self) -> Option<WatchNews>;
}

/// What is to be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchWish {
    /// Its number in the stream; `None`: any free one.
    pub id: Option<WatchId>,
    /// Which keys.
    pub range: KeyRange,
    /// The first revision of interest; `None`: the next one.
    pub start: Option<Revision>,
    /// Whether writes are of interest.
    pub puts: bool,
    /// Whether deletions are of interest.
    pub deletes: bool,
    /// Whether an event holds what was there before.
    pub previous: bool,
    /// Whether it is told from time to time how far the store is, when nothing happens.
    pub progress: bool,
}

/// What a stream of watches has to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchNews {
    /// A watch has begun.
    Created {
        /// Which.
        id: WatchId,
        /// The store's revision then.
        revision: Revision,
    },
    /// A watch could not begin. The stream goes on.
    Refused {
        /// Why.
        why: WatchRefusal,
        /// The store's revision then.
        revision: Revision,
    },
    /// Keys were written or deleted.
    Events {
        /// Whose watch.
        id: WatchId,
        /// The store's revision, up to which the watch now knows everything.
        revision: Revision,
        /// What happened, in order.
        events: Vec<Event>,
    },
    /// Nothing happened up to a revision.
    Progress {
        /// Whose watch; `None`: all of the stream.
        id: Option<WatchId>,
        /// Up to here.
        revision: Revision,
    },
    /// A watch has ended because it was asked to.
    Canceled {
        /// Which.
        id: WatchId,
        /// The store's revision then.
        revision: Revision,
    },
    /// A watch has ended because what it wants is no longer kept.
    Compacted {
        /// Which.
        id: WatchId,
        /// From this revision on everything is kept.
        compacted: Revision,
    },
}

/// Why a watch could not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchRefusal {
    /// The number is taken.
    #[error("mvcc: duplicate watch ID provided on the WatchStream")]
    DuplicateId,
    /// The range can hold nothing.
    #[error("mvcc: watcher range is empty")]
    EmptyRange,
    /// The client may not.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

/// A key was written or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Written.
    Put {
        /// What is there now.
        kv: KeyValue,
        /// What was there before, when that is wanted and still kept.
        previous: Option<KeyValue>,
    },
    /// Deleted.
    Delete {
        /// The key.
        key: bytes::Bytes,
        /// At this revision.
        revision: Revision,
        /// What was there before, when that is wanted and still kept.
        previous: Option<KeyValue>,
    },
}
