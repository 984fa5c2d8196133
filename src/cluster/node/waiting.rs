//! Who waits for the core's answers.

use std::collections::HashMap;

use tokio::sync::oneshot;

use crate::cluster::etcd::node::NodeError;
use crate::cluster::raft::ProposalId;
use crate::cluster::store::reply::Applied;
use crate::cluster::store::request::Command;

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

/// All who wait, by what they wait for.
#[derive(Debug, Default)]
pub struct Waiting {
    waiters: HashMap<ProposalId, Waiter>,
}

impl Waiting {
    /// Someone begins to wait.
    pub fn add(&mut self, id: ProposalId, waiter: Waiter) {
        self.waiters.insert(id, waiter);
    }

    /// Who waits for this.
    pub fn take(&mut self, id: ProposalId) -> Option<Waiter> {
        self.waiters.remove(&id)
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
