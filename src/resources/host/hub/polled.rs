//! One polled path.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::Stat;

use crate::engine::path_watch::{PathEvent, PathSink};
use crate::resources::host::stamp::stamp_of;

/// What must be read to see a change, besides what `lstat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reading {
    /// Nothing.
    Nothing,
    /// The names and times of all that is below.
    Tree,
    /// The content.
    Contents,
}

impl Reading {
    pub(super) fn new(recursive: bool, synthetic: bool) -> Self {
        match (recursive, synthetic) {
            (true, _) => Self::Tree,
            (false, true) => Self::Contents,
            (false, false) => Self::Nothing,
        }
    }
}

/// A path that is looked at once in a while.
pub(super) struct Polled {
    pub(super) path: Arc<Path>,
    pub(super) reading: Reading,
    pub(super) sink: PathSink,
    /// Whether a reader reads it.
    pub(super) is_read: AtomicBool,
    follow: bool,
    /// Times and sizes say nothing.
    synthetic: bool,
    last: AtomicU64,
}

impl Polled {
    /// A path, as it is now.
    pub(super) fn new(
        path: Arc<Path>,
        follow: bool,
        reading: Reading,
        synthetic: bool,
        sink: PathSink,
    ) -> Self {
        let is_read = AtomicBool::new(false);
        let polled = Self { path, reading, sink, is_read, follow, synthetic, last: AtomicU64::new(0) };
        polled.look();
        polled
    }

    /// Looks; the event, if it changed since the last look.
    pub(super) fn look(&self) -> Option<PathEvent> {
        let stat = rustix::fs::lstat(&*self.path).ok();
        let target = if self.follow { rustix::fs::stat(&*self.path).ok() } else { None };
        let mut hasher = DefaultHasher::new();
        for stat in [&stat, &target] {
            if self.synthetic {
                // Inodes are made anew whenever the kernel has dropped them, with a new change time.
                let lasting = |stat: &Stat| (stat.st_dev, stat.st_mode, stat.st_uid, stat.st_gid);
                stat.as_ref().map(lasting).hash(&mut hasher);
            } else {
                let times = |stat: &Stat| (stat.st_mtime, stat.st_mtime_nsec);
                (stamp_of(stat.as_ref()), stat.as_ref().map(times)).hash(&mut hasher);
            }
        }
        let now = hasher.finish();
        let changed = self.last.swap(now, Ordering::SeqCst) != now;
        let stamp = (!self.follow).then(|| stamp_of(stat.as_ref()));
        changed.then_some(PathEvent { stamp })
    }

    /// Whether a change at `path` concerns it.
    pub(super) fn covers(&self, path: &Path) -> bool {
        match self.reading {
            Reading::Nothing => false,
            Reading::Contents => *path == *self.path,
            Reading::Tree => path.starts_with(&*self.path),
        }
    }
}

impl fmt::Debug for Polled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polled")
            .field("path", &self.path)
            .field("reading", &self.reading)
            .finish_non_exhaustive()
    }
}
