//! Why an interface is not as it should be.

use rustix::io::Errno;

use crate::engine::{Class, ResourceError};
use crate::resources::host::netlink::{Net, NetlinkError};

/// Why an interface is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// There is none, and none is to be made.
    #[error("there is no network interface {name:?}")]
    Missing {
        /// Its name.
        name: String,
    },
    /// It is there, and something else.
    #[error("the network interface {name:?} is {found}, not {wanted}")]
    Other {
        /// Its name.
        name: String,
        /// What it is.
        found: String,
        /// What it should be.
        wanted: String,
    },
    /// Another host has the address.
    #[error("another host on the network of {name:?} has the address {net}")]
    Duplicate {
        /// The interface.
        name: String,
        /// The address.
        net: Net,
    },
    /// The kernel has not finished asking around.
    #[error("{name:?} cannot use the address {net} yet: nobody knows whether another host has it")]
    Tentative {
        /// The interface.
        name: String,
        /// The address.
        net: Net,
    },
    /// Others undo it as fast as it is done.
    #[error("{name:?} differs again after {rounds} repairs in a row")]
    Contended {
        /// The interface.
        name: String,
        /// How many.
        rounds: usize,
    },
    /// It was cancelled.
    #[error("set {name:?} right: cancelled")]
    Cancelled {
        /// The interface.
        name: String,
    },
    /// The kernel refused.
    #[error(transparent)]
    Kernel(#[from] NetlinkError),
}

impl NetError {
    fn class(&self) -> Class {
        match self {
            Self::Other { .. } => Class::User,
            Self::Kernel(error) if error.is(Errno::INVAL) || error.is(Errno::OPNOTSUPP) => Class::User,
            _ => Class::Transient,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Missing { .. } => "it is waited for; `kind` makes one",
            Self::Other { .. } => "remove it first, or choose another name",
            Self::Duplicate { .. } => "find out which (`ip -6 neigh`); `nodad: true` does not ask",
            Self::Tentative { .. } => "`nodad: true` does not ask",
            Self::Contended { .. } => "another program manages it: see `networkctl`, `nmcli`, and `persist`",
            Self::Kernel(error) if error.is(Errno::PERM) => "mgmt must run as root (CAP_NET_ADMIN)",
            Self::Kernel(error) if error.is(Errno::OPNOTSUPP) => {
                "the kernel has no such kind: is its module there?"
            }
            Self::Kernel(error) if error.is(Errno::NETUNREACH) || error.is(Errno::HOSTUNREACH) => {
                "the next host of a route must be in the network of an address of the interface"
            }
            Self::Kernel(error) if error.is(Errno::INVAL) => "the kernel has another idea of what may be",
            _ => return None,
        })
    }
}

impl From<NetError> for ResourceError {
    fn from(error: NetError) -> Self {
        Self::of(error.class(), error.hint(), error)
    }
}
