//! When each member was last heard of.
//!
//! In ticks, as all time here: a process that was stopped makes one tick of what it missed, and does not take the others
//! for silent when it goes on.

use std::collections::BTreeMap;

use super::wire::{Message, MessageType};

/// What a replica heard, and when.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// The tick of each member's last message.
    last: BTreeMap<u64, u64>,
    /// Who led, as far as its messages said.
    leader: Option<u64>,
    /// Since when this replica leads: before, only a leader had reason to speak to it.
    since: u64,
}

impl Hearing {
    /// A message arrived, in a term and at a tick of this replica.
    pub(super) fn heard(&mut self, message: &Message, term: u64, now: u64) {
        // A transfer that is passed on bears its aim as sender.
        if message.r#type() == MessageType::TransferLeader {
            return;
        }
        self.last.insert(message.from, now);
        let leads = matches!(message.r#type(), MessageType::App | MessageType::Heartbeat | MessageType::Snap);
        if leads && message.term >= term {
            self.leader = Some(message.from);
        }
    }

    /// From now on this replica leads. The one that led before has been silent since its last message; of the others
    /// nothing was to be heard before now.
    pub(super) fn lead(&mut self, now: u64) {
        let before = self.leader.take();
        self.last.retain(|member, _| Some(*member) == before);
        self.since = now;
    }

    /// For how many ticks a member has been silent, as a leader counts it.
    pub(super) fn silence(&self, member: u64, now: u64) -> u64 {
        now - self.last.get(&member).copied().unwrap_or(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: MessageType, from: u64, term: u64) -> Message {
        Message { r#type: kind.into(), from, term, ..Default::default() }
    }

    #[test]
    fn a_members_silence_begins_with_its_last_message() {
        let mut hearing = Hearing::default();
        hearing.lead(0);
        hearing.heard(&message(MessageType::HeartbeatResp, 2, 1), 1, 7);
        assert_eq!((hearing.silence(2, 7), hearing.silence(2, 10), hearing.silence(3, 10)), (0, 3, 10));
    }

    #[test]
    fn a_new_leader_counts_its_predecessors_silence_from_the_last_heartbeat_and_that_of_others_from_now() {
        let mut hearing = Hearing::default();
        hearing.heard(&message(MessageType::VoteResp, 3, 1), 1, 1);
        hearing.heard(&message(MessageType::Heartbeat, 1, 1), 1, 5);
        hearing.lead(20);
        assert_eq!((hearing.silence(1, 21), hearing.silence(3, 21)), (16, 1));
    }

    #[test]
    fn a_message_of_an_old_term_makes_nobody_the_predecessor() {
        let mut hearing = Hearing::default();
        hearing.heard(&message(MessageType::Heartbeat, 1, 2), 2, 5);
        hearing.heard(&message(MessageType::Heartbeat, 3, 1), 2, 6);
        hearing.lead(20);
        assert_eq!((hearing.silence(1, 20), hearing.silence(3, 20)), (15, 0));
    }

    #[test]
    fn a_leader_that_leads_again_begins_anew() {
        let mut hearing = Hearing::default();
        hearing.lead(1);
        hearing.heard(&message(MessageType::HeartbeatResp, 2, 1), 1, 2);
        hearing.lead(50);
        assert_eq!(hearing.silence(2, 51), 1);
    }
}
