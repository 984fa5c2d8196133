//! What waits to be sent to a member.

use std::collections::VecDeque;

use crate::cluster::raft::wire::Message;

/// What a message costs beside what it carries, about, in memory and on the wire.
const OVERHEAD_BYTES: usize = 64;

/// How much may wait, and how much goes at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Messages that may wait; what etcd's streams hold.
    pub messages: usize,
    /// Their bytes. A single message may have more.
    pub bytes: usize,
    /// Messages of one batch.
    pub batch_messages: usize,
    /// Bytes of one batch, unless a single message has more.
    pub batch_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { messages: 4096, bytes: 64 << 20, batch_messages: 256, batch_bytes: 1 << 20 }
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits.
    Queued,
    /// There was no room, for the first time since something was sent.
    DroppedFirst,
    /// There was no room, again.
    DroppedAgain,
}

/// What waits to be sent to a member, in order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    bounds: Bounds,
    waiting: VecDeque<Message>,
    bytes: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Taking,
    Dropping,
}

impl Queue {
    #[cfg(test)]
    pub(super) fn with_bounds(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Puts a message behind the others, if there is room.
    pub(super) fn push(&mut self, message: Message) -> Pushed {
        let size = size(&message);
        let full = self.waiting.len() >= self.bounds.messages || self.bytes + size > self.bounds.bytes;
        if full && !self.waiting.is_empty() {
            return match std::mem::replace(&mut self.state, State::Dropping) {
                State::Taking => Pushed::DroppedFirst,
                State::Dropping => Pushed::DroppedAgain,
            };
        }
        self.bytes += size;
        self.waiting.push_back(message);
        Pushed::Queued
    }

    /// What goes next, in order; empty when nothing waits.
    pub(super) fn take(&mut self) -> Vec<Message> {
        let mut count = 0;
        let mut bytes = 0;
        for message in self.waiting.iter().take(self.bounds.batch_messages) {
            bytes += size(message);
            if count > 0 && bytes > self.bounds.batch_bytes {
                bytes -= size(message);
                break;
            }
            count += 1;
        }
        self.bytes -= bytes;
        self.state = State::Taking;
        self.waiting.drain(..count).collect()
    }

    /// Forgets all that waits; returns how many messages that were.
    pub(super) fn clear(&mut self) -> usize {
        let lost = self.waiting.len();
        *self = Self { bounds: self.bounds, ..Self::default() };
        lost
    }

    /// How many messages wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

fn size(message: &Message) -> usize {
    let entries: usize = message.entries.iter().map(|entry| entry.data.len() + OVERHEAD_BYTES).sum();
    OVERHEAD_BYTES + message.context.len() + message.snapshot.data.len() + entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::raft::wire::Entry;

    fn message(index: u64, bytes: usize) -> Message {
        let entry = Entry { data: vec![0; bytes].into(), ..Default::default() };
        Message { index, entries: vec![entry], ..Default::default() }
    }

    fn indices(batch: &[Message]) -> Vec<u64> {
        batch.iter().map(|message| message.index).collect()
    }

    fn small() -> Queue {
        Queue::with_bounds(Bounds { messages: 4, bytes: 10_000, batch_messages: 3, batch_bytes: 5_000 })
    }

    #[test]
    fn messages_leave_in_order_and_in_batches() {
        let mut queue = small();
        (0..4).for_each(|index| assert_eq!(queue.push(message(index, 1)), Pushed::Queued));
        assert_eq!(indices(&queue.take()), [0, 1, 2]);
        assert_eq!(indices(&queue.take()), [3]);
        assert!(queue.take().is_empty());
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn a_batch_is_bounded_in_bytes_too() {
        let mut queue = small();
        (0..3).for_each(|index| assert_eq!(queue.push(message(index, 2_000)), Pushed::Queued));
        assert_eq!(indices(&queue.take()), [0, 1]);
        assert_eq!(indices(&queue.take()), [2]);
    }

    #[test]
    fn what_has_no_room_is_dropped_and_told_once_until_something_is_sent() {
        let mut queue = small();
        (0..4).for_each(|index| assert_eq!(queue.push(message(index, 1)), Pushed::Queued));
        assert_eq!(queue.push(message(4, 1)), Pushed::DroppedFirst);
        assert_eq!(queue.push(message(5, 1)), Pushed::DroppedAgain);
        queue.take();
        (6..9).for_each(|index| assert_eq!(queue.push(message(index, 1)), Pushed::Queued));
        assert_eq!(queue.push(message(9, 1)), Pushed::DroppedFirst);
        assert_eq!(queue.clear(), 4);
        assert_eq!(queue.push(message(10, 9_000)), Pushed::Queued);
        assert_eq!(queue.push(message(11, 9_000)), Pushed::DroppedFirst);
    }

    #[test]
    fn a_message_above_all_bounds_goes_alone() {
        let mut queue = small();
        assert_eq!(queue.push(message(0, 100_000)), Pushed::Queued);
        assert_eq!(queue.push(message(1, 1)), Pushed::DroppedFirst);
        assert_eq!(indices(&queue.take()), [0]);
        assert_eq!(queue.bytes, 0);
    }
}
