//! One agent per prefix.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

/// Holds a prefix until it is dropped, or the process ends however it ends.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "the lock goes with the file")] File);

/// The prefix cannot be had.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum LockError {
    #[error("another agent holds {prefix:?}: {holder}")]
    Held { prefix: PathBuf, holder: String },
    #[error("cannot lock {path:?}")]
    Lock { path: PathBuf, source: io::Error },
}

impl Lock {
    /// Takes the prefix.
    ///
    /// # Errors
    /// When another agent has it, or the lock file cannot be written.
    pub fn take(prefix: &Path) -> Result<Self, LockError> {
        let path = prefix.join("lock");
        let failed = |source| LockError::Lock { path: path.clone(), source };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(LockError::Held { prefix: prefix.to_owned(), holder: holder(&mut file) });
            }
            Err(errno) => return Err(failed(errno.into())),
        }
        // Who holds it is for people only.
        file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self(file))
    }
}

/// The process that holds a lock, as people know it.
fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    let read = file.rewind().and_then(|()| file.take(20).read_to_string(&mut pid));
    let Some(pid) = read.ok().and_then(|_| pid.trim().parse::<u32>().ok()) else {
        return "an unknown process".to_owned();
    };
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    match command.trim() {
        "" => format!("process {pid}"),
        command => format!("process {pid} ({command})"),
    }
}
