//! What each identity has open: connections, calls under way, bytes of requests.
//!
//! As in the fair queue, an identity may have as much as is free: about half of all when it is alone, and there is always
//! room for one more identity.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};

use super::weighed::Weighed;
use super::{Identity, Origin, Reason, TurnedAway};
use crate::cluster::etcd::front::Front;
use crate::cluster::etcd::status::later;
use crate::cluster::peer;

/// Whoever has too much under way waits for that, not for others.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// An address leaves this part of all connections to others: behind one there may be many hosts, or one that tests much.
const FOR_OTHERS: usize = 16;
/// An address has no fewer connections than these, however few there may be.
const LEAST_CONNECTIONS: usize = 16;

/// How much may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestBounds {
    /// Connections of one certificate.
    pub of_a_name: usize,
    /// Connections of one address that shows none.
    pub of_an_address: usize,
    /// Calls of all, lasting ones included.
    pub calls: u64,
    /// Bytes of requests of all, from their announcement until they are answered.
    pub bytes: u64,
}

impl GuestBounds {
    /// For a server of so many connections. Ten thousand hosts have some 40,000 calls; a call takes about 4 KiB.
    pub fn of(connections: usize) -> Self {
        Self {
            of_a_name: 1_024,
            of_an_address: (connections - connections / FOR_OTHERS).max(LEAST_CONNECTIONS),
            calls: 131_072,
            bytes: 512 << 20,
        }
    }
}

/// Who is there.
#[derive(Debug)]
pub struct Guests {
    bounds: GuestBounds,
    tallies: Mutex<HashMap<Identity, Tally>>,
    all: Open,
}

/// Of an identity.
#[derive(Debug, Default)]
struct Tally {
    connections: usize,
    open: Arc<Open>,
}

/// What is under way.
#[derive(Debug, Default)]
struct Open {
    calls: AtomicU64,
    bytes: AtomicU64,
}

/// A connection, as long as it is there.
#[derive(Debug)]
pub struct Stay {
    guests: Arc<Guests>,
    identity: Identity,
    own: Arc<Open>,
    turned_away: TurnedAway,
}

/// A call under way, with the bytes of its request.
#[derive(Debug)]
pub(super) struct Call {
    stay: Arc<Stay>,
    bytes: AtomicU64,
}

impl Guests {
    /// Nobody.
    pub fn new(bounds: GuestBounds) -> Self {
        Self { bounds, tallies: Mutex::default(), all: Open::default() }
    }

    /// One more connection of an identity; `None`: it has too many.
    pub fn welcome(self: &Arc<Self>, identity: Identity, turned_away: &TurnedAway) -> Option<Stay> {
        let most = match identity {
            Identity::Named(_) => self.bounds.of_a_name,
            Identity::At(_) => self.bounds.of_an_address,
        };
        let mut tallies = self.tallies();
        let tally = tallies.entry(identity.clone()).or_default();
        if tally.connections >= most {
            return None;
        }
        tally.connections += 1;
        let own = tally.open.clone();
        drop(tallies);
        Some(Stay { guests: self.clone(), identity, own, turned_away: turned_away.clone() })
    }

    fn tallies(&self) -> MutexGuard<'_, HashMap<Identity, Tally>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stay {
    /// Answers a request of this connection.
    pub async fn answer(
        self: &Arc<Self>,
        front: &Front,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let path = request.uri().path();
        if path.starts_with(peer::PATH) {
            // What members say to one another is bounded by themselves, and waits behind no client.
            return front.answer(request.map(Body::new)).await;
        }
        let origin = Origin::new(self.identity.clone(), path, self.turned_away.clone());
        let Some(call) = self.begin() else {
            return Ok(refused(&self.turned_away, Reason::Calls).into_http());
        };
        let longest = front.surface.limits.message_bytes();
        let weighed = Weighed::new(&request, call.clone(), longest);
        let request = request.map(|body| Body::new(weighed.over(body)));
        let answered = origin.scope(front.answer(request)).await;
        drop(call);
        answered
    }

