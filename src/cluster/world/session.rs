//! This host's lease: that it is there.
//!
//! The lease is renewed in time; when the store has forgotten it, another one is taken, and whoever bound keys to the old
//! one binds them to the new.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use crate::cluster::link::{Backoff, Link, Standing, Trouble};
use crate::engine::world::{Deadline, WorldError};

/// How long a host is taken for present without a word of it, in seconds: mesh.md.
pub const TTL_S: i64 = 15;
/// A lease is renewed this often: two renewals may be lost.
const EVERY: Duration = Duration::from_secs(TTL_S.cast_unsigned() / 3);
/// How long a renewal or a grant may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// A lease that the store has granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its id; each grant has another.
    pub id: i64,
    /// Until when it lives for sure: so long after the last renewal was asked for.
    pub until: Instant,
}

/// Keeps a lease while it is wanted. It ends with its last clone.
#[derive(Clone, Debug)]
pub struct Session(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    lease: watch::Sender<Option<Lease>>,
    /// Whether anybody has asked for a lease: without, none is taken.
    wanted: watch::Sender<bool>,
    /// Someone has been told that the lease is not there, or nobody wants it any more.
    lost: Arc<Notify>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.lost.notify_one();
    }
}

impl Session {
    /// Takes a lease as soon as one is wanted and there is a connection. To be called inside a tokio runtime.
    pub fn start(link: Link) -> Self {
        let shared = Arc::new(Shared {
            lease: watch::Sender::new(None),
            wanted: watch::Sender::new(false),
            lost: Arc::default(),
        });
        tokio::spawn(run(link, shared.lost.clone(), Arc::downgrade(&shared)));
        Self(shared)
    }

    /// The lease, waited for.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn lease(&self, operation: &'static str, by: Deadline) -> Result<Lease, WorldError> {
        let mut lease = self.follow();
        let granted = lease.wait_for(|lease| lease.is_some_and(|lease| lease.until > Instant::now()));
        match tokio::time::timeout_at(by.at().into(), granted).await {
            Ok(Ok(lease)) => Ok(lease.expect("it was waited for")),
            Ok(Err(_)) => Err(WorldError::Ended { operation }),
            Err(_) => Err(WorldError::Late { operation }),
        }
    }

    /// The lease, if there is one.
    pub fn now(&self) -> Option<Lease> {
        *self.0.lease.borrow()
    }

    /// Follows the lease.
    pub fn follow(&self) -> watch::Receiver<Option<Lease>> {
        self.0.wanted.send_if_modified(|wanted| !std::mem::replace(wanted, true));
        self.0.lease.subscribe()
    }

    /// Says that the store does not know the lease any more.
    pub fn is_lost(&self) {
        self.0.lease.send_replace(None);
        self.0.lost.notify_one();
    }
}

async fn run(link: Link, lost: Arc<Notify>, shared: std::sync::Weak<Shared>) {
    let mut backoff = Backoff::default();
    let Some(mut wanted) = shared.upgrade().map(|shared| shared.wanted.subscribe()) else { return };
    // Its sender goes with the last session.
    if wanted.wait_for(|wanted| *wanted).await.is_err() {
        return;
    }
    loop {
        let mut standing = link.follow();
        if standing.wait_for(|standing| matches!(standing, Standing::Up(_))).await.is_err() {
            return;
        }
        let Some(alive) = shared.upgrade() else { return };
        let known = *alive.lease.borrow();
        let asked = Instant::now();
        let by = Deadline::after(PATIENCE);
        let ttl = Duration::from_secs(TTL_S.cast_unsigned());
        let Standing::Up(line) = link.standing() else { continue };
        let renewed = match known {
            Some(lease) => line.keep_alive(lease.id, by).await.map(|left_s| (left_s > 0).then_some(lease.id)),
            None => line.grant(TTL_S, by).await.map(|granted| Some(granted.id)),
        };
        let wait = match renewed {
            Ok(Some(id)) => {
                backoff = Backoff::default();
                alive.lease.send_replace(Some(Lease { id, until: asked + ttl }));
                EVERY
            }
            Ok(None) => {
                // Nobody renewed it in time: another one.
                alive.lease.send_replace(None);
                Duration::ZERO
            }
            Err(trouble) => {
                let asked = match trouble {
                    Trouble::Busy(after) => after,
                    Trouble::Line(_) => {
                        link.is_useless(line.id);
                        None
                    }
                    Trouble::Refused(why) => {
                        tracing::warn!(why, "the store grants no lease");
                        None
                    }
                };
                backoff.next(crate::cluster::link::chance(), asked)
            }
        };
        drop(alive);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = lost.notified() => {}
        }
    }
}
