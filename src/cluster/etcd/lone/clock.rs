//! What happens without being asked: leases end, watches catch up, compacted data goes.

use std::sync::Weak;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Lone, Shared, State};
use crate::cluster::store::request::Change;
use crate::cluster::store::watch::Syncing;

/// How many versions are looked at under one lock.
const STEP: usize = 1000;
/// How many leases are ended at once; as in etcd.
const ENDS: usize = 1000;
/// How long readers that are slow are left alone; as in etcd.
const PATIENCE: Duration = Duration::from_millis(100);

/// Runs until the node is dropped.
pub async fn run(shared: Weak<Shared>) {
    loop {
        let Some(node) = shared.upgrade() else { return };
        let sooner = node.sooner.notified();
        tokio::pin!(sooner);
        // From here on no call is missed.
        sooner.as_mut().enable();
        let next = turn(&Lone { shared: node.clone() });
        let asleep = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = &mut sooner => {}
            () = asleep => {}
            // A node that nobody else holds is gone: looked at now and then.
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

/// Does what is due; returns when there is more.
fn turn(lone: &Lone) -> Option<Instant> {
    let shared = &lone.shared;
    let now = shared.now();
    let ended = shared.write().lessor.expired(now, ENDS);
    for id in ended {
        // It may have been revoked by its owner meanwhile.
        let own = shared.read().store.auth().own_caller();
        drop(lone.apply(Change::LeaseRevoke { id }, own));
    }
    let mut state = shared.write();
    let State { store, hub, lessor, .. } = &mut *state;
    while store.compact_step(STEP) {}
    let mut synced = hub.sync_step(store, STEP);
    while synced == Syncing::More {
        synced = hub.sync_step(store, STEP);
    }
    hub.tell_progress(now);
    let due = [lessor.next_expiry(), hub.next_progress()].into_iter().flatten().min();
    let due = due.map(|due| due.since(now));
    let due =
        if synced == Syncing::Stalled { Some(due.map_or(PATIENCE, |due| due.min(PATIENCE))) } else { due };
    due.map(|due| Instant::now() + due)
}