    /// A call begins; `None`: too many are under way.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Arc<Call>> {
        let begins = take(&self.own.calls, &self.guests.all.calls, self.guests.bounds.calls, 1);
        begins.then(|| Arc::new(Call { stay: self.clone(), bytes: AtomicU64::new(0) }))
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut tallies = self.guests.tallies();
        if let Some(tally) = tallies.get_mut(&self.identity) {
            tally.connections -= 1;
            if tally.connections == 0 {
                tallies.remove(&self.identity);
            }
        }
        if tallies.is_empty() {
            tallies.shrink_to_fit();
        }
    }
}

impl Call {
    /// So many bytes more of a request.
    ///
    /// # Errors
    /// What its client is told, when the identity has too many.
    pub(super) fn weigh(&self, bytes: u64) -> Result<(), Status> {
        let Stay { guests, own, turned_away, .. } = &*self.stay;
        if !take(&own.bytes, &guests.all.bytes, guests.bounds.bytes, bytes) {
            return Err(refused(turned_away, Reason::Bytes));
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// What was weighed is not held any more.
    pub(super) fn put_down(&self) {
        let bytes = self.bytes.swap(0, Ordering::Relaxed);
        if bytes > 0 {
            self.stay.own.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.stay.guests.all.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.put_down();
        self.stay.own.calls.fetch_sub(1, Ordering::Relaxed);
        self.stay.guests.all.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes so much, unless the identity would then have more than is free. Two at the same moment may both get the last of
/// it: the bound is as soft as there are threads.
fn take(own: &AtomicU64, all: &AtomicU64, bound: u64, much: u64) -> bool {
    let free = bound.saturating_sub(all.load(Ordering::Relaxed));
    if own.load(Ordering::Relaxed).saturating_add(much) > free {
        return false;
    }
    own.fetch_add(much, Ordering::Relaxed);
    all.fetch_add(much, Ordering::Relaxed);
    true
}

fn refused(turned_away: &TurnedAway, reason: Reason) -> Status {
    turned_away.count(reason);
    later(Code::ResourceExhausted, RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::etcd::admission::Source;

    fn guests() -> Arc<Guests> {
        Arc::new(Guests::new(GuestBounds { of_a_name: 2, of_an_address: 3, calls: 8, bytes: 1_000 }))
    }

    fn host(number: u32) -> Identity {
        Identity::At(Source::V4(number.into()))
    }

    fn stay(guests: &Arc<Guests>, identity: Identity) -> Option<Arc<Stay>> {
        guests.welcome(identity, &TurnedAway::default()).map(Arc::new)
    }

    #[test]
    fn an_identity_has_so_many_connections_and_others_their_own() {
        let guests = guests();
        let mut there: Vec<_> = (0..3).map(|_| stay(&guests, host(1)).unwrap()).collect();
        assert!(stay(&guests, host(1)).is_none());
        let name = || Identity::Named("web-1".into());
        there.extend([stay(&guests, name()).unwrap(), stay(&guests, name()).unwrap()]);
        assert!(stay(&guests, name()).is_none());
        there.push(stay(&guests, host(2)).unwrap());
        there.remove(0);
        there.push(stay(&guests, host(1)).unwrap());
        drop(there);
        assert_eq!(guests.tallies().capacity(), 0);
    }

    #[test]
    fn an_identity_may_have_as_much_under_way_as_is_free() {
        let guests = guests();
        let (one, two) = (stay(&guests, host(1)).unwrap(), stay(&guests, host(2)).unwrap());
        let first: Vec<_> = std::iter::from_fn(|| one.begin()).collect();
        assert_eq!(first.len(), 4);
        let second: Vec<_> = std::iter::from_fn(|| two.begin()).collect();
        assert_eq!(second.len(), 2);
        first[0].weigh(500).unwrap();
        let refused = first[1].weigh(1).unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert_eq!(refused.metadata().get("grpc-retry-pushback-ms").unwrap(), "1000");
        second[0].weigh(250).unwrap();
        first[0].put_down();
        first[1].weigh(300).unwrap();
        drop((first, second));
        assert_eq!(guests.all.bytes.load(Ordering::Relaxed), 0);
        assert_eq!(guests.all.calls.load(Ordering::Relaxed), 0);
    }
}
