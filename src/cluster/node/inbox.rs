//! What waits for the core thread.
//!
//! What clients want changed waits apart, in a fair queue, until there is room for it among what is on its way through the
//! log: what is there already is in the order of the log, and no turn can be taken any more.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::waiting::{Answer, ChangeAnswer};
use crate::cluster::disk::wal::WalError;
use crate::cluster::etcd::admission::{Class, FairQueue, Identity};
use crate::cluster::raft::wire::{Message, SnapshotMetadata};
use crate::cluster::raft::{MemberId, ProposalId, Reconfiguration};
use crate::cluster::store::request::Command;

/// How many questions and changes of the member's own may wait for the core thread.
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
    clients: FairQueue<Letter>,
    asleep: Option<Asleep>,
    closed: bool,
}

/// What the core thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asleep {
    /// Anything.
    Empty,
    /// Anything but clients: there is no room for what they want.
    Sated,
}

/// How much of what clients want the core can take now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Changes.
    pub requests: usize,
    /// Bytes; the last change may be longer.
    pub bytes: u64,
}

impl Room {
    /// Whether there is any.
    pub fn is_left(self) -> bool {
        self.requests > 0 && self.bytes > 0
    }
}

/// Why a letter was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Too much waits.
    Full,
    /// Too much of this client, or of all, waits in this class.
    NoRoom(Class),
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

    /// Adds what a client wants changed, so many bytes.
    ///
    /// # Errors
    /// When there is no room for it, or the core has ended.
    pub fn ask_in_turn(
        &self,
        letter: Letter,
        identity: &Identity,
        class: Class,
        bytes: usize,
    ) -> Result<(), Returned> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Returned::Closed);
        }
        let pushed = waiting.clients.push(identity, class, bytes as u64, letter);
        let wakes = pushed.is_ok() && waiting.asleep.take_if(|asleep| *asleep == Asleep::Empty).is_some();
        drop(waiting);
        if wakes {
            self.filled.notify_one();
        }
        pushed.map_err(|_| Returned::NoRoom(class))
    }

    /// Adds a letter that is always taken; without effect once the core has ended.
    pub fn tell(&self, letter: Letter) {
        let waiting = self.lock();
        if !waiting.closed {
            self.add(waiting, letter);
        }
    }

    /// How much of clients waits in each class, as in [`Class::ALL`].
    pub fn queued(&self) -> [usize; Class::ALL.len()] {
        self.lock().clients.depths()
    }

    fn add(&self, mut waiting: MutexGuard<'_, Waiting>, letter: Letter) {
        waiting.letters.push(letter);
        let wakes = waiting.asleep.take().is_some();
        drop(waiting);
        if wakes {
            self.filled.notify_one();
        }
    }

    /// Takes all letters into `into`, which is empty, and as many of clients as there is room for; waits so long for the
    /// first.
    pub fn take(&self, into: &mut Vec<Letter>, room: Room, patience: Duration) {
        let mut waiting = self.lock();
        if waiting.has_nothing(room) && !patience.is_zero() {
            waiting.asleep = Some(if room.is_left() { Asleep::Empty } else { Asleep::Sated });
            let waited =
                self.filled.wait_timeout_while(waiting, patience, |waiting| waiting.has_nothing(room));
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
            waiting.asleep = None;
        }
        std::mem::swap(&mut waiting.letters, into);
        waiting.take_clients(into, room);
    }

    /// Takes nothing any more, and drops what waits: who waits for answers is told so by that.
    pub fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        let left = (std::mem::take(&mut waiting.letters), std::mem::take(&mut waiting.clients));
        drop(waiting);
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn has_nothing(&self, room: Room) -> bool {
        self.letters.is_empty() && (self.clients.is_empty() || !room.is_left())
    }

    /// What nobody waits for any more is left out: its client has gone, or was told that it took too long.
    fn take_clients(&mut self, into: &mut Vec<Letter>, mut room: Room) {
        while room.is_left()
            && let Some((bytes, letter)) = self.clients.pop()
        {
            if matches!(&letter, Letter::Propose { answer, .. } if answer.is_closed()) {
                continue;
            }
            room.requests -= 1;
            room.bytes = room.bytes.saturating_sub(bytes);
            into.push(letter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::etcd::admission::Source;
    use crate::cluster::store::id::Revision;
    use crate::cluster::store::request::Change;

    const NOW: Duration = Duration::ZERO;

    fn room(requests: usize) -> Room {
        Room { requests, bytes: 1 << 20 }
    }

    fn host(number: u32) -> Identity {
        Identity::At(Source::V4(number.into()))
    }

    /// Asks for a change with that number; who waits for its answer.
    fn ask(inbox: &Inbox, from: u32, number: u64) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        let change = Change::Compact { revision: Revision(1) };
        let command = Box::new(Command { id: number, caller: None, change });
        let letter = Letter::Propose { id: ProposalId(number), data: Bytes::new(), command, answer };
        inbox.ask_in_turn(letter, &host(from), Class::Normal, 100).unwrap();
        answered
    }

    fn taken(inbox: &Inbox, room: Room) -> Vec<u64> {
        let mut letters = Vec::new();
        inbox.take(&mut letters, room, NOW);
        let number = |letter: &Letter| match letter {
            Letter::Propose { id, .. } => id.0,
            _ => 0,
        };
        letters.iter().map(number).collect()
    }

    #[test]
    fn no_more_of_clients_is_taken_than_there_is_room_for_and_all_else_is() {
        let inbox = Inbox::default();
        let _waiting: Vec<_> = (1..=5).map(|number| ask(&inbox, 1, number)).collect();
        inbox.tell(Letter::Read);
        assert_eq!(taken(&inbox, room(2)), [0, 1, 2]);
        assert!(taken(&inbox, room(0)).is_empty());
        assert_eq!(taken(&inbox, Room { requests: 9, bytes: 1 }), [3]);
        assert_eq!(inbox.queued(), [0, 2, 0]);
        assert_eq!(taken(&inbox, room(9)), [4, 5]);
    }

    #[test]
    fn whoever_comes_behind_a_flood_is_taken_before_the_rest_of_it() {
        let inbox = Inbox::default();
        let mut waiting: Vec<_> = (1..=1_000).map(|number| ask(&inbox, 1, number)).collect();
        waiting.push(ask(&inbox, 2, 5_000));
        let first = taken(&inbox, room(100));
        assert!(first.contains(&5_000), "{first:?}");
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_left_out() {
        let inbox = Inbox::default();
        drop(ask(&inbox, 1, 1));
        let _waits = ask(&inbox, 1, 2);
        assert_eq!(taken(&inbox, room(1)), [2]);
    }

    #[test]
    fn a_core_that_has_no_room_sleeps_until_something_else_comes() {
        let inbox = std::sync::Arc::new(Inbox::default());
        let _waits = ask(&inbox, 1, 1);
        let core = std::thread::spawn({
            let inbox = inbox.clone();
            move || {
                let mut letters = Vec::new();
                inbox.take(&mut letters, room(0), Duration::from_secs(60));
                letters.len()
            }
        });
        while inbox.lock().asleep.is_none() {
            std::thread::yield_now();
        }
        let _waits = ask(&inbox, 2, 2);
        assert_eq!(inbox.lock().asleep, Some(Asleep::Sated));
        inbox.tell(Letter::Read);
        assert_eq!(core.join().unwrap(), 1);
    }

    #[test]
    fn at_the_end_who_waits_is_told_so() {
        let inbox = Inbox::default();
        let mut waits = ask(&inbox, 1, 1);
        inbox.close();
        assert!(matches!(waits.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
    }
}
