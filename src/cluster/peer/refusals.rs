//! Which refusals were logged.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Different refusals that are remembered; more are not logged.
const MOST: usize = 256;

/// Which refusals were logged: who does not stop calling is not heard each time.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<BTreeSet<String>>);

impl Refusals {
    /// Whether this one is to be logged.
    pub(super) fn is_new(&self, refusal: String) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logged.len() < MOST && logged.insert(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_logged_once_and_so_many_at_the_most() {
        let refusals = Refusals::default();
        assert!(refusals.is_new("a".to_owned()));
        assert!(!refusals.is_new("a".to_owned()));
        let logged = (0..2 * MOST).filter(|number| refusals.is_new(number.to_string())).count();
        assert_eq!(logged, MOST - 1);
    }
}
