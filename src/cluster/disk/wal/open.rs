//! Logs are made and opened.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::device::{Device, Kernel};
use super::encoder::Encoder;
use super::error::WalError;
use super::log::{Parts, Tail, Wal};
use super::name::SegmentName;
use super::replay::{Place, Replay, SegmentEnd, Wanted};
use super::{SEGMENT_BYTES, SnapshotMark, segment};
use crate::cluster::disk::durable::{self, DirLock};
use crate::cluster::raft::wire::{Entry, HardState, WalMetadata, WalSnapshot};

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// A segment above this is finished, in bytes.
    pub segment_bytes: u64,
    /// What it is written to.
    pub device: Arc<dyn Device>,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: SEGMENT_BYTES, device: Arc::new(Kernel) }
    }
}

/// What a log knew when it was opened.
#[derive(Debug)]
pub struct Recovered {
    /// Whose log it is.
    pub metadata: WalMetadata,
    /// The snapshots that it knows and that are committed, oldest first.
    pub marks: Vec<SnapshotMark>,
    /// The last hard state.
    pub state: HardState,
    /// The entries after the snapshot, without a gap.
    pub entries: Vec<Entry>,
    /// What a crash had left behind the last record.
    pub cut: Option<Cut>,
}

impl Recovered {
    /// Refuses another member's log.
    ///
    /// # Errors
    /// When it is not that of `expected`.
    pub fn expect(&self, expected: &WalMetadata) -> Result<(), WalError> {
        if self.metadata == *expected {
            return Ok(());
        }
        Err(WalError::Identity { expected: *expected, found: self.metadata })
    }
}

/// A torn tail that was cut: a write that nobody was promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment.
    pub path: PathBuf,
    /// Where its records end now.
    pub offset: u64,
    /// How long the tail was, in bytes.
    pub length: u64,
    /// Whole records were behind the tear. A crash may do that, a bad disk too: worth a warning.
    pub intact_after: bool,
}

impl Wal {
    /// Makes a log in a directory that does not exist, or is empty. It is there whole or not at all.
    ///
    /// # Errors
    /// When there is one already, or the system refuses.
    pub fn create(dir: &Path, metadata: WalMetadata) -> Result<Self, WalError> {
        Self::create_with(dir, metadata, Options::default())
    }

    /// As [`Self::create`].
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_with(dir: &Path, metadata: WalMetadata, options: Options) -> Result<Self, WalError> {
        let Options { segment_bytes, device } = options;
        match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Ok(false) => return Err(WalError::Exists { dir: dir.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(WalError::file("list", dir, source)),
        }
        let scratch = dir.with_extension("tmp");
        let failed = |source| WalError::file("make", &scratch, source);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&scratch).map_err(failed)?;
        let mut lock = DirLock::take(&scratch)?;
        for left in fs::read_dir(&scratch).map_err(failed)? {
            fs::remove_file(left.map_err(failed)?.path()).map_err(failed)?;
        }

        let name = SegmentName { sequence: 0, index: 0 };
        let path = scratch.join(name.to_string());
        let file = segment::make(&*device, &path, segment_bytes)?;
        let mut encoder = Encoder::new(0);
        encoder.checksum();
        encoder.metadata(&metadata);
        // Where etcd starts from when there is no snapshot.
        encoder.snapshot(&WalSnapshot::default());
        device.write(&file, encoder.bytes(), 0).map_err(|source| WalError::file("write", &path, source))?;
        let offset = encoder.bytes().len() as u64;
        device.sync(&file).map_err(|source| WalError::Sync { path: path.clone(), source })?;
        lock.sync().map_err(|source| WalError::Sync { path: scratch.clone(), source })?;
        fs::rename(&scratch, dir).map_err(|source| WalError::file("rename", &scratch, source))?;
        let parent = durable::parent(dir);
        durable::sync_dir(parent).map_err(|source| WalError::Sync { path: parent.to_owned(), source })?;
        lock.moved(dir);
        Ok(Self::new(Parts {
            lock,
            device,
            segment_bytes,
            metadata,
            names: VecDeque::from([name]),
            tail: Tail { file, path: dir.join(name.to_string()), offset, unsynced: 0 },
            crc: encoder.crc(),
            state: HardState::default(),
            last_index: 0,
        }))
    }

