//! The few calls by which the log changes files: a seam, so that tests have a disk that fails.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

/// A disk as the log sees it.
pub trait Device: Debug + Send + Sync {
    /// Gives a file at least that length, of zeros, and the room for it.
    ///
    /// # Errors
    /// When there is no room, or the system refuses.
    fn reserve(&self, file: &File, length: u64) -> io::Result<()>;

    /// Writes all the bytes at that offset.
    ///
    /// # Errors
    /// When the system refuses; some may have been written.
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts a file to that length.
    ///
    /// # Errors
    /// When the system refuses.
    fn cut(&self, file: &File, length: u64) -> io::Result<()>;

    /// Makes what was written survive a crash.
    ///
    /// # Errors
    /// When it may not: the system forgets what it could not write, so a second try would lie.
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// The disk of this machine.
#[derive(Debug)]
pub struct Kernel;

impl Device for Kernel {
    fn reserve(&self, file: &File, length: u64) -> io::Result<()> {
        match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, length) {
            // A file system that cannot reserve: zeros will do.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(length.max(file.metadata()?.len())),
            done => Ok(done?),
        }
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}
