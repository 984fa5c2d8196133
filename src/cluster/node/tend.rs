//! What happens without being asked: leases end, watches catch up, compacted data goes, the quota is watched.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Wake;
use std::time::{Duration, Instant};

use super::inbox::Letter;
use super::shared::Shared;
use super::waiting::Answer;
use crate::cluster::etcd::log_entry;
use crate::cluster::failpoints::failpoint;
use crate::cluster::raft::ProposalId;
use crate::cluster::store::request::{Change, Command};
use crate::cluster::store::watch::Syncing;

/// How many versions are looked at under one lock.
const STEP: usize = 500;
/// How many leases are ended at once; as in etcd.
const ENDS: usize = 1000;
/// Leases that end within this time of each other end together: nobody is promised better than half a second.
const LEASE_GRAIN: Duration = Duration::from_millis(50);

/// Wakes the housekeeping.
#[derive(Debug, Default)]
pub struct Alarm {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rung: bool,
    ended: bool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

impl Alarm {
    /// There may be something to do.
    pub fn ring(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let was = std::mem::replace(&mut state.rung, true);
        drop(state);
        if !was {
            self.rung.notify_one();
        }
    }

    /// Ends the housekeeping.
    pub fn end(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.ring();
    }

    /// Waits until it rings, or so long. Whether to go on.
    fn wait(&self, patience: Option<Duration>) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = match patience {
            None => self.rung.wait_while(state, |state| !state.rung).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                let waited = self.rung.wait_timeout_while(state, patience, |state| !state.rung);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.rung = false;
        !state.ended
    }
}

/// Runs until it is ended.
pub fn run(shared: &Arc<Shared>) {
    let mut patience = Some(Duration::ZERO);
    while shared.alarm.wait(patience) {
        let next = turn(shared);
        patience = next.map(|at| at.saturating_duration_since(Instant::now()));
    }
}

/// Does what is due; returns when there is more.
fn turn(shared: &Arc<Shared>) -> Option<Instant> {
    end_leases(shared);
    sweep(shared);
    let now = shared.now();
    // Watches that wait for their readers ring when there is room.
    loop {
        let machine = shared.read();
        let mut hub = shared.hub();
        if hub.sync_step(&machine.store, STEP) != Syncing::More {
            break;
        }
    }
    let progress = {
        let mut hub = shared.hub();
        hub.tell_progress(now);
        hub.next_progress()
    };
    let expiry = shared.lessor().next_expiry();
    let due = [expiry.map(|at| at.since(now) + LEASE_GRAIN), progress.map(|at| at.since(now))];
    let due = due.into_iter().flatten().min();
    due.map(|due| Instant::now() + due)
}

/// Gives back the room of what was compacted, a little at a time: changes go on meanwhile.
fn sweep(shared: &Shared) {
    loop {
        if !shared.read().store.compacting() {
            return;
        }
        let mut machine = shared.write();
        // Watches must have been told of everything before any of it goes.
        shared.hub().notify(&machine.store);
        failpoint!(compactBeforeCommitBatch);
        let more = machine.store.compact_step(STEP);
        failpoint!(compactAfterCommitBatch);
        failpoint!(compactBeforeSetFinishedCompact if !more);
        drop(machine);
        if !more {
            failpoint!(compactAfterSetFinishedCompact);
            return;
        }
    }
}

/// Asks for the end of leases that nobody renewed.
fn end_leases(shared: &Shared) {
    let now = shared.now();
    let ended = shared.lessor().expired(now, ENDS);
    let caller = if ended.is_empty() { None } else { shared.read().store.auth().own_caller() };
    for id in ended {
        let command =
            Command { id: shared.ids.next(), caller: caller.clone(), change: Change::LeaseRevoke { id } };
        propose(shared, command);
    }
}

/// Proposes a change that nobody waits for.
pub fn propose(shared: &Shared, command: Command) {
    let (answer, _) = tokio::sync::oneshot::channel::<Answer>();
    let data = log_entry::encode(&command);
    let id = ProposalId(command.id);
    // If it is not taken, it will be asked for again.
    let _ = shared.inbox.ask(Letter::Propose { id, data, command: Box::new(command), answer });
}
