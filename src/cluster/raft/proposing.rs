//! Proposals: appended by a leader, sent on by a follower, refused at once by who knows no leader.

use raft::StateRole;
use raft::eraftpb::EntryType;

use super::{MemberId, Output, ProposalId, Refusal, Replica, convert, wire};

/// Where a proposal goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Standing {
    /// Into the log.
    Leader,
    /// To the leader.
    Follower(MemberId),
}

impl Replica {
    /// Who leads, as far as is known.
    pub fn leader(&self) -> Option<MemberId> {
        let raft = &self.raw.raft;
        // A voter stands for election when its leader is silent, and forgets it. A learner never does, and the `raft` crate
        // keeps its leader for ever: its clients would wait for one that has long gone.
        let is_lost = raft.state == StateRole::Follower && !raft.promotable() && raft.pass_election_timeout();
        Some(MemberId(raft.leader_id)).filter(|leader| leader.0 != 0 && !is_lost)
    }

    pub(super) fn standing(&self) -> Result<Standing, Refusal> {
        let raft = &self.raw.raft;
        match self.leader() {
            None => Err(Refusal::NoLeader),
            Some(_) if raft.state == StateRole::Leader => {
                if raft.lead_transferee.is_some() {
                    Err(Refusal::HandingOver)
                } else {
                    Ok(Standing::Leader)
                }
            }
            Some(leader) => Ok(Standing::Follower(leader)),
        }
    }

    /// A client wants something in the log; it is proposed with the others of this round.
    pub(super) fn propose(&mut self, id: ProposalId, data: bytes::Bytes, out: &mut Vec<Output>) {
        if self.proposals.len() + self.batch.len() >= self.settings.proposals {
            out.push(Output::Refused { id, why: Refusal::TooMany });
        } else {
            self.batch.push((id, wire::Entry { data, ..Default::default() }));
        }
    }

    /// Proposes all that was wanted since the last time.
    pub(super) fn propose_batch(&mut self, out: &mut Vec<Output>) {
        let (ids, entries): (Vec<ProposalId>, Vec<wire::Entry>) =
            std::mem::take(&mut self.batch).into_iter().unzip();
        if entries.is_empty() {
            return;
        }
        let proposed = match self.standing() {
            Err(why) => Err(why),
            Ok(Standing::Leader) => self.append(&entries),
            Ok(Standing::Follower(leader)) => {
                self.forward(leader, entries, out);
                Ok(())
            }
        };
        for id in ids {
            match proposed {
                Ok(()) => self.wait_for(id),
                Err(why) => out.push(Output::Refused { id, why }),
            }
        }
    }

    pub(super) fn wait_for(&mut self, id: ProposalId) {
        self.proposals.wait(id, self.raw.raft.term, self.now + self.settings.patience_ticks);
    }

    /// Into a leader's log. By hand, as the crate does it for a `MsgPropose`: that way it would parse a change of
    /// members by its protobuf, and know neither etcd's numbers of their kinds nor how to stop at nested groups.
    pub(super) fn append(&mut self, entries: &[wire::Entry]) -> Result<(), Refusal> {
        let mut made: Vec<_> = entries.iter().map(convert::entry_to_raft).collect();
        let raft = &mut self.raw.raft;
        if !raft.append_entry(&mut made) {
            return Err(Refusal::TooMany);
        }
        if let Some(change) = made.iter().rfind(|entry| entry.get_entry_type() != EntryType::EntryNormal) {
            raft.pending_conf_index = change.index;
        }
        raft.bcast_append();
        Ok(())
    }

    pub(super) fn forward(&mut self, leader: MemberId, entries: Vec<wire::Entry>, out: &mut Vec<Output>) {
        let term = self.raw.raft.term;
        let messages = self.sender.messages(leader, term, entries, self.settings.message_bytes);
        out.extend(messages.into_iter().map(Output::Send));
    }

    /// A follower's proposals. What cannot be taken is lost; the follower finds out as `proposals` says.
    pub(super) fn take_forwarded(&mut self, message: wire::Message) {
        let term = self.raw.raft.term;
        if !matches!(self.standing(), Ok(Standing::Leader)) || !self.receiver.take(&message, term) {
            return;
        }
        let mut entries: Vec<wire::Entry> = Vec::with_capacity(message.entries.len());
        for entry in message.entries {
            match wire::EntryType::try_from(entry.r#type) {
                Ok(wire::EntryType::Normal) => {
                    entries.push(wire::Entry { data: entry.data, ..Default::default() })
                }
                // A change is sent alone.
                Ok(wire::EntryType::ConfChange | wire::EntryType::ConfChangeV2) if entries.is_empty() => {
                    entries.extend(self.take_change(&entry));
                    break;
                }
                Ok(wire::EntryType::ConfChange | wire::EntryType::ConfChangeV2) | Err(_) => {}
            }
        }
        if !entries.is_empty()
            && let Err(why) = self.append(&entries)
        {
            tracing::debug!(from = message.from, %why, "a follower's proposals are lost");
        }
    }
}
