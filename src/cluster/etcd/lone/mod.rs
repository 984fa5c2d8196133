//! A node that is alone: no log, no peers, no files. What is asked is applied at once, under a lock. For tests of the
//! surface, and of whatever talks to a store.

mod clock;
mod login;
mod members;
mod node;
mod stream;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;

use super::node::{Identity, Member, NodeError};
use crate::cluster::store::Store;
use crate::cluster::store::auth::token::Tokens;
use crate::cluster::store::error::StoreError;
use crate::cluster::store::id::{ClusterId, MemberId};
use crate::cluster::store::lessor::Lessor;
use crate::cluster::store::member::LogLevel;
use crate::cluster::store::reply::{Applied, Reply};
use crate::cluster::store::request::{Caller, Change, Command};
use crate::cluster::store::watch::{Limits, WatchHub};
use crate::engine::sched::Time;

/// The id of the only member.
const MEMBER: MemberId = MemberId(0x8e9e_05c5_2164_694d);
const CLUSTER: ClusterId = ClusterId(0xcdf8_18e1_94e3_a8e7);

/// A node that is alone. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lone {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: RwLock<State>,
    started: Instant,
    /// Something is due earlier than it was.
    sooner: Notify,
    snapshot: Bytes,
}

#[derive(Debug)]
struct State {
    store: Store,
    hub: WatchHub,
    lessor: Lessor,
    tokens: Tokens,
    /// What was applied: the length of a log that is not there.
    index: u64,
    members: Vec<Member>,
    /// Nobody leads: for tests.
    leaderless: bool,
    quota: u64,
}

impl Lone {
    /// An empty store, alone in its cluster. To be called within a tokio runtime.
    pub fn start(limits: Limits) -> Self {
        let store = Store::new();
        let hub = WatchHub::new(&store, limits);
        let mut lessor = Lessor::new();
        lessor.promote(store.leases(), Time(0), Duration::ZERO);
        let own = Member {
            id: MEMBER,
            name: "default".into(),
            peer_urls: vec!["http://localhost:2380".into()],
            client_urls: vec!["http://localhost:2379".into()],
            learner: false,
            level: LogLevel::OWN,
        };
        let state = State {
            store,
            hub,
            lessor,
            tokens: Tokens::default(),
            index: 3,
            members: vec![own],
            leaderless: false,
            quota: 0,
        };
        let shared = Shared {
            state: RwLock::new(state),
            started: Instant::now(),
            sooner: Notify::new(),
            snapshot: Bytes::from(vec![7; 100_000]),
        };
        let lone = Self { shared: Arc::new(shared) };
        tokio::spawn(clock::run(Arc::downgrade(&lone.shared)));
        lone.apply(Change::ClusterVersion { version: "3.5.0".into() }, None).expect("nothing forbids it");
        lone
    }

    /// Who it is.
    pub fn identity(&self) -> Identity {
        Identity { cluster: CLUSTER, member: MEMBER }
    }

    /// Whether nobody leads from now on: for tests.
    pub fn lose_leader(&self, lost: bool) {
        self.shared.write().leaderless = lost;
        self.shared.sooner.notify_waiters();
    }

    fn apply(&self, change: Change, caller: Option<Caller>) -> Result<Applied, NodeError> {
        let now = self.shared.now();
        let mut state = self.shared.write();
        if state.leaderless {
            return Err(NodeError::NoLeader);
        }
        if change.grows() && state.is_full() {
            return Err(StoreError::NoSpace.into());
        }
        let asked = change.clone();
        state.index += 1;
        let index = state.index;
        let applied = state.store.apply(index, Command { id: index, caller, change })?;
        match (&applied.reply, &asked) {
            (Reply::LeaseGranted { id, ttl_s }, _) => state.lessor.granted(*id, *ttl_s, now),
            (_, Change::LeaseRevoke { id }) => state.lessor.revoked(*id),
            (Reply::Auth(reply), Change::Auth(change)) => state.tokens.follow(change, reply, now),
            _ => {}
        }
        let State { store, hub, .. } = &mut *state;
        hub.notify(store);
        drop(state);
        self.shared.sooner.notify_waiters();
        Ok(applied)
    }
}

impl Shared {
    fn now(&self) -> Time {
        Time(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    // A reader or writer that panicked failed a test already.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.quota > 0 && self.store.size().in_use as u64 > self.quota
    }
}
