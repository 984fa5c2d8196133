//! Which vertices are put right, or fail, over and over: the log says so once, a status while it lasts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::engine::id::Label;
use crate::engine::runtime::observe::{Happening, Observer};
use crate::engine::sched::CONTENTION_QUIET;

/// The contended vertices. While there are none, what happens costs one load of a flag.
#[derive(Debug, Default)]
pub struct Contended {
    any: AtomicBool,
    /// With the last trouble that each had.
    known: Mutex<HashMap<Label, Instant>>,
}

impl Contended {
    /// Their labels, in order.
    pub fn labels(&self) -> Vec<Label> {
        if !self.any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, last| last.elapsed() <= CONTENTION_QUIET);
        self.any.store(!known.is_empty(), Ordering::Relaxed);
        let mut labels: Vec<Label> = known.keys().cloned().collect();
        labels.sort();
        labels
    }
}

impl Observer for Contended {
    fn happened(&self, happening: Happening<'_>) {
        let (vertex, begins) = match happening {
            Happening::Contended { vertex } => (vertex, true),
            Happening::Changed { vertex, .. } | Happening::Failed { vertex, .. } => (vertex, false),
            _ => return,
        };
        if !begins && !self.any.load(Ordering::Relaxed) {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if begins {
            known.insert(vertex.label().clone(), Instant::now());
            self.any.store(true, Ordering::Relaxed);
        } else if let Some(last) = known.get_mut(vertex.label()) {
            *last = Instant::now();
        }
    }
}
