//! Follows what reaches this host.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;

use super::Collections;
use crate::engine::World;
use crate::engine::world::{Collection, Deadline, Follow};

/// Exports of some kinds, followed. The world is not touched before something is collected.
pub struct Inflow {
    world: Arc<dyn World>,
    kinds: BTreeMap<Arc<str>, Kind>,
}

struct Kind {
    follow: Follow<Collection>,
    /// As it was when it was last looked at.
    looked: Collection,
}

impl fmt::Debug for Inflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds.keys()).finish()
    }
}

impl Inflow {
    /// Nothing is followed yet.
    pub fn new(world: Arc<dyn World>) -> Self {
        Self { world, kinds: BTreeMap::new() }
    }

    /// Follows these kinds, and no others.
    pub fn follow_only(&mut self, kinds: BTreeSet<Arc<str>>) {
        self.kinds.retain(|kind, _| kinds.contains(kind));
        for kind in kinds {
            let exports = || self.world.exports();
            let follow = |kind: &str| Kind { follow: exports().collect(kind), looked: Collection::default() };
            self.kinds.entry(kind).or_insert_with_key(|kind| follow(kind));
        }
    }

    /// Returns once something is known of each kind, and at the latest after `patience`.
    pub async fn arrive(&mut self, patience: Duration) {
        let by = Deadline::after(patience);
        for kind in self.kinds.values_mut() {
            if kind.follow.first(by).await.is_err() {
                return;
            }
        }
    }

    /// What has reached this host by now; of a kind of which nothing is known, nothing.
    pub fn now(&mut self) -> Collections {
        let look = |(name, kind): (&Arc<str>, &mut Kind)| {
            kind.looked = kind.follow.now().map(|seen| seen.value).unwrap_or_default();
            (name.clone(), kind.looked.clone())
        };
        self.kinds.iter_mut().map(look).collect()
    }

    /// Returns once [`now`](Self::now) would be another than the last. May be dropped at any time.
    pub async fn changed(&mut self) {
        if self.kinds.is_empty() {
            return pending().await;
        }
        select_all(self.kinds.values_mut().map(|kind| Box::pin(kind.changed()))).await;
    }
}

impl Kind {
    async fn changed(&mut self) {
        while let Some(seen) = self.follow.changed().await {
            // The store coming or going is no change of what is exported.
            if !Arc::ptr_eq(&seen.value, &self.looked) && seen.value != self.looked {
                return;
            }
        }
        // The world has ended: the agent is about to.
        pending().await
    }
}
