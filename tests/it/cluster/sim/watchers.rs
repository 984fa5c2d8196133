//! Who watches the cluster: each at one member at a time, from the revision on that it has not seen.

use super::machine::Event;

/// All events, as the first member that applied them told them; and how far each watcher is.
#[derive(Debug, Default)]
pub struct Watchers {
    truth: Vec<Event>,
    /// The next revision that each wants.
    pub next: Vec<u64>,
}

impl Watchers {
    pub fn new(count: usize) -> Self {
        Self { truth: Vec::new(), next: vec![1; count] }
    }

    /// A member's machine has these events.
    pub fn happened(&mut self, events: &[Event]) -> Result<(), String> {
        for event in events {
            let at = event.revision as usize - 1;
            match self.truth.get(at) {
                None if at == self.truth.len() => self.truth.push(*event),
                Some(known) if known == event => {}
                known => return Err(format!("watch: {event:?} is told where {known:?} was")),
            }
        }
        Ok(())
    }

    /// A watcher is told of these.
    pub fn told(&mut self, watcher: usize, events: &[Event]) -> Result<(), String> {
        for event in events {
            if event.revision != self.next[watcher] {
                return Err(format!(
                    "watch: {watcher} is told {event:?}, and waits for {}",
                    self.next[watcher]
                ));
            }
            if self.truth.get(event.revision as usize - 1) != Some(event) {
                return Err(format!("watch: {watcher} is told {event:?}, which did not happen"));
            }
            self.next[watcher] += 1;
        }
        Ok(())
    }

    /// The newest revision.
    pub fn newest(&self) -> u64 {
        self.truth.len() as u64
    }
}
