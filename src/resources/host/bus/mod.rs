//! D-Bus: connections that open on first use, and open anew whenever they are lost.
//!
//! A [`Link`] leads to one place: the system's bus, or the socket of one daemon with no bus between. It is opened by the
//! first call, never before. When it is lost it is opened again, after 20 ms at first and then ever later up to a second,
//! for as long as someone listens or calls; calls meanwhile wait for it a while. Signals go to one [`Listener`], which must
//! be quick: nothing else is read meanwhile.

mod direct;
mod error;
mod link;
#[cfg(test)]
pub mod peer;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;

use zbus::message::Message;

pub use error::BusError;
pub use link::{ACTIVATION_LIMIT, Hearing, Link, READ_LIMIT, read};

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The system's message bus.
    SystemBus,
    /// Another message bus, at a socket.
    Bus(PathBuf),
    /// A daemon's own socket: no bus between, so neither names nor match rules.
    Socket(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SystemBus => f.write_str("the system bus"),
            Self::Bus(path) | Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A method of an object.
#[derive(Clone, Copy, Debug)]
pub struct Method<'a> {
    /// The name on the bus; not used where there is no bus between.
    pub service: &'static str,
    /// The object.
    pub path: &'a str,
    /// The interface.
    pub interface: &'static str,
    /// The method.
    pub member: &'static str,
}

/// Whoever hears what a link brings unasked. It is called by the task that reads: it must be quick and must not block.
pub trait Listener: Send + Sync + 'static {
    /// A connection is there, rules and subscription included. `is_anew`: there was one before, or none to be had, so
    /// that whatever was known may be wrong by now, and whoever asked in vain may ask again.
    fn up(&self, is_anew: bool);

    /// The connection is lost.
    fn down(&self);

    /// A signal has come.
    fn signal(&self, message: &Message);

    /// Whether anyone waits for signals, so that a lost connection must be opened again unasked.
    fn is_wanted(&self) -> bool;
}

/// For links that are only called.
#[derive(Clone, Copy, Debug)]
pub struct Deaf;

impl Listener for Deaf {
    fn up(&self, _: bool) {}
    fn down(&self) {}
    fn signal(&self, _: &Message) {}
    fn is_wanted(&self) -> bool {
        false
    }
}
