//! Reads that wait to be proved fresh.
//!
//! The leader answers with the index up to which all was committed when it was asked, once a majority has confirmed
//! that it still leads (Raft's thesis, 6.4). Nothing relies on clocks. A question gets lost when the leader has not
//! committed anything in its term yet, and with any message; so it is asked again. The answer to any of the questions
//! will do, as the read waits since before the first.

use std::collections::BTreeMap;

use super::{MemberId, Output, ReadId, Replica, wire};

/// Bytes of a question: member, boot, read.
const QUESTION_BYTES: usize = 24;

/// Own reads.
#[derive(Debug, Default)]
pub(super) struct Reads {
    asked: BTreeMap<ReadId, Asked>,
    /// Reads that may be done once this index is applied.
    proved: Vec<(u64, ReadId)>,
    /// Under which leader and term they were asked, and whether it could answer.
    under: (Option<MemberId>, u64, bool),
}

#[derive(Debug)]
struct Asked {
    since: u64,
    last: Option<u64>,
}

impl Replica {
    /// A client wants to read.
    pub(super) fn read(&mut self, id: ReadId, out: &mut Vec<Output>) {
        if self.reads.asked.len() >= self.settings.reads {
            out.push(Output::ReadFailed(id));
        } else {
            self.reads.asked.insert(id, Asked { since: self.now, last: None });
        }
    }

    /// Asks what must be asked, or asked again.
    pub(super) fn ask(&mut self, out: &mut Vec<Output>) {
        let raft = &self.raw.raft;
        let leader = self.leader();
        let leads = leader == Some(self.settings.id);
        let under = (leader, raft.term, !leads || raft.commit_to_current_term());
        let changed = self.reads.under != under;
        self.reads.under = under;
        let able = leader.is_some() && under.2;
        let mut due = Vec::new();
        let mut failed = Vec::new();
        for (id, asked) in &mut self.reads.asked {
            if self.now - asked.since >= self.settings.patience_ticks {
                failed.push(*id);
            } else if able
                && (changed
                    || asked.last.is_none_or(|last| self.now - last >= self.settings.read_again_ticks))
            {
                asked.last = Some(self.now);
                due.push(*id);
            }
        }
        for id in failed {
            self.reads.asked.remove(&id);
            out.push(Output::ReadFailed(id));
        }
        for id in due {
            self.raw.read_index(self.question(id));
        }
    }

    fn question(&self, id: ReadId) -> Vec<u8> {
        let words = [self.settings.id.0, self.settings.boot, id.0];
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// Which read a question was about, if it is one of this life's.
    fn questioned(&self, question: &[u8]) -> Option<ReadId> {
        let question: &[u8; QUESTION_BYTES] = question.try_into().ok()?;
        let id = ReadId(u64::from_be_bytes(question[16..].try_into().ok()?));
        (self.question(id) == question).then_some(id)
    }

    /// Raft has answered.
    pub(super) fn answered(&mut self, states: &[raft::ReadState]) {
        for state in states {
            if let Some(id) = self.questioned(&state.request_ctx)
                && self.reads.asked.remove(&id).is_some()
            {
                self.reads.proved.push((state.index, id));
            }
        }
    }

    /// Lets go the reads for which enough is applied.
    pub(super) fn serve_reads(&mut self, out: &mut Vec<Output>) {
        let applied = self.raw.raft.raft_log.applied;
        self.reads.proved.retain(|&(index, id)| {
            if index <= applied {
                out.push(Output::ReadReady { id, index });
            }
            index > applied
        });
    }

    /// Whether a peer's question is for this replica to answer: only a leader's; it would go round in circles.
    pub(super) fn answers(&self, message: &wire::Message) -> bool {
        message.r#type() != wire::MessageType::ReadIndex || self.leader() == Some(self.settings.id)
    }
}
