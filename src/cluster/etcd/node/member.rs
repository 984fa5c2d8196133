//! The members of a cluster.

use crate::cluster::store::id::MemberId;

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// Its name; empty until it has started for the first time.
    pub name: String,
    /// Where the other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    pub client_urls: Vec<String>,
    /// It learns and has no vote.
    pub learner: bool,
}

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
