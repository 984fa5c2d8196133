//! Watching paths: what the engine and the frontends ask of the host.

use std::any::Any;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::resource::Stamp;

/// Which events of a path count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Everything below a directory counts too, as deep as it goes.
    pub recursive: bool,
    /// A write counts only once the writer has closed the file (for readers that must never see half a file);
    /// otherwise each write counts.
    pub closed_writes: bool,
}

impl Interest {
    /// Each change of the path itself: for what is repaired.
    pub const SELF: Self = Self { recursive: false, closed_writes: false };
    /// Each change of the path and all below it.
    pub const TREE: Self = Self { recursive: true, closed_writes: false };
    /// A new complete content of the path: for what is read.
    pub const CONTENT: Self = Self { recursive: false, closed_writes: true };
}

/// Something happened to a watched path, or may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathEvent {
    /// The state of the watched path just after, where the event could be an echo of the watcher's own write;
    /// `None`: certainly someone else's doing, or unknown.
    pub stamp: Option<Stamp>,
}

/// Called for each event, from the watcher's own thread: it must be quick and must not block.
pub type PathSink = Arc<dyn Fn(PathEvent) + Send + Sync>;

/// Watches paths. A path need not exist, nor its parents: the nearest ancestor that exists is watched until they do.
pub trait PathWatch: fmt::Debug + Send + Sync + 'static {
    /// Watches an absolute path until the guard is dropped. Events after this returns are not missed.
    ///
    /// # Errors
    /// When the path can neither be watched nor polled.
    fn watch(&self, path: &Path, interest: Interest, sink: PathSink) -> Result<PathGuard, PathWatchError>;
}

/// Ends the watch when it is dropped.
pub struct PathGuard(#[allow(dead_code, reason = "held for its drop")] Box<dyn Any + Send + Sync>);

impl PathGuard {
    /// Wraps whatever ends the watch when it is dropped.
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self(Box::new(guard))
    }
}

impl fmt::Debug for PathGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PathGuard")
    }
}

/// Why a path could not be watched.
#[derive(Debug, thiserror::Error)]
pub enum PathWatchError {
    /// Watches need absolute paths.
    #[error("cannot watch {0:?}: the path is not absolute")]
    NotAbsolute(PathBuf),
    /// The system refused.
    #[error("cannot watch {path:?}")]
    Watch {
        /// The path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
