//! The log as its one writer has it.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::device::Device;
use super::encoder::Encoder;
use super::error::WalError;
use super::name::SegmentName;
use super::segment::Ahead;
use super::{SnapshotMark, UNSYNCED};
use crate::cluster::disk::durable::DirLock;
use crate::cluster::failpoints::failpoint;
use crate::cluster::raft::wire::{Entry, HardState, WalMetadata};

/// Whether the log may be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Sound,
    /// A sync failed, or a half written batch could not be taken back.
    Closed,
}

/// A log that is written to. One thread has it.
#[derive(Debug)]
pub struct Wal {
    pub(super) lock: DirLock,
    pub(super) device: Arc<dyn Device>,
    pub(super) segment_bytes: u64,
    pub(super) ahead: Ahead,
    pub(super) metadata: WalMetadata,
    pub(super) names: VecDeque<SegmentName>,
    pub(super) tail: Tail,
    pub(super) encoder: Encoder,
    pub(super) state: HardState,
    pub(super) last_index: u64,
    health: Health,
}

/// The newest segment.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// Where the next record goes.
    pub(super) offset: u64,
    /// Bytes before that, which no sync has covered.
    pub(super) unsynced: usize,
}

/// All that a log is made of when it is opened.
pub(super) struct Parts {
    pub(super) lock: DirLock,
    pub(super) device: Arc<dyn Device>,
    pub(super) segment_bytes: u64,
    pub(super) metadata: WalMetadata,
    pub(super) names: VecDeque<SegmentName>,
    pub(super) tail: Tail,
    pub(super) crc: u32,
    pub(super) state: HardState,
    pub(super) last_index: u64,
}

