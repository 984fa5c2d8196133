//! What is remembered of a label for as long as some resource of that label lives.
//!
//! A resource is built anew when its group changes or when it receives another value, with the old one still there.
//! What belongs to the label, and not to one build of it, is kept here by the kind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::engine::id::Label;

/// Facts by label. A fact goes when the last resource that holds it does.
#[derive(Debug, Default)]
pub struct Memory<T> {
    facts: Mutex<HashMap<Label, Weak<T>>>,
}

impl<T: Default> Memory<T> {
    /// The fact of a label: that of a living resource, or a new one.
    pub fn of(&self, label: &Label) -> Arc<T> {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fact) = facts.get(label).and_then(Weak::upgrade) {
            return fact;
        }
        if facts.len() == facts.capacity() {
            facts.retain(|_, fact| fact.strong_count() > 0);
        }
        let fact = Arc::new(T::default());
        facts.insert(label.clone(), Arc::downgrade(&fact));
        fact
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_lives_as_long_as_somebody_holds_it() {
        let memory = Memory::<Mutex<u8>>::default();
        let label = Label::new("print", "a");
        let first = memory.of(&label);
        *first.lock().unwrap() = 7;
        let second = memory.of(&label);
        drop(first);
        assert_eq!(*second.lock().unwrap(), 7);
        assert_eq!(*memory.of(&Label::new("print", "b")).lock().unwrap(), 0);
        drop(second);
        assert_eq!(*memory.of(&label).lock().unwrap(), 0);
    }
}
