//! Reads that wait to be proved fresh: one proof serves all who came before it was asked for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use super::inbox::{Inbox, Letter, Returned};
use crate::cluster::etcd::node::NodeError;
use crate::cluster::raft::ReadId;

/// Who waits: it is told when the state machine is new enough.
type Reader = oneshot::Sender<Result<(), NodeError>>;

/// Readers who wait for a proof.
#[derive(Debug, Default)]
pub struct Barrier {
    /// Came since the last proof was asked for.
    next: Mutex<Vec<Reader>>,
}

impl Barrier {
    /// Waits until all that was agreed upon before the call is applied here.
    pub async fn pass(&self, inbox: &Inbox) -> Result<(), NodeError> {
        let (reader, answer) = oneshot::channel();
        let first = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            next.push(reader);
            next.len() == 1
        };
        if first {
            match inbox.ask(Letter::Read) {
                Ok(()) => {}
                Err(returned) => {
                    let error = if returned == Returned::Full {
                        NodeError::TooManyRequests
                    } else {
                        NodeError::Stopped
                    };
                    self.take();
                    return Err(error);
                }
            }
        }
        answer.await.unwrap_or(Err(NodeError::Stopped))
    }

    /// Those who have come.
    pub fn take(&self) -> Vec<Reader> {
        std::mem::take(&mut *self.next.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Readers whose proof was asked for, by the question.
#[derive(Debug, Default)]
pub struct Asked {
    readers: HashMap<ReadId, Vec<Reader>>,
    last: u64,
}

impl Asked {
    /// A question for these readers.
    pub fn ask(&mut self, readers: Vec<Reader>) -> ReadId {
        self.last += 1;
        let id = ReadId(self.last);
        self.readers.insert(id, readers);
        id
    }

    /// Answers a question.
    pub fn answer(&mut self, id: ReadId, result: impl Fn() -> Result<(), NodeError>) {
        for reader in self.readers.remove(&id).unwrap_or_default() {
            // Whoever waited may have gone.
            let _ = reader.send(result());
        }
    }
}
