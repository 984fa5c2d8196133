//! Why the steward wants something: each renders as one sentence, for logs and `mgmt mesh status`.

use std::fmt;
use std::time::Duration;

use super::command::Duty;
use crate::cluster::mesh::HostName;

/// Why a command is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Enough hosts are caught up for more votes.
    Grows {
        /// How many vote.
        from: usize,
        /// How many will.
        to: usize,
    },
    /// A voter is silent.
    Silent {
        /// Which.
        host: HostName,
        /// For how long.
        silence: Duration,
        /// Who takes its place.
        successor: HostName,
    },
    /// A host leaves the mesh.
    Leaves {
        /// Which.
        host: HostName,
    },
    /// A host does not volunteer any more.
    NoServer {
        /// Which.
        host: HostName,
    },
    /// More vote than the policy and the hosts at hand allow for.
    TooManyVoters {
        /// How many vote.
        from: usize,
        /// How many are to.
        to: usize,
    },
    /// Voters are better spread over the zones, or preferred hosts vote.
    BetterPlace {
        /// Who gives its vote away.
        from: HostName,
        /// Who gets it.
        to: HostName,
    },
    /// The leader is to give its vote to a better place.
    LeaderMoves {
        /// Who leads.
        leader: HostName,
    },
    /// More hosts are needed for this duty.
    Needed {
        /// Which duty.
        duty: Duty,
    },
    /// A host is nominated, and is to be added.
    Nominated {
        /// Which.
        host: HostName,
    },
    /// A nominated host serves now.
    CameUp {
        /// Which.
        host: HostName,
    },
    /// A nominated host is not up in time.
    NotInTime {
        /// Which.
        host: HostName,
        /// How long it was given.
        after: Duration,
    },
    /// A nominated host cannot serve any more: it is gone, leaves, or has no room.
    Unfit {
        /// Which.
        host: HostName,
    },
    /// The data of a member is gone, so it can never serve under its id again.
    DataLost {
        /// Whose.
        host: HostName,
    },
    /// A member was added and never started.
    NeverStarted {
        /// Whose.
        host: HostName,
    },
    /// A learner has been silent for too long.
    Forgotten {
        /// Which.
        host: HostName,
        /// For how long.
        silence: Duration,
    },
    /// There are more learners than are needed.
    Surplus {
        /// How many there are.
        learners: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A host has another address now.
    AddressChanged {
        /// Which.
        host: HostName,
    },
    /// The address of a member belongs to another host now.
    AddressTaken {
        /// Whose address it was.
        host: HostName,
        /// Who has it.
        by: HostName,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grows { from, to } => {
                write!(f, "enough hosts are caught up for {to} votes in place of {from}")
            }
            Self::Silent { host, silence, successor } => {
                write!(
                    f,
                    "voter {host} has been silent for {}, {successor} takes its place",
                    Seconds(*silence)
                )
            }
            Self::Leaves { host } => write!(f, "{host} leaves the mesh"),
            Self::NoServer { host } => write!(f, "{host} does not volunteer as a server any more"),
            Self::TooManyVoters { from, to } => write!(f, "{from} hosts vote and {to} are to"),
            Self::BetterPlace { from, to } => {
                write!(f, "votes are in better places with {to} in place of {from}")
            }
            Self::LeaderMoves { leader } => {
                write!(f, "leader {leader} is to give its vote to a better place")
            }
            Self::Needed { duty } => write!(f, "one more host is needed as {duty}"),
            Self::Nominated { host } => write!(f, "{host} is nominated"),
            Self::CameUp { host } => write!(f, "{host} is caught up"),
            Self::NotInTime { host, after } => {
                write!(f, "{host} was nominated and did not come up within {}", Seconds(*after))
            }
            Self::Unfit { host } => write!(f, "{host} was nominated and cannot serve any more"),
            Self::DataLost { host } => write!(f, "the data of this member is gone from {host}"),
            Self::NeverStarted { host } => write!(f, "{host} was added and never started"),
            Self::Forgotten { host, silence } => {
                write!(f, "learner {host} has been silent for {}", Seconds(*silence))
            }
            Self::Surplus { learners, needed } => {
                write!(f, "{learners} learners follow and {needed} are needed")
            }
            Self::AddressChanged { host } => write!(f, "{host} has another address now"),
            Self::AddressTaken { host, by } => write!(f, "the address of {host} belongs to {by} now"),
        }
    }
}

/// A time as people read it.
pub(super) struct Seconds(pub(super) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_secs(10) {
            write!(f, "{:.1} s", self.0.as_secs_f64())
        } else {
            write!(f, "{} s", self.0.as_secs())
        }
    }
}
