//! What the steward wants done.

use std::fmt;

use super::reason::Reason;
use crate::cluster::mesh::HostName;
use crate::cluster::store::id::MemberId;

/// A command, and why it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What to do.
    pub command: Command,
    /// Why.
    pub reason: Reason,
}

/// What to do. At most one of those that [change members](Self::changes_members) comes at a time. A command whose
/// effect does not show in the view is given again, later and later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// Add the nominated host as a learner under a new id, and note the id in its nomination.
    AddLearner {
        /// Which host.
        host: HostName,
        /// Where it will serve.
        peer: String,
    },
    /// Give learners the vote, all in one change: two in one joint change, so that never two vote.
    Promote {
        /// One or two.
        members: Vec<MemberId>,
    },
    /// In one joint change, give one the vote and make a learner of the other under its own id. Before it is proposed,
    /// it is noted in the store as [`Exchanged`](super::view::Exchanged).
    Exchange {
        /// A learner.
        promote: MemberId,
        /// A voter.
        demote: MemberId,
    },
    /// Make learners of voters, all in one change.
    Demote {
        /// One; two only where otherwise two would vote.
        members: Vec<MemberId>,
    },
    /// Remove a learner.
    Remove {
        /// Which.
        member: MemberId,
    },
    /// Change where a member is reached.
    Readdress {
        /// Which.
        member: MemberId,
        /// Where; `None`: nowhere, because another host has its address now. It may not keep the old one.
        peer: Option<String>,
    },
    /// Write a nomination: the host is to prepare for serving.
    Nominate {
        /// Which host.
        host: HostName,
        /// As what, to begin with.
        duty: Duty,
    },
    /// Delete a nomination. The host's member, if it has one, stays what it is.
    Withdraw {
        /// Of which host.
        host: HostName,
    },
    /// Hand leadership to this voter.
    MoveLeader {
        /// Whom.
        to: MemberId,
    },
}

impl Command {
    /// Whether it goes through the log as a change of members.
    pub fn changes_members(&self) -> bool {
        match self {
            Self::AddLearner { .. }
            | Self::Promote { .. }
            | Self::Exchange { .. }
            | Self::Demote { .. }
            | Self::Remove { .. }
            | Self::Readdress { .. } => true,
            Self::Nominate { .. } | Self::Withdraw { .. } | Self::MoveLeader { .. } => false,
        }
    }
}

/// What a host does for the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duty {
    /// It votes.
    Voter,
    /// It follows, and takes the place of a voter that dies.
    Spare,
    /// It follows, and serves reads and watches.
    Relay,
    /// It carries no store.
    Client,
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Voter => "voter",
            Self::Spare => "spare",
            Self::Relay => "relay",
            Self::Client => "client",
        })
    }
}
