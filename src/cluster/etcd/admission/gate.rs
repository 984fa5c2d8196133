//! The door with its deadlines, and what waits in it.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::door::{Door, DoorBounds, Ticket};
use super::guests::{GuestBounds, Guests, Stay};
use super::{Identity, Opened, Reason, Source, TurnedAway};

/// How long a connection has to agree on keys and to begin to speak HTTP: security.md.
const TO_OPEN: Duration = Duration::from_secs(5);

/// What all listeners of a server share.
#[derive(Debug)]
pub struct Gate {
    door: Mutex<Door<oneshot::Sender<()>>>,
    guests: Arc<Guests>,
    turned_away: TurnedAway,
}

/// A connection in the door, until this is dropped.
#[derive(Debug)]
pub struct Entering {
    gate: Arc<Gate>,
    source: Source,
    ticket: Ticket,
    until: Instant,
    /// Ends when it must go.
    evicted: oneshot::Receiver<()>,
}

impl Gate {
    /// An empty one for so many connections.
    pub fn new(connections: usize, turned_away: TurnedAway) -> Self {
        Self {
            door: Mutex::new(Door::new(DoorBounds::default())),
            guests: Arc::new(Guests::new(GuestBounds::of(connections))),
            turned_away,
        }
    }

    /// A connection from there comes; `None`: from this machine, through a file.
    pub fn enter(self: &Arc<Self>, from: Option<IpAddr>) -> Entering {
        let source = from.map_or(Source::Local, Source::from);
        let (stays, evicted) = oneshot::channel();
        let (ticket, goes) = self.door().enter(source, stays);
        if goes.is_some() {
            self.turned_away.count(Reason::CrowdedOut);
        }
        Entering { gate: self.clone(), source, ticket, until: Instant::now() + TO_OPEN, evicted }
    }

    /// One was told to come again later, or closed, since there are too many of all.
    pub fn is_full(&self) {
        self.turned_away.count(Reason::Connections);
    }

    /// All who stand in the door must go.
    pub fn close(&self) {
        self.door().clear();
    }

    fn door(&self) -> MutexGuard<'_, Door<oneshot::Sender<()>>> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entering {
    /// What this brings, unless it takes too long or must make room.
    pub async fn hold<F: Future>(&mut self, opening: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            opened = opening => Some(opened),
            _ = &mut self.evicted => None,
            () = tokio::time::sleep_until(self.until) => {
                self.gate.turned_away.count(Reason::Late);
                None
            }
        }
    }

    /// The connection once it speaks HTTP; `None`: it does not.
    pub async fn open<S: AsyncRead + Unpin>(&mut self, stream: S) -> Option<Opened<S>> {
        self.hold(Opened::read(stream)).await.and_then(io::Result::ok)
    }

    /// It goes through the door, and is a guest; `None`: there are too many of that identity.
    pub fn through(self, name: Option<Arc<str>>) -> Option<Stay> {
        let identity = name.map_or(Identity::At(self.source), Identity::Named);
        let stay = self.gate.guests.welcome(identity, &self.gate.turned_away);
        if stay.is_none() {
            self.gate.turned_away.count(Reason::Connections);
        }
        stay
    }
}

impl Drop for Entering {
    fn drop(&mut self) {
        self.gate.door().leave(self.source, self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn gate() -> Arc<Gate> {
        Arc::new(Gate::new(100_000, TurnedAway::default()))
    }

    #[tokio::test]
    async fn who_does_not_say_enough_in_time_goes() {
        let gate = gate();
        for said in [&b""[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n"] {
            let mut entering = gate.enter(None);
            assert!(entering.until > Instant::now() + TO_OPEN / 2);
            entering.until = Instant::now();
            let (mut ours, theirs) = tokio::io::duplex(64);
            ours.write_all(said).await.unwrap();
            assert!(entering.open(theirs).await.is_none());
        }
        assert_eq!(gate.turned_away.total(Reason::Late), 2);
        assert!(gate.door().is_empty());
    }

    #[tokio::test]
    async fn who_must_make_room_goes_at_once_and_whoever_comes_last_gets_in() {
        let gate = gate();
        let address: IpAddr = [10, 0, 0, 1].into();
        let flood: Vec<Entering> = (0..10_000).map(|_| gate.enter(Some(address))).collect();
        assert_eq!(gate.door().len(), DoorBounds::default().of_one);
        let mut flood = flood.into_iter();
        let mut first = flood.next().unwrap();
        assert_eq!(first.hold(std::future::pending::<()>()).await, None);
        let mut last = flood.next_back().unwrap();
        assert_eq!(last.hold(std::future::ready(7)).await, Some(7));
        let other = gate.enter(Some([10, 0, 0, 2].into()));
        assert!(other.through(None).is_some());
    }

    #[tokio::test]
    async fn at_the_end_nobody_stays_in_the_door() {
        let gate = gate();
        let mut entering = gate.enter(None);
        gate.close();
        assert_eq!(entering.hold(std::future::pending::<()>()).await, None);
    }
}
