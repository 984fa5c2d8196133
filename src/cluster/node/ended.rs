//! Why a member has ended.

use crate::cluster::raft::Broken;

/// Why a member has ended. All but the first are for whoever runs it to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// It was asked to.
    #[error("the member was asked to end")]
    Asked,
    /// It is a member no longer: it left, or was removed, perhaps while it was down. Its data is of no use to it any
    /// more, and it may join again, with an empty data directory, under a new id.
    #[error("the member was removed from its cluster")]
    Removed,
    /// The cluster runs a newer version, whose log this one does not understand.
    #[error("the cluster runs a newer version than the member")]
    Outdated,
    /// It does not have what it has confirmed to have.
    #[error("the member must not go on: {0}")]
    Broken(Broken),
    /// Its log, or a snapshot, cannot be written or read; the log says which.
    #[error("the member's files cannot be used")]
    Files,
    /// It panicked.
    #[error("the member panicked")]
    Panicked,
}
