//! What clients ask to change of the members.

use crate::cluster::store::id::MemberId;

/// A change of who is a member. URLs have been looked at, except those of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// A new one.
    Add {
        /// Where the others will reach it.
        peer_urls: Vec<String>,
        /// It begins as a learner.
        learner: bool,
    },
    /// One leaves.
    Remove(MemberId),
    /// One is reached elsewhere.
    Update {
        /// Which.
        id: MemberId,
        /// Where the others reach it from now on.
        peer_urls: Vec<String>,
    },
    /// A learner gets a vote.
    Promote(MemberId),
}
