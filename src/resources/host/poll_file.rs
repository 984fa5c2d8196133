//! Files of /proc that the kernel marks as exceptional (POLLPRI) when what they show has changed.

use std::fs::File;
use std::io;
use std::path::Path;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A file that is polled; dropping it ends that.
#[derive(Debug)]
pub struct PollFile(tokio::task::JoinHandle<()>);

impl Drop for PollFile {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl PollFile {
    /// Calls `changed` whenever the file's content has changed from now on; several changes may be one call. To be called
    /// within the runtime.
    ///
    /// # Errors
    /// When the file cannot be opened or polled.
    pub fn arm(path: &Path, changed: impl Fn() + Send + 'static) -> io::Result<Self> {
        #[expect(deprecated, reason = "what replaces it is unsafe; a file upholds what is asked of it")]
        let file = AsyncFd::with_interest(File::open(path)?, Interest::PRIORITY)?;
        // The first poll tells how it is now: only what comes after counts.
        rustix::event::poll(
            &mut [rustix::event::PollFd::new(file.get_ref(), rustix::event::PollFlags::PRI)],
            Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }),
        )?;
        Ok(Self(tokio::spawn(async move {
            // An error here means that the runtime ends.
            while let Ok(mut ready) = file.ready(Interest::PRIORITY).await {
                ready.clear_ready();
                changed();
            }
        })))
    }
}

/// Whether this path is one that is polled, and not watched.
pub fn is_polled(path: &Path) -> bool {
    path.starts_with("/proc")
}
