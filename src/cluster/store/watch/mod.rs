//! Watches: who is told of which changes.
//!
//! A [`WatchHub`] stands beside the store. After each change it hands the new events to the watches that are up to
//! date; those that are not (they start in the past, or their reader is slow) are brought forward step by step from
//! the store's log. Nothing here waits, and a slow reader costs the store no more than its bounded queue.

mod hub;
mod interests;
mod intervals;
mod notice;
mod outbox;
mod progress;
mod sync;
#[cfg(test)]
mod tests;

pub use hub::{Limits, WatchHub};
pub use notice::{Event, EventKind, Notice, Refusal};
pub use outbox::Outbox;
pub use sync::Syncing;

use super::id::{Revision, WatchId};
use super::key::KeyRange;

/// A stream of watches: one client's, with one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// What a watch is to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchSpec {
    /// Its number, when the client chose one.
    pub id: Option<WatchId>,
    /// Which keys.
    pub range: KeyRange,
    /// From which revision on; 0: from now on. It may lie ahead. A negative one is refused.
    pub start: Revision,
    /// What of the events is wanted.
    pub wanted: Wanted,
    /// Whether to tell now and then how far it has come although nothing happens.
    pub progress: bool,
}

/// What of the events is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Puts are left out.
    pub no_put: bool,
    /// Deletes are left out.
    pub no_delete: bool,
    /// With what was there before.
    pub previous: bool,
}
