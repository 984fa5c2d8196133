//! Watching paths: what the engine and the frontends ask of the host.

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
    /// Whoever watches looks at the path right after, and calls [`PathGuard::look_again`] if it is a file with other
    /// names (hard links), or may be one: arming spares a look of its own.
    pub looked_at: bool,
}

impl Interest {
    /// Each change of the path itself: for what is repaired.
    pub const SELF: Self = Self { recursive: false, closed_writes: false, looked_at: false };
    /// As [`SELF`](Self::SELF), of a path that the watcher looks at itself.
    pub const LOOKED_AT: Self = Self { looked_at: true, ..Self::SELF };
    /// Each change of the path and all below it.
    pub const TREE: Self = Self { recursive: true, ..Self::SELF };
    /// A new complete content of the path: for what is read.
    pub const CONTENT: Self = Self { closed_writes: true, ..Self::SELF };
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

/// A watch that is under way. Dropping it ends it.
pub trait Watching: Send + Sync {
    /// See [`PathGuard::look_again`]. A watch that sees other names of a file by itself keeps this.
    fn look_again(&self) {}
}

/// For watches of which nothing is left to end.
impl Watching for () {}

/// Ends the watch when it is dropped.
pub struct PathGuard(Box<dyn Watching>);

impl PathGuard {
    /// Wraps whatever ends the watch when it is dropped.
    pub fn new(watching: impl Watching + 'static) -> Self {
        Self(Box::new(watching))
    }

    /// Tells the watch that its path is a file with several names. The kernel reports a change through another name to
    /// that name's directory only, so such a file must be watched itself. Once this returns it is: call it before
    /// reading what must not change unseen.
    pub fn look_again(&self) {
        self.0.look_again();
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
