//! Segments as files.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::device::Device;
use super::error::{Damage, WalError};
use super::name::SegmentName;
use crate::cluster::disk::durable::DirLockError;

/// No segment is larger, in bytes: a segment is finished once it is above its size, so one batch is all it may have too much.
const LARGEST: u64 = 4 << 30;

/// The next segment until it has its name.
const PREPARED: &str = "next.tmp";

/// The segments of a log, oldest first. Other files are not ours to judge.
pub(super) fn list(dir: &Path) -> Result<Vec<SegmentName>, WalError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => WalError::Absent { dir: dir.to_owned() },
        _ => WalError::file("list", dir, source),
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().to_str().and_then(SegmentName::parse));
    }
    names.sort_unstable();
    if names.is_empty() {
        return Err(WalError::Absent { dir: dir.to_owned() });
    }
    for pair in names.windows(2) {
        let expected = pair[0].sequence.wrapping_add(1);
        if pair[1].sequence != expected {
            return Err(WalError::SegmentMissing { dir: dir.to_owned(), sequence: expected });
        }
    }
    Ok(names)
}

/// Those segments that may hold what comes after an entry.
pub(super) fn holding(names: &[SegmentName], index: u64) -> Option<&[SegmentName]> {
    let first = names.iter().rposition(|name| name.index <= index)?;
    Some(&names[first..])
}

/// Opens a segment, to be written too when it is the newest.
pub(super) fn open(path: &Path, writing: bool) -> Result<File, WalError> {
    let file = File::options().read(true).write(writing).open(path);
    file.map_err(|source| WalError::file("open", path, source))
}

/// Reads a segment.
pub(super) fn read(file: &File, path: &Path) -> Result<Vec<u8>, WalError> {
    let failed = |source| WalError::file("read", path, source);
    let length = file.metadata().map_err(failed)?.len();
    if length > LARGEST {
        return Err(WalError::Damaged { path: path.to_owned(), offset: length, damage: Damage::Oversized });
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(length).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Locks a segment as etcd does, so that neither takes the other's. The lock goes with the first handle of the file that this
/// process closes, so among ourselves the lock on the directory counts.
pub(super) fn lock(file: &File, path: &Path) -> Result<(), WalError> {
    match rustix::fs::fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(Errno::ACCESS | Errno::AGAIN) => Err(DirLockError::InUse { path: path.to_owned() }.into()),
        Err(errno) => Err(WalError::file("lock", path, errno.into())),
    }
}

/// Makes a file of zeros that is to become a segment.
pub(super) fn make(device: &dyn Device, path: &Path, bytes: u64) -> Result<File, WalError> {
    let made = File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(path);
    let file = made.map_err(|source| WalError::file("make", path, source))?;
    lock(&file, path)?;
    if let Err(source) = device.reserve(&file, bytes) {
        // Half a reservation would keep room from others.
        let _ = std::fs::remove_file(path);
        return Err(WalError::file("reserve", path, source));
    }
    Ok(file)
}

/// The next segment, made ahead by a short-lived thread, because reserving may take as long as many writes.
#[derive(Debug)]
pub(super) struct Ahead {
    path: PathBuf,
    bytes: u64,
    device: Arc<dyn Device>,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    Making(JoinHandle<Result<File, WalError>>),
}

impl Ahead {
    pub(super) fn new(dir: &Path, bytes: u64, device: Arc<dyn Device>) -> Self {
        Self { path: dir.join(PREPARED), bytes, device, state: State::Idle }
    }

    /// Where the prepared file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Begins to make it, unless that is begun.
    pub(super) fn begin(&mut self) {
        if matches!(self.state, State::Making(_)) {
            return;
        }
        let (path, bytes, device) = (self.path.clone(), self.bytes, Arc::clone(&self.device));
        let spawned = std::thread::Builder::new()
            .name("wal-ahead".to_owned())
            .spawn(move || make(&*device, &path, bytes));
        // Without a thread it is made when it is needed.
        self.state = spawned.map_or(State::Idle, State::Making);
    }

    /// The file, made now if it is not there yet.
    pub(super) fn take(&mut self) -> Result<File, WalError> {
        match std::mem::replace(&mut self.state, State::Idle) {
            // What failed ahead may go well by now.
            State::Making(thread) => match thread.join() {
                Ok(Ok(file)) => Ok(file),
                Ok(Err(_)) | Err(_) => make(&*self.device, &self.path, self.bytes),
            },
            State::Idle => make(&*self.device, &self.path, self.bytes),
        }
    }

    /// Removes what a crash or a failed rotation left.
    pub(super) fn discard(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let State::Making(thread) = std::mem::replace(&mut self.state, State::Idle) {
            let _ = thread.join();
            self.discard();
        }
    }
}
