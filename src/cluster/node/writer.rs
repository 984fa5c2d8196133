//! The thread that writes the log: all that waits is written, then synced once.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use super::inbox::{Inbox, Letter};
use crate::cluster::disk::wal::{SnapshotMark, Wal, WalError};
use crate::cluster::etcd::node::Vitals;
use crate::cluster::failpoints::failpoint;
use crate::cluster::raft::Save;
use crate::cluster::raft::wire::SnapshotMetadata;

/// How long to wait for room on a full disk before it is tried again.
const ROOM_PATIENCE: Duration = Duration::from_millis(200);

/// Something to write.
#[derive(Debug)]
pub enum Writing {
    /// What a replica wants saved.
    Save(Save),
    /// A snapshot is on disk: the log says so, and drops what it holds.
    Snapshot { metadata: SnapshotMetadata, bytes: u64 },
}

/// The thread's end for the core.
#[derive(Debug)]
pub struct Writer {
    sender: Sender<Writing>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Starts it.
    pub fn start(wal: Wal, inbox: Arc<Inbox>, vitals: Arc<Vitals>) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let builder = std::thread::Builder::new().name("mgmt-wal".into());
        let thread = builder.spawn(move || {
            let ending = Ending(inbox.clone());
            Pen { wal, inbox, vitals }.run(&receiver);
            drop(ending);
        })?;
        Ok(Self { sender, thread })
    }

    /// Hands something over.
    pub fn write(&self, writing: Writing) {
        // A thread that has ended has told the inbox why.
        let _ = self.sender.send(writing);
    }

    /// Waits until all that was handed over is written.
    pub fn finish(self) {
        drop(self.sender);
        if self.thread.join().is_err() {
            tracing::error!("the thread that writes the log panicked");
        }
    }
}

/// Without the thread that writes nothing can be promised: if it panics the member ends.
struct Ending(Arc<Inbox>);

impl Drop for Ending {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.tell(Letter::Stop);
        }
    }
}

struct Pen {
    wal: Wal,
    inbox: Arc<Inbox>,
    vitals: Arc<Vitals>,
}

impl Pen {
    fn run(mut self, receiver: &Receiver<Writing>) {
        while let Ok(first) = receiver.recv() {
            let mut batch = vec![first];
            batch.extend(receiver.try_iter());
            if let Err(error) = self.write_all(batch) {
                self.inbox.tell(Letter::LogFailed(error));
                return;
            }
        }
        if let Err(error) = self.wal.sync() {
            tracing::error!(%error, "the log could not be written to its end");
        }
    }

    fn write_all(&mut self, batch: Vec<Writing>) -> Result<(), WalError> {
        let mut number = None;
        let mut must_sync = false;
        for writing in batch {
            match writing {
                Writing::Save(save) => {
                    must_sync |= save.must_sync;
                    number = Some(save.number);
                    failpoint!(raftBeforeSave);
                    self.save(&save)?;
                }
                Writing::Snapshot { metadata, bytes } => {
                    self.with_room(|wal| wal.mark_snapshot(&mark(&metadata)))?;
                    self.wal.release_before(metadata.index)?;
                    failpoint!(raftAfterWALRelease);
                    self.inbox.tell(Letter::SnapshotMade { metadata, bytes });
                }
            }
        }
        if must_sync {
            let begun = Instant::now();
            self.wal.sync()?;
            self.vitals.synced(begun.elapsed());
        }
        if let Some(number) = number {
            failpoint!(raftAfterSave);
            self.inbox.tell(Letter::Persisted { number });
        }
        Ok(())
    }

    fn save(&mut self, save: &Save) -> Result<(), WalError> {
        if let Some(snapshot) = &save.snapshot {
            failpoint!(raftBeforeSaveSnap);
            self.with_room(|wal| wal.mark_snapshot(&mark(&snapshot.metadata)))?;
            failpoint!(raftAfterSaveSnap);
            let state = save.behind_snapshot();
            self.with_room(|wal| wal.append(state.as_ref(), &[]))?;
        }
        self.with_room(|wal| wal.append(save.hard_state.as_ref(), &save.entries))
    }

    /// Tries until there is room: nothing was promised meanwhile.
    fn with_room(&mut self, mut write: impl FnMut(&mut Wal) -> Result<(), WalError>) -> Result<(), WalError> {
        let mut told = false;
        loop {
            match write(&mut self.wal) {
                Err(WalError::Full { .. }) => {
                    if !std::mem::replace(&mut told, true) {
                        self.inbox.tell(Letter::LogFull(true));
                    }
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "no file system says when it has room again"
                    )]
                    std::thread::sleep(ROOM_PATIENCE);
                }
                written => {
                    if told {
                        self.inbox.tell(Letter::LogFull(false));
                    }
                    return written;
                }
            }
        }
    }
}

fn mark(metadata: &SnapshotMetadata) -> SnapshotMark {
    SnapshotMark { index: metadata.index, term: metadata.term, conf_state: Some(metadata.conf_state.clone()) }
}