impl Wal {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { lock, device, segment_bytes, metadata, names, tail, crc, state, last_index } = parts;
        let ahead = Ahead::new(lock.path(), segment_bytes, Arc::clone(&device));
        let encoder = Encoder::new(crc);
        let health = Health::Sound;
        Self { lock, device, segment_bytes, ahead, metadata, names, tail, encoder, state, last_index, health }
    }

    /// Where the log is.
    pub fn dir(&self) -> &Path {
        self.lock.path()
    }

    /// Whose log it is.
    pub fn metadata(&self) -> &WalMetadata {
        &self.metadata
    }

    /// The segments, oldest first.
    pub fn segments(&self) -> impl Iterator<Item = SegmentName> + '_ {
        self.names.iter().copied()
    }

    /// Writes entries, then the hard state when it changed. They survive a crash only after [`Self::sync`].
    ///
    /// # Errors
    /// [`WalError::Full`] and [`WalError::File`] leave the log as it was, and the call may be repeated;
    /// [`WalError::Sync`] and [`WalError::Closed`] are final.
    pub fn append<'a>(
        &mut self,
        state: Option<&HardState>,
        entries: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<(), WalError> {
        self.ready()?;
        let before = (self.tail.offset, self.encoder.crc());
        let mut last_index = self.last_index;
        for entry in entries {
            self.encoder.entry(entry);
            last_index = entry.index;
            if self.encoder.bytes().len() >= UNSYNCED {
                self.flush(before)?;
                self.sync()?;
            }
        }
        if let Some(state) = state {
            self.encoder.state(state);
        }
        self.flush(before)?;
        self.last_index = last_index;
        self.state = state.copied().unwrap_or(self.state);
        if self.tail.offset >= self.segment_bytes / 2 {
            self.ahead.begin();
        }
        Ok(())
    }

    /// Makes what was appended survive a crash. Nothing may be promised before that.
    ///
    /// # Errors
    /// [`WalError::Sync`], after which the log is closed: the system may have forgotten what it could not write.
    pub fn sync(&mut self) -> Result<(), WalError> {
        self.still_sound()?;
        if self.tail.unsynced == 0 {
            return Ok(());
        }
        failpoint!(walBeforeSync);
        if let Err(source) = self.device.sync(&self.tail.file) {
            self.health = Health::Closed;
            return Err(WalError::Sync { path: self.tail.path.clone(), source });
        }
        failpoint!(walAfterSync);
        self.tail.unsynced = 0;
        Ok(())
    }

    /// Notes, and syncs, that a snapshot is on disk. etcd wants its members too when the index is above 0.
    ///
    /// # Errors
    /// As [`Self::append`] and [`Self::sync`].
    pub fn mark_snapshot(&mut self, mark: &SnapshotMark) -> Result<(), WalError> {
        self.ready()?;
        let before = (self.tail.offset, self.encoder.crc());
        self.encoder.snapshot(mark);
        self.flush(before)?;
        self.last_index = self.last_index.max(mark.index);
        self.sync()
    }

    /// Removes the segments that are not needed to start from a snapshot of that index; how many it were.
    ///
    /// # Errors
    /// When one cannot be removed; older ones are gone then.
    pub fn release_before(&mut self, index: u64) -> Result<usize, WalError> {
        let holding = self.names.iter().rposition(|name| name.index <= index).unwrap_or(0);
        for _ in 0..holding {
            let Some(name) = self.names.front() else { break };
            let path = self.lock.path().join(name.to_string());
            std::fs::remove_file(&path).map_err(|source| WalError::file("remove", &path, source))?;
            self.names.pop_front();
        }
        if holding > 0 {
            self.lock.sync().map_err(|source| WalError::file("sync", self.lock.path(), source))?;
        }
        Ok(holding)
    }

    fn still_sound(&self) -> Result<(), WalError> {
        match self.health {
            Health::Sound => Ok(()),
            Health::Closed => Err(WalError::Closed { dir: self.lock.path().to_owned() }),
        }
    }

    /// Before a write: there is a segment with room, and little that is not synced (recovery relies on it).
    fn ready(&mut self) -> Result<(), WalError> {
        self.still_sound()?;
        if self.tail.offset >= self.segment_bytes {
            self.rotate()?;
        }
        if self.tail.unsynced >= UNSYNCED { self.sync() } else { Ok(()) }
    }

    /// Writes what is encoded. When that fails, all behind `before` (offset and checksum) is taken back.
    fn flush(&mut self, before: (u64, u32)) -> Result<(), WalError> {
        let bytes = self.encoder.bytes();
        match self.device.write(&self.tail.file, bytes, self.tail.offset) {
            Ok(()) => {
                self.tail.offset += bytes.len() as u64;
                self.tail.unsynced += bytes.len();
                self.encoder.clear();
                Ok(())
            }
            Err(source) => {
                let failed = WalError::file("write", &self.tail.path, source);
                self.take_back(before);
                Err(failed)
            }
        }
    }

    fn take_back(&mut self, (offset, crc): (u64, u32)) {
        self.encoder.rewind(crc);
        self.tail.offset = offset;
        if self.device.cut(&self.tail.file, offset).is_err() {
            self.health = Health::Closed;
            return;
        }
        // The cut is to be covered by the next sync; the room may be had again or not.
        self.tail.unsynced = self.tail.unsynced.max(1);
        let _ = self.device.reserve(&self.tail.file, self.segment_bytes);
    }

    /// Goes on in a new segment. Until it has its name, a failure leaves all as it was.
    fn rotate(&mut self) -> Result<(), WalError> {
        let file = self.ahead.take()?;
        let name = SegmentName {
            sequence: self.names.back().map_or(0, |name| name.sequence + 1),
            index: self.last_index.saturating_add(1),
        };
        let mut encoder = Encoder::new(self.encoder.crc());
        encoder.checksum();
        encoder.metadata(&self.metadata);
        if self.state != HardState::default() {
            encoder.state(&self.state);
        }
        let offset = encoder.bytes().len() as u64;
        if let Err(source) = self.device.write(&file, encoder.bytes(), 0) {
            self.ahead.discard();
            return Err(WalError::file("write", self.ahead.path(), source));
        }
        encoder.clear();
        // What was reserved and not used; then all of the old one is on disk before the new one is there.
        if let Err(source) = self.device.cut(&self.tail.file, self.tail.offset) {
            self.ahead.discard();
            return Err(WalError::file("cut", &self.tail.path, source));
        }
        self.tail.unsynced = self.tail.unsynced.max(1);
        self.sync()?;
        let path = self.lock.path().join(name.to_string());
        self.enter(&file, &path)?;
        self.tail = Tail { file, path, offset, unsynced: 0 };
        self.encoder = encoder;
        self.names.push_back(name);
        Ok(())
    }

    /// Gives the prepared segment its name. From here on a failure is final: nobody knows what a crash would leave.
    fn enter(&mut self, file: &File, path: &Path) -> Result<(), WalError> {
        let entered = self
            .device
            .sync(file)
            .and_then(|()| std::fs::rename(self.ahead.path(), path))
            .and_then(|()| self.lock.sync());
        entered.map_err(|source| {
            self.health = Health::Closed;
            WalError::Sync { path: path.to_owned(), source }
        })
    }
}
