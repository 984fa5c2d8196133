//! Messages that wait for the disk: a vote or an acknowledgement must not be heard of before it is sure to be kept.

use std::collections::VecDeque;

use super::wire;

/// Messages that may wait; more are lost, which Raft endures. A stalled disk makes some ten in a second.
const MOST: usize = 4096;

/// One ready's remainder, until it and all before it are on disk.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The ready's number.
    pub number: u64,
    /// It has something to be saved.
    pub writes: bool,
    /// The term that is on disk with it.
    pub term: Option<u64>,
    /// To be sent then.
    pub messages: Vec<wire::Message>,
    /// To be installed then.
    pub snapshot: Option<wire::Snapshot>,
}

/// What came free.
#[derive(Debug, Default)]
pub(super) struct Released {
    /// All readies up to this number are on disk.
    pub number: u64,
    /// In the order in which they were made.
    pub messages: Vec<wire::Message>,
    /// The newest.
    pub snapshot: Option<wire::Snapshot>,
}

/// All that waits.
#[derive(Debug)]
pub(super) struct Outbox {
    held: VecDeque<Held>,
    durable_term: u64,
    messages: usize,
}

impl Outbox {
    /// Nothing waits; this term is on disk.
    pub(super) fn new(durable_term: u64) -> Self {
        Self { held: VecDeque::new(), durable_term, messages: 0 }
    }

    /// Everything is on disk.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// A snapshot is on its way to the disk.
    pub(super) fn has_snapshot(&self) -> bool {
        self.held.iter().any(|held| held.snapshot.is_some())
    }

    /// The newest term that is sure to be on disk.
    pub(super) fn durable_term(&self) -> u64 {
        self.durable_term
    }

    /// Holds a ready back.
    pub(super) fn hold(&mut self, mut held: Held) {
        held.messages.truncate(MOST.saturating_sub(self.messages));
        self.messages += held.messages.len();
        self.held.push_back(held);
    }

    /// Saves up to this number are on disk: what waited for them, and behind them for nothing else, comes free.
    pub(super) fn release(&mut self, number: u64) -> Option<Released> {
        let mut released = Released::default();
        while let Some(held) = self.held.front() {
            if held.number > number && held.writes {
                break;
            }
            let held = self.held.pop_front().expect("it was looked at");
            self.messages -= held.messages.len();
            self.durable_term = held.term.unwrap_or(self.durable_term);
            released.number = held.number;
            released.messages.extend(held.messages);
            released.snapshot = held.snapshot.or(released.snapshot);
        }
        (released.number > 0).then_some(released)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(number: u64, writes: bool) -> Held {
        let message = wire::Message { index: number, ..Default::default() };
        Held { number, writes, messages: vec![message], ..Default::default() }
    }

    #[test]
    fn what_writes_nothing_goes_with_what_it_stands_behind() {
        let mut outbox = Outbox::new(0);
        outbox.hold(held(1, true));
        outbox.hold(held(2, false));
        outbox.hold(held(3, true));
        assert!(outbox.release(0).is_none());
        let released = outbox.release(1).unwrap();
        assert_eq!(released.number, 2);
        assert_eq!(released.messages.iter().map(|message| message.index).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(outbox.release(3).unwrap().number, 3);
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_stalled_disk_does_not_fill_the_memory_with_messages() {
        let mut outbox = Outbox::new(0);
        (1..=2 * MOST as u64).for_each(|number| outbox.hold(held(number, true)));
        assert_eq!(outbox.release(u64::MAX).unwrap().messages.len(), MOST);
    }
}
