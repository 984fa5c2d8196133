//! What the core, the services and the housekeeping all see.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::barrier::Barrier;
use super::config::Config;
use super::ended::Ended;
use super::inbox::Inbox;
use super::machine::Machine;
use super::proposal_id::ProposalIds;
use super::renewals::Renewals;
use super::tend::Alarm;
use super::transport::Transport;
use crate::cluster::disk::snap::SnapFolder;
use crate::cluster::etcd::node::{Identity, Standing, Vitals};
use crate::cluster::raft::Progress;
use crate::cluster::store::auth::token::Tokens;
use crate::cluster::store::lessor::Lessor;
use crate::cluster::store::watch::WatchHub;
use crate::engine::sched::Time;

/// What all parts of a member see.
pub struct Shared {
    pub config: Config,
    pub identity: Identity,
    pub machine: RwLock<Machine>,
    pub hub: Mutex<WatchHub>,
    pub lessor: Mutex<Lessor>,
    pub tokens: Mutex<Tokens>,
    /// How this member stands to the others; the core tells.
    pub standing: watch::Sender<Status>,
    pub inbox: Arc<Inbox>,
    pub barrier: Barrier,
    pub ids: ProposalIds,
    pub transport: Arc<dyn Transport>,
    pub renewals: Renewals,
    pub vitals: Arc<Vitals>,
    /// Wakes the housekeeping.
    pub alarm: Arc<Alarm>,
    pub snaps: SnapFolder,
    /// Where a snapshot for a client is built.
    pub scratch: PathBuf,
    pub started: Instant,
}

/// How this member stands, as the core last told.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// For clients.
    pub standing: Standing,
    /// It leads, and no one else has a vote: what is applied here is all there is.
    pub alone: bool,
    /// A joint change of the members is applied here, and its end is not.
    pub joint: bool,
    /// Of a leader: how far the others are.
    pub progress: Vec<Progress>,
    /// The last entry of the log here.
    pub last: u64,
    /// Since when nobody leads.
    pub leaderless_since: Option<Instant>,
    /// The disk has no room for the log.
    pub disk_full: bool,
    /// The member has ended, for this reason.
    pub ended: Option<Ended>,
}

impl Status {
    /// Whether the member has ended.
    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }
}

impl Shared {
    /// The time of leases and watches: since the start, on a clock that never goes back.
    pub fn now(&self) -> Time {
        Time(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    // A thread that panicked while it changed the machine would leave members that differ: the process ends with it,
    // see `core`. Readers change nothing.
    pub fn read(&self) -> RwLockReadGuard<'_, Machine> {
        self.machine.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn write(&self) -> RwLockWriteGuard<'_, Machine> {
        self.machine.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn hub(&self) -> MutexGuard<'_, WatchHub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn lessor(&self) -> MutexGuard<'_, Lessor> {
        self.lessor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds since 1970.
    pub fn unix_s() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("identity", &self.identity).finish_non_exhaustive()
    }
}
