//! Who waits for the core's answers.

use std::collections::HashMap;

use tokio::sync::oneshot;

use super::inbox::Room;
use crate::cluster::etcd::node::NodeError;
use crate::cluster::raft::ProposalId;
use crate::cluster::store::reply::Applied;
use crate::cluster::store::request::Command;

/// How much of what this member proposes is on its way through the log at a time, before what its clients want waits: as
/// much as keeps a log busy whose sync takes 20 ms, or a leader 200 ms away (20,000 changes a second, 40 MB/s).
const ON_ITS_WAY: Room = Room { requests: 4_096, bytes: 8 << 20 };
/// And how much of it is proposed in one round: while one half is being synced, the other comes up behind it.
const IN_ONE_ROUND: Room = Room { requests: 2_048, bytes: 4 << 20 };

/// To a change of the store.
pub type Answer = Result<Applied, NodeError>;
/// To a change of the members.
pub type ChangeAnswer = Result<(), NodeError>;

/// Someone who waits for a proposal.
#[derive(Debug)]
pub enum Waiter {
    /// For a change of the store, which is kept so that it need not be read out of the log again.
    Command(Box<Command>, oneshot::Sender<Answer>),
    /// For a change of the members.
    Change(oneshot::Sender<ChangeAnswer>),
}

/// All who wait, by what they wait for, with its bytes.
#[derive(Debug, Default)]
pub struct Waiting {
    waiters: HashMap<ProposalId, (Waiter, u64)>,
    bytes: u64,
}

impl Waiting {
    /// Someone begins to wait for a proposal of so many bytes.
    pub fn add(&mut self, id: ProposalId, waiter: Waiter, bytes: usize) {
        let bytes = bytes as u64;
        self.bytes += bytes;
        if let Some((_, replaced)) = self.waiters.insert(id, (waiter, bytes)) {
            self.bytes -= replaced;
        }
    }

    /// Who waits for this.
    pub fn take(&mut self, id: ProposalId) -> Option<Waiter> {
        let (waiter, bytes) = self.waiters.remove(&id)?;
        self.bytes -= bytes;
        Some(waiter)
    }

    /// How much more of what clients want may be proposed now.
    pub fn room(&self) -> Room {
        Room {
            requests: ON_ITS_WAY.requests.saturating_sub(self.waiters.len()).min(IN_ONE_ROUND.requests),
            bytes: ON_ITS_WAY.bytes.saturating_sub(self.bytes).min(IN_ONE_ROUND.bytes),
        }
    }

    /// Tells who waits for this that nothing will come of it, or that nobody knows.
    pub fn fail(&mut self, id: ProposalId, error: NodeError) {
        // Whoever waited may have gone.
        match self.take(id) {
            Some(Waiter::Command(_, answer)) => drop(answer.send(Err(error))),
            Some(Waiter::Change(answer)) => drop(answer.send(Err(error))),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_again_for_what_is_settled() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.room(), IN_ONE_ROUND);
        for id in 0..3 {
            waiting.add(ProposalId(id), Waiter::Change(oneshot::channel().0), 3 << 20);
        }
        assert!(!waiting.room().is_left());
        waiting.fail(ProposalId(1), NodeError::Timeout);
        assert!(waiting.take(ProposalId(1)).is_none());
        assert_eq!(waiting.room(), Room { requests: IN_ONE_ROUND.requests, bytes: 2 << 20 });
        waiting.take(ProposalId(2)).unwrap();
        assert_eq!(waiting.room(), IN_ONE_ROUND);
    }
}
