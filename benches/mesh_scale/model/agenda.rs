//! The queue of events.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mgmt::engine::sched::Time;

/// A host, by its place in the list.
pub type HostIndex = u32;

/// A server, by its place in the list: those that are gone keep theirs.
pub type ServerIndex = u32;

/// Something that will happen. Events of a client carry its epoch, and mean nothing in a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A client looks for a server.
    Attempt(HostIndex, u32),
    /// It is connected.
    Connected(HostIndex, u32),
    /// It is registered.
    Registered(HostIndex),
    /// An agent stops, and comes back.
    Restart(HostIndex),
    /// It is back.
    Back(HostIndex),
    /// A store begins to serve.
    Serves(ServerIndex, u32),
    /// The lease of a host ends, if it is still away.
    Expires(HostIndex, u32),
    /// The lease of a host that died ends.
    Gone(HostIndex),
    /// The steward looks at the mesh.
    Look,
    /// An order is done.
    Done(u32),
    /// A second is over.
    Tick,
}

/// The queue of events.
#[derive(Default)]
pub struct Agenda {
    queue: BinaryHeap<Reverse<(Time, u64, Event)>>,
    queued: u64,
}

impl Agenda {
    pub fn at(&mut self, at: Time, event: Event) {
        self.queue.push(Reverse((at, self.queued, event)));
        self.queued += 1;
    }

    /// What happens next, and when.
    pub fn next(&mut self) -> Option<(Time, Event)> {
        self.queue.pop().map(|Reverse((at, _, event))| (at, event))
    }

    /// How many events there were.
    pub fn total(&self) -> u64 {
        self.queued
    }
}
