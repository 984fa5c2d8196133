//! A host, as far as it is a client.

use mgmt::engine::sched::Time;

use super::agenda::ServerIndex;

/// What a host is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It looks for a server.
    Seeking,
    /// It is being connected.
    Connecting(ServerIndex),
    /// It is connected.
    Connected(ServerIndex),
    /// It serves itself.
    Serving(ServerIndex),
    /// It does not run.
    Down,
}

/// A host.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    pub state: State,
    /// Grows whenever it loses a connection or stops.
    pub epoch: u32,
    /// How often it was refused in a row.
    pub tries: u8,
    /// This run of its agent is in the store.
    pub registered: bool,
    /// It has been registered before.
    pub known: bool,
    /// Since when it is cut off, if it is.
    pub away_since: Option<Time>,
}

impl Client {
    /// One that has just started.
    pub fn new(now: Time) -> Self {
        Self {
            state: State::Seeking,
            epoch: 0,
            tries: 0,
            registered: false,
            known: false,
            away_since: Some(now),
        }
    }

    /// The server that it uses.
    pub fn server(&self) -> Option<ServerIndex> {
        match self.state {
            State::Connecting(server) | State::Connected(server) => Some(server),
            State::Seeking | State::Serving(_) | State::Down => None,
        }
    }
}
