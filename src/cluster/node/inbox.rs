//! What waits for the core thread.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::waiting::{Answer, ChangeAnswer};
use crate::cluster::disk::wal::WalError;
use crate::cluster::raft::wire::{Message, SnapshotMetadata};
use crate::cluster::raft::{MemberId, ProposalId, Reconfiguration};
use crate::cluster::store::request::Command;

/// How many proposals and reads may wait for the core thread: past it, clients are told to come later.
const BOUND: usize = 32_768;

/// Something for the core thread.
#[derive(Debug)]
#[allow(missing_docs, reason = "the fields are what the letters say")]
pub enum Letter {
    /// A client wants a change.
    Propose { id: ProposalId, data: Bytes, command: Box<Command>, answer: oneshot::Sender<Answer> },
    /// A client wants another set of members.
    Change { change: Reconfiguration, answer: oneshot::Sender<ChangeAnswer> },
    /// Clients want to read what was agreed upon before now.
    Read,
    /// Leadership is to go to this member.
    Transfer { to: crate::cluster::store::id::MemberId },
    /// A peer says something; with a snapshot: that is in this file.
    Message { message: Message, file: Option<PathBuf> },
    /// What was sent last to this member is probably lost.
    Unreachable(MemberId),
    /// How sending a snapshot ended.
    SnapshotSent { to: MemberId, arrived: bool },
    /// The log is on disk up to this save.
    Persisted { number: u64 },
    /// The log cannot be written. The store ends.
    LogFailed(WalError),
    /// There is no room for the log: nothing is taken until there is.
    LogFull(bool),
    /// A snapshot is in its file.
    SnapshotWritten { metadata: SnapshotMetadata, bytes: u64 },
    /// The log says so, too.
    SnapshotMade { metadata: SnapshotMetadata, bytes: u64 },
    /// A snapshot could not be made.
    SnapshotFailed,
    /// A peer says that this member was removed. A leader that goes does not hear of it from the log.
    Removed,
    /// The member ends.
    Stop,
}

/// The letters. Messages of peers are bounded by the transport.
#[derive(Debug, Default)]
pub struct Inbox {
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    letters: Vec<Letter>,
    asleep: bool,
    closed: bool,
}

/// Why a letter was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Too much waits.
    Full,
    /// The core has ended.
    Closed,
}

impl Inbox {
    /// Adds a client's letter.
    pub fn ask(&self, letter: Letter) -> Result<(), Returned> {
        let waiting = self.lock();
        if waiting.closed {
            return Err(Returned::Closed);
        }
        if waiting.letters.len() >= BOUND {
            return Err(Returned::Full);
        }
        self.add(waiting, letter);
        Ok(())
    }

    /// Adds a letter that is always taken; without effect once the core has ended.
    pub fn tell(&self, letter: Letter) {
        let waiting = self.lock();
        if !waiting.closed {
            self.add(waiting, letter);
        }
    }

    fn add(&self, mut waiting: MutexGuard<'_, Waiting>, letter: Letter) {
        waiting.letters.push(letter);
        let asleep = std::mem::take(&mut waiting.asleep);
        drop(waiting);
        if asleep {
            self.filled.notify_one();
        }
    }

    /// Takes all letters into `into`, which is empty, waiting so long for the first.
    pub fn take(&self, into: &mut Vec<Letter>, patience: Duration) {
        let mut waiting = self.lock();
        if waiting.letters.is_empty() && !patience.is_zero() {
            waiting.asleep = true;
            let waited =
                self.filled.wait_timeout_while(waiting, patience, |waiting| waiting.letters.is_empty());
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
            waiting.asleep = false;
        }
        std::mem::swap(&mut waiting.letters, into);
    }

    /// Takes nothing any more, and drops what waits: who waits for answers is told so by that.
    pub fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        let left = std::mem::take(&mut waiting.letters);
        drop(waiting);
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
