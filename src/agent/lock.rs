//! One agent per prefix.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

/// How long one that ends is waited for.
const ENDING: Duration = Duration::from_secs(2);
/// Between two looks at whether it has ended.
const PAUSE: Duration = Duration::from_millis(2);

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
        let asked = Instant::now();
        while let Err(errno) = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if errno != rustix::io::Errno::WOULDBLOCK {
                return Err(failed(errno.into()));
            }
            let holder = Holder::of(&mut file);
            if holder.runs() || asked.elapsed() > ENDING {
                return Err(LockError::Held { prefix: prefix.to_owned(), holder: holder.to_string() });
            }
            pause();
        }
        // Who holds it is for people only.
        file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self(file))
    }
}

#[expect(clippy::disallowed_methods, reason = "no runtime yet, and nothing says when a lock is free")]
fn pause() {
    std::thread::sleep(PAUSE);
}

/// The process that holds a lock, as its file tells.
struct Holder {
    pid: Option<u32>,
    /// Its command line; empty once it ends.
    command: String,
}

impl Holder {
    fn of(file: &mut File) -> Self {
        let mut pid = String::new();
        let read = file.rewind().and_then(|()| file.take(20).read_to_string(&mut pid));
        let pid = read.ok().and_then(|_| pid.trim().parse::<u32>().ok());
        let command = pid.and_then(|pid| std::fs::read(format!("/proc/{pid}/cmdline")).ok());
        let command = String::from_utf8_lossy(&command.unwrap_or_default()).replace('\0', " ");
        Self { pid, command: command.trim().to_owned() }
    }

    /// Whether it is not about to let go: one that was killed holds on until the kernel has cleared it away.
    fn runs(&self) -> bool {
        !self.command.is_empty()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, &*self.command) {
            (None, _) => f.write_str("an unknown process"),
            (Some(pid), "") => write!(f, "process {pid}"),
            (Some(pid), command) => write!(f, "process {pid} ({command})"),
        }
    }
}
