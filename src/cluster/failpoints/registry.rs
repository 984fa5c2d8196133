//! The places, and what each is to do now.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::NAMES;
use super::term::{Action, Term, TermError};

static OF_PROCESS: LazyLock<Registry> = LazyLock::new(|| Registry::new(NAMES));

/// Why something is not done. The texts are those of etcd's library.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FailpointError {
    /// There is no such place.
    #[error("failpoint: failpoint does not exist")]
    Absent,
    /// Nothing is to be done there.
    #[error("failpoint: failpoint is disabled")]
    Disabled,
    /// What is to be done is not understood.
    #[error(transparent)]
    Term(#[from] TermError),
}

/// The places, and what each is to do now.
#[derive(Debug)]
pub struct Registry {
    places: Mutex<BTreeMap<&'static str, Option<Term>>>,
    /// How many are on: while none is, passing one costs next to nothing.
    on: AtomicUsize,
}

impl Registry {
    /// With these places, all off.
    pub fn new(names: &[&'static str]) -> Self {
        let places = names.iter().map(|name| (*name, None)).collect();
        Self { places: Mutex::new(places), on: AtomicUsize::new(0) }
    }

    /// Those of this program.
    pub fn of_process() -> &'static Self {
        &OF_PROCESS
    }

    /// Comes by a place: does what is to be done there.
    pub fn pass(&self, name: &str) {
        if self.on.load(Ordering::Relaxed) == 0 {
            return;
        }
        match self.next(name, chance) {
            Action::Off | Action::Break | Action::Return => {}
            Action::Print => tracing::info!(failpoint = name, "passed"),
            #[expect(clippy::disallowed_methods, reason = "that is what was asked for")]
            Action::Sleep(time) => std::thread::sleep(time),
            Action::Panic(text) => {
                tracing::error!(failpoint = name, text, "the process ends here, as it was asked to");
                std::process::abort();
            }
        }
    }

    /// What is to be done at a place. `draw` gives a number from 0 up to 1.
    pub(super) fn next(&self, name: &str, draw: impl FnMut() -> f64) -> Action {
        let mut places = self.places();
        places.get_mut(name).and_then(Option::as_mut).map_or(Action::Off, |term| term.next(draw))
    }

    /// Sets what is to be done at a place.
    pub fn enable(&self, name: &str, term: &str) -> Result<(), FailpointError> {
        let term = Term::parse(term)?;
        self.put(name, Some(term))
    }

    /// Sets several: `NAME=TERM;NAME=TERM`.
    pub fn enable_all(&self, text: &str) -> Result<(), FailpointError> {
        for one in text.split(';').map(str::trim).filter(|one| !one.is_empty()) {
            let (name, term) = one.split_once('=').ok_or_else(|| TermError(one.to_owned()))?;
            self.enable(name, term)?;
        }
        Ok(())
    }

    /// Nothing is to be done at a place any more.
    pub fn disable(&self, name: &str) -> Result<(), FailpointError> {
        if self.places().get(name).ok_or(FailpointError::Absent)?.is_none() {
            return Err(FailpointError::Disabled);
        }
        self.put(name, None)
    }

    /// What is to be done at a place, and how often that was done.
    pub fn status(&self, name: &str) -> Result<(String, u64), FailpointError> {
        let places = self.places();
        let term = places.get(name).ok_or(FailpointError::Absent)?;
        let term = term.as_ref().ok_or(FailpointError::Disabled)?;
        Ok((term.text().to_owned(), term.done()))
    }

    /// All places and their terms; an empty one: off.
    pub fn list(&self) -> Vec<(&'static str, String)> {
        let text = |term: &Option<Term>| term.as_ref().map(|term| term.text().to_owned()).unwrap_or_default();
        self.places().iter().map(|(name, term)| (*name, text(term))).collect()
    }

    fn put(&self, name: &str, term: Option<Term>) -> Result<(), FailpointError> {
        let mut places = self.places();
        *places.get_mut(name).ok_or(FailpointError::Absent)? = term;
        self.on.store(places.values().flatten().count(), Ordering::Relaxed);
        Ok(())
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<&'static str, Option<Term>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number from 0 up to 1.
fn chance() -> f64 {
    // 53 bits are all that fit.
    getrandom::u64().map_or(0.0, |number| (number >> 11) as f64 / (1_u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        Registry::new(&["b", "a"])
    }

    #[test]
    fn a_place_does_what_it_is_set_to_and_counts_it() {
        let registry = registry();
        assert_eq!(registry.status("a"), Err(FailpointError::Disabled));
        registry.enable("a", "1*print->off").unwrap();
        assert_eq!(registry.next("a", || 0.0), Action::Print);
        assert_eq!(registry.next("b", || 0.0), Action::Off);
        assert_eq!(registry.status("a"), Ok(("1*print->off".to_owned(), 1)));
        assert_eq!(registry.on.load(Ordering::Relaxed), 1);
        registry.disable("a").unwrap();
        assert_eq!(registry.disable("a"), Err(FailpointError::Disabled));
        assert_eq!(registry.on.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn several_are_set_in_one_line_and_listed_by_name() {
        let registry = registry();
        registry.enable_all("b=sleep(5);a=50.0%panic;").unwrap();
        assert_eq!(registry.list(), [("a", "50.0%panic".to_owned()), ("b", "sleep(5)".to_owned())]);
        assert_eq!(registry.enable_all("c=off"), Err(FailpointError::Absent));
        assert!(matches!(registry.enable_all("a"), Err(FailpointError::Term(_))));
    }

    #[test]
    fn chance_is_between_nothing_and_certainty() {
        assert!((0..100).all(|_| (0.0..1.0).contains(&chance())));
    }
}
