//! Proposals on their way from a follower to its leader.
//!
//! A forwarded message says under which term it was made (`log_term`), in which life of its sender (`commit`) and as
//! which one (`index`), in fields that such a message leaves free. The leader takes it only in that term, and once:
//! a message that was late or came twice would else be a proposal that nobody waits for, or one applied twice.

use std::collections::{BTreeMap, VecDeque};

use super::{MemberId, wire};

/// What an entry costs in a message beside its content, at the most.
const ENTRY_BYTES: u64 = 64;

/// Numbers what is sent on.
#[derive(Debug)]
pub(super) struct Sender {
    id: MemberId,
    boot: u64,
    number: u64,
}

impl Sender {
    pub(super) fn new(id: MemberId, boot: u64) -> Self {
        Self { id, boot, number: 0 }
    }

    /// Messages of about `most` bytes each that carry these proposals to a leader.
    pub(super) fn messages(
        &mut self,
        leader: MemberId,
        term: u64,
        entries: Vec<wire::Entry>,
        most: u64,
    ) -> Vec<wire::Message> {
        let mut messages: Vec<wire::Message> = Vec::new();
        let mut size = 0;
        for entry in entries {
            size += entry.data.len() as u64 + ENTRY_BYTES;
            match messages.last_mut() {
                Some(message) if size <= most => message.entries.push(entry),
                _ => {
                    size = entry.data.len() as u64 + ENTRY_BYTES;
                    messages.push(self.message(leader, term, entry));
                }
            }
        }
        messages
    }

    fn message(&mut self, leader: MemberId, term: u64, entry: wire::Entry) -> wire::Message {
        self.number += 1;
        wire::Message {
            r#type: wire::MessageType::Prop.into(),
            to: leader.0,
            from: self.id.0,
            log_term: term,
            index: self.number,
            commit: self.boot,
            entries: vec![entry],
            ..Default::default()
        }
    }
}

/// Lives of a peer, in one term, of which it is known what was taken.
const LIVES: usize = 16;

/// Which of a peer's messages were taken in one of its lives: the newest, and the 127 before it, bit by bit.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    boot: u64,
    newest: u64,
    seen: u128,
}

impl Window {
    fn take(&mut self, number: u64) -> bool {
        if number > self.newest {
            let shift = u32::try_from(number - self.newest).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
            self.newest = number;
            return true;
        }
        let Some(bit) = u32::try_from(self.newest - number).ok().and_then(|age| 1_u128.checked_shl(age))
        else {
            return false;
        };
        let new = self.seen & bit == 0;
        self.seen |= bit;
        new
    }
}

/// What a leader took from its peers in its term.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    term: u64,
    /// Of each peer its lives, the newest last. An earlier one is not forgotten: it may still be heard of.
    windows: BTreeMap<u64, VecDeque<Window>>,
}

impl Receiver {
    /// Whether a message that arrives in `term` is new and was meant for it.
    pub(super) fn take(&mut self, message: &wire::Message, term: u64) -> bool {
        if message.log_term != term {
            return false;
        }
        if self.term != term {
            *self = Self { term, windows: BTreeMap::new() };
        }
        let boot = message.commit;
        let lives = self.windows.entry(message.from).or_default();
        if !lives.iter().any(|life| life.boot == boot) {
            if lives.len() == LIVES {
                lives.pop_front();
            }
            lives.push_back(Window { boot, ..Window::default() });
        }
        let life = lives.iter_mut().find(|life| life.boot == boot);
        life.is_some_and(|life| life.take(message.index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize) -> wire::Entry {
        wire::Entry { data: vec![0; bytes].into(), ..Default::default() }
    }

    #[test]
    fn a_message_is_taken_once_and_in_its_term_only() {
        let mut sender = Sender::new(MemberId(1), 7);
        let message = sender.messages(MemberId(2), 5, vec![entry(1)], 100).remove(0);
        let mut receiver = Receiver::default();
        assert!(!receiver.take(&message, 4));
        assert!(receiver.take(&message, 5));
        assert!(!receiver.take(&message, 5));
        assert!(!receiver.take(&message, 6));
    }

    #[test]
    fn messages_may_overtake_one_another() {
        let mut window = Window::default();
        assert!(window.take(5));
        assert!(window.take(3));
        assert!(!window.take(3));
        assert!(window.take(500));
        assert!(!window.take(5), "what is too old to be remembered is not taken");
    }

    #[test]
    fn a_message_from_a_peers_earlier_life_is_not_taken_again() {
        let mut receiver = Receiver::default();
        let mut take = |boot| {
            let message =
                Sender::new(MemberId(1), boot).messages(MemberId(2), 5, vec![entry(1)], 100).remove(0);
            receiver.take(&message, 5)
        };
        assert!(take(7));
        assert!(take(8));
        assert!(!take(7));
        assert!(!take(8));
    }

    #[test]
    fn long_proposals_are_sent_in_several_messages() {
        let mut sender = Sender::new(MemberId(1), 7);
        let messages = sender.messages(MemberId(2), 5, vec![entry(100), entry(100), entry(1000)], 400);
        let counts: Vec<_> = messages.iter().map(|message| (message.index, message.entries.len())).collect();
        assert_eq!(counts, [(1, 2), (2, 1)]);
    }
}
