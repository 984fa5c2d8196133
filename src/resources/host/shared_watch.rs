//! One watch of a source, shared by all vertices that depend on it.
//!
//! It is armed when the first vertex joins, and ended when the last one leaves. Every event wakes them all.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::engine::Wake;
use crate::engine::cx::Waker;

/// Who wants to know of a source, and the watch of it.
#[derive(Debug, Default)]
pub struct SharedWatch(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
    /// What keeps the watch alive.
    armed: Option<Box<dyn Any + Send + Sync>>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("wakers", &self.wakers.len()).finish_non_exhaustive()
    }
}

/// Wakes all who watch a source; cheap to clone. It does not keep the watch alive.
#[derive(Clone, Debug)]
pub struct WakeAll(Weak<Mutex<State>>);

impl WakeAll {
    /// Wakes them.
    pub fn wake(&self) {
        let Some(state) = self.0.upgrade() else { return };
        // Woken outside of the lock: who is woken may join or leave.
        let wakers: Vec<Waker> = lock(&state).wakers.values().cloned().collect();
        for waker in wakers {
            waker.wake(Wake::default());
        }
    }
}

/// A vertex that watches; dropping it leaves.
#[derive(Debug)]
pub struct Member {
    state: Arc<Mutex<State>>,
    id: u64,
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.wakers.remove(&self.id);
        let ended = if state.wakers.is_empty() { state.armed.take() } else { None };
        drop(state);
        // Outside of the lock: to end a watch may wait for a sink that wants it.
        drop(ended);
    }
}

impl SharedWatch {
    /// Whether somebody watches.
    pub fn is_armed(&self) -> bool {
        lock(&self.0).armed.is_some()
    }

    /// Adds a vertex. `arm` arms the watch, for the first one, and returns what keeps it; events call
    /// [`WakeAll::wake`].
    ///
    /// # Errors
    /// Those of `arm`.
    pub fn join<E>(
        &self,
        waker: Waker,
        arm: impl FnOnce(WakeAll) -> Result<Box<dyn Any + Send + Sync>, E>,
    ) -> Result<Member, E> {
        let mut state = lock(&self.0);
        if state.armed.is_none() {
            state.armed = Some(arm(WakeAll(Arc::downgrade(&self.0)))?);
        }
        let id = state.next;
        state.next += 1;
        state.wakers.insert(id, waker);
        Ok(Member { state: self.0.clone(), id })
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn the_first_arms_all_are_woken_and_the_last_ends_it() {
        let (shared, woken) = (SharedWatch::default(), Arc::new(AtomicUsize::new(0)));
        let wake_all = Mutex::new(None);
        let source = Arc::new(());
        let join = || {
            let woken = woken.clone();
            let waker = Waker::new(move |_| {
                woken.fetch_add(1, Ordering::SeqCst);
            });
            let arm = |all| {
                *wake_all.lock().unwrap() = Some(all);
                Ok::<Box<dyn Any + Send + Sync>, Infallible>(Box::new(source.clone()))
            };
            shared.join(waker, arm).unwrap()
        };
        let (one, two) = (join(), join());
        assert_eq!(Arc::strong_count(&source), 2, "armed once");
        let all: WakeAll = wake_all.lock().unwrap().take().unwrap();
        all.wake();
        assert_eq!(woken.load(Ordering::SeqCst), 2);
        drop(one);
        all.wake();
        assert_eq!(woken.load(Ordering::SeqCst), 3);
        assert!(shared.is_armed());
        drop(two);
        assert!(!shared.is_armed());
        assert_eq!(Arc::strong_count(&source), 1);
        let _three = join();
        assert!(shared.is_armed());
    }
}
