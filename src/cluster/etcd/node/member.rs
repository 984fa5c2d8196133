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
    /// A learner that is caught up gets the vote of a voter, which becomes a learner. The leader does it, and returns
    /// when the new voters decide alone.
    Exchange {
        /// A learner.
        promote: MemberId,
        /// A voter.
        demote: MemberId,
    },
    /// A voter becomes a learner. The leader does it, and not while there are as many learners as may be.
    Demote(MemberId),
}
