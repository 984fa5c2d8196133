//! The way of a member's messages into a connection.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::queue::{Pushed, Queue};
use crate::cluster::raft::wire::{Message, MessageType};

/// How much a message is in a hurry. Each has a connection of its own, so that neither what is large nor a receiver
/// that is slow with it ever delays a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Heartbeats, votes, answers.
    Prompt,
    /// What carries entries. Appends without any are among them: one that overtakes another is refused.
    Bulk,
}

impl Urgency {
    pub(super) fn of(message: &Message) -> Self {
        match message.r#type() {
            MessageType::App | MessageType::Prop => Self::Bulk,
            _ => Self::Prompt,
        }
    }
}

/// A queue that can be waited for.
#[derive(Debug, Default)]
pub(super) struct Lane {
    queue: Mutex<Queue>,
    filled: Notify,
}

impl Lane {
    pub(super) fn push(&self, message: Message) -> Pushed {
        let pushed = self.queue().push(message);
        self.filled.notify_one();
        pushed
    }

    /// Waits for messages.
    pub(super) async fn take(&self) -> Vec<Message> {
        loop {
            let batch = self.queue().take();
            if !batch.is_empty() {
                return batch;
            }
            self.filled.notified().await;
        }
    }

    /// See [`Queue::clear`].
    pub(super) fn clear(&self) -> usize {
        self.queue().clear()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.queue().len()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing in it can panic between two of its fields.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_keep_their_order_and_stay_out_of_the_way_of_the_rest() {
        let urgency = |kind: MessageType| Urgency::of(&Message { r#type: kind.into(), ..Default::default() });
        for kind in [MessageType::Heartbeat, MessageType::Vote, MessageType::AppResp, MessageType::ReadIndex]
        {
            assert_eq!(urgency(kind), Urgency::Prompt);
        }
        assert_eq!(urgency(MessageType::App), Urgency::Bulk);
        assert_eq!(urgency(MessageType::Prop), Urgency::Bulk);
    }
}
