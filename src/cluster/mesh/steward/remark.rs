//! What is not as it should be and cannot be changed just now, for `mgmt mesh status`.

use std::fmt;

use crate::cluster::mesh::HostName;

/// Something that the steward would change and cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Too few voters are heard for any change.
    NoQuorum {
        /// How many are heard.
        heard: usize,
        /// How many vote.
        voters: usize,
    },
    /// A voter is dead, and no learner is caught up to take its place.
    NoSuccessor {
        /// The voter.
        host: HostName,
    },
    /// A voter is dead, and the last exchange was less than a minute ago.
    ExchangeWaits {
        /// The voter.
        host: HostName,
    },
    /// A change would leave too few voters that are heard.
    WouldCostQuorum {
        /// How many would be heard.
        heard: usize,
        /// How many would vote.
        voters: usize,
    },
    /// A voter leaves, and waits for a successor to catch up.
    HandOverWaits {
        /// Which.
        host: HostName,
    },
    /// The only voter leaves, and nobody can take over.
    LastServer {
        /// Which.
        host: HostName,
    },
    /// Fewer hosts can vote than the policy asks for.
    FewVolunteers {
        /// How many can.
        can: usize,
        /// How many were asked for.
        asked: usize,
    },
    /// There is no caught-up learner, though there are more hosts than voters.
    NoSpare,
    /// Fewer relays follow than the clients need.
    FewRelays {
        /// How many learners follow, apart from the spare.
        relays: usize,
        /// How many are needed.
        needed: usize,
    },
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoQuorum { heard, voters } => {
                write!(f, "only {heard} of {voters} voters are heard, so nothing can be changed")
            }
            Self::NoSuccessor { host } => write!(f, "voter {host} is dead and no learner is caught up"),
            Self::ExchangeWaits { host } => {
                write!(f, "voter {host} is dead and the last exchange was less than a minute ago")
            }
            Self::WouldCostQuorum { heard, voters } => {
                write!(f, "a change waits: it would leave {heard} of {voters} voters that are heard")
            }
            Self::HandOverWaits { host } => write!(f, "{host} leaves as soon as another host is caught up"),
            Self::LastServer { host } => write!(f, "{host} leaves and nobody can take the store over"),
            Self::FewVolunteers { can, asked } => write!(f, "{asked} hosts are to vote and {can} can"),
            Self::NoSpare => f.write_str("no learner is caught up to stand by"),
            Self::FewRelays { relays, needed } => write!(f, "{needed} relays are needed and {relays} follow"),
        }
    }
}