    /// Opens a log to go on in it, and says what came after a snapshot; after the default mark: all of it. A torn tail is cut.
    ///
    /// # Errors
    /// When another process has it, it is damaged, or it does not know the snapshot.
    pub fn open(dir: &Path, from: &SnapshotMark) -> Result<(Self, Recovered), WalError> {
        Self::open_with(dir, from, Options::default())
    }

    /// As [`Self::open`].
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        dir: &Path,
        from: &SnapshotMark,
        options: Options,
    ) -> Result<(Self, Recovered), WalError> {
        let Options { segment_bytes, device } = options;
        let names = segment::list(dir)?;
        let lock = DirLock::take(dir)?;
        let Some(held) = segment::holding(&names, from.index) else {
            return Err(WalError::Released { dir: dir.to_owned(), first: names[0], index: from.index });
        };
        let mut replay = Replay::new(Wanted::EntriesAbove(from.index));
        let (mut tail, end) = read_all(dir, held, &mut replay, true)?;
        find_mark(dir, &replay.marks, from)?;
        let path = tail.path.clone();
        let cut = end.tear.map(|tear| Cut {
            path: path.clone(),
            offset: tail.offset,
            length: tear.length as u64,
            intact_after: tear.intact_after,
        });
        if cut.is_some() {
            // Only over zeros can the next tear be told.
            device.cut(&tail.file, tail.offset).map_err(|source| WalError::file("cut", &path, source))?;
        }
        // Without room reserved, appending says so when it comes to that.
        let _ = device.reserve(&tail.file, segment_bytes);
        device.sync(&tail.file).map_err(|source| WalError::Sync { path, source })?;
        tail.unsynced = 0;

        let metadata = replay.metadata.unwrap_or_default();
        let (crc, state, last_index) = (replay.crc(), replay.state, replay.last_index);
        let names = names.into();
        let wal =
            Self::new(Parts { lock, device, segment_bytes, metadata, names, tail, crc, state, last_index });
        wal.ahead.discard();
        let marks = committed(replay.marks, &state);
        Ok((wal, Recovered { metadata, marks, state, entries: replay.entries, cut }))
    }
}

/// The snapshots that a log knows and that are committed, oldest first: from one of them it can be opened, if the snapshot
/// itself is there. Changes nothing, and needs no lock.
///
/// # Errors
/// When there is no log, or it is damaged.
pub fn read_marks(dir: &Path) -> Result<Vec<SnapshotMark>, WalError> {
    let names = segment::list(dir)?;
    let mut replay = Replay::new(Wanted::Marks);
    read_all(dir, &names, &mut replay, false)?;
    Ok(committed(replay.marks, &replay.state))
}

/// Reads segments; the newest, and where its records end.
fn read_all(
    dir: &Path,
    names: &[SegmentName],
    replay: &mut Replay,
    writing: bool,
) -> Result<(Tail, SegmentEnd), WalError> {
    let mut newest = None;
    for (number, name) in names.iter().enumerate() {
        let last = number + 1 == names.len();
        let path = dir.join(name.to_string());
        let file = segment::open(&path, writing && last)?;
        if writing && last {
            segment::lock(&file, &path)?;
        }
        let bytes = segment::read(&file, &path)?;
        let place = if last { Place::Newest } else { Place::Finished };
        let end = replay.segment(&bytes, place).map_err(|broken| WalError::Damaged {
            path: path.clone(),
            offset: broken.offset as u64,
            damage: broken.damage,
        })?;
        newest = Some((Tail { file, path, offset: end.offset as u64, unsynced: 0 }, end));
    }
    newest.ok_or_else(|| WalError::Absent { dir: dir.to_owned() })
}

/// A snapshot whose entries are not known to be committed was never in force.
fn committed(mut marks: Vec<SnapshotMark>, state: &HardState) -> Vec<SnapshotMark> {
    marks.retain(|mark| mark.index <= state.commit);
    marks
}

fn find_mark(dir: &Path, marks: &[SnapshotMark], from: &SnapshotMark) -> Result<(), WalError> {
    let (index, term) = (from.index, from.term);
    match marks.iter().rfind(|mark| mark.index == index) {
        Some(mark) if mark.term == term => Ok(()),
        Some(mark) => Err(WalError::MarkMismatch { dir: dir.to_owned(), index, term, found: mark.term }),
        None => Err(WalError::MarkMissing { dir: dir.to_owned(), index, term }),
    }
}
