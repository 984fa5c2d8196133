//! The files that hold this host's own users and groups: one look at them all, one watch, one tool at a time.
//!
//! The name service is not asked what is there: it answers for accounts from elsewhere too, and may remember old ones. It
//! is asked only whether what the files do not have comes from elsewhere. Nothing here writes the files: shadow's tools do,
//! with their locks.

pub mod database;
mod error;
#[cfg(test)]
pub mod fake_shadow;
pub mod name_service;
pub mod names;
pub mod shadow_tools;

use std::any::Any;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::engine::path_watch::{Interest, PathSink, PathWatch};
use crate::engine::{Cx, Outputs, ResourceError, Stamp, Wakes};
use crate::resources::error::HostError;
use crate::resources::host::observer::Observer;
use crate::resources::host::shared_watch::SharedWatch;
use crate::resources::host::stamp::stamp_of;
use database::{Database, Texts};
pub use error::AccountError;
pub use name_service::NameService;
use name_service::SystemNames;

/// The files that are watched. They are replaced by renames, and named here, so that no lock, backup or temporary file of
/// any tool counts.
const FILES: [&str; 6] = ["passwd", "shadow", "group", "gshadow", "subuid", "subgid"];
/// The locks: that of lckpwdf(3), and those of the files.
const LOCKS: [&str; 5] = [".pwd.lock", "passwd.lock", "shadow.lock", "group.lock", "gshadow.lock"];

/// This host's own accounts.
#[derive(Debug)]
pub struct AccountFiles {
    etc: PathBuf,
    observer: Arc<Observer<Database>>,
    watch: SharedWatch,
    /// A tool found the files locked: the end of that lock is an event.
    locked_out: Arc<AtomicBool>,
    /// Two tools at once would only wait for one another.
    turn: tokio::sync::Mutex<()>,
    /// Accounts from elsewhere.
    pub elsewhere: Arc<dyn NameService>,
}

impl Default for AccountFiles {
    fn default() -> Self {
        Self::at("/etc", Arc::new(SystemNames))
    }
}

impl AccountFiles {
    /// The files in this folder, with what answers for accounts from elsewhere.
    pub fn at(etc: impl Into<PathBuf>, elsewhere: Arc<dyn NameService>) -> Self {
        Self {
            etc: etc.into(),
            observer: Arc::default(),
            watch: SharedWatch::default(),
            locked_out: Arc::default(),
            turn: tokio::sync::Mutex::default(),
            elsewhere,
        }
    }

    /// What the files say. All who ask at once share one look.
    ///
    /// # Errors
    /// When `passwd` or `group` cannot be read.
    pub async fn look(&self) -> Result<Arc<Database>, HostError> {
        self.observer.state(self.watch.is_armed(), async { self.read() }).await
    }

    /// What the files say now, whoever looked before.
    ///
    /// # Errors
    /// When `passwd` or `group` cannot be read.
    pub async fn look_anew(&self) -> Result<Arc<Database>, HostError> {
        self.observer.changed();
        self.look().await
    }

    /// What a repair came to, once all is read anew: whoever looked while a tool ran has seen half of it.
    ///
    /// # Errors
    /// That of the repair; when `passwd` or `group` cannot be read.
    pub async fn after<E: Into<ResourceError>>(&self, done: Result<(), E>) -> Result<Outputs, ResourceError> {
        self.look_anew().await?;
        done.map(|()| Outputs::none()).map_err(Into::into)
    }

    /// The path of one of the files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.etc.join(name)
    }

    fn read(&self) -> Result<Database, HostError> {
        let shadow = match read(&self.path("shadow")) {
            Err(error) if matches!(error.errno(), Some(Errno::ACCESS | Errno::PERM)) => None,
            other => Some(other?.unwrap_or_default()),
        };
        let must = |name| {
            let path = self.path(name);
            read(&path)?.ok_or_else(|| HostError::io("read", &path, Errno::NOENT))
        };
        let may = |name| read(&self.path(name)).map(Option::unwrap_or_default);
        let texts = Texts {
            passwd: must("passwd")?,
            group: must("group")?,
            shadow,
            subuid: may("subuid")?,
            subgid: may("subgid")?,
        };
        Ok(Database::parse(&texts))
    }

    /// Wakes the vertex when one of the files changes, and after someone held their lock for too long.
    ///
    /// # Errors
    /// When they can neither be watched nor polled.
    pub fn watch(&self, cx: &Cx, paths: &dyn PathWatch) -> Result<Wakes, ResourceError> {
        let member = self.watch.join(cx.waker().clone(), |wake_all| {
            // What is remembered may be older than the watch.
            self.observer.changed();
            let known: Arc<Mutex<HashMap<PathBuf, Stamp>>> = Arc::default();
            let mut guards: Vec<Box<dyn Any + Send + Sync>> = Vec::new();
            for name in FILES {
                let path = self.path(name);
                known.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone(), now(&path));
                let (observer, known, wake_all) = (self.observer.clone(), known.clone(), wake_all.clone());
                let of = path.clone();
                let sink: PathSink = Arc::new(move |_| {
                    // Every run of a tool also closes files that it opened for writing and left as they were.
                    let stamp = now(&of);
                    let old = known.lock().unwrap_or_else(PoisonError::into_inner).insert(of.clone(), stamp);
                    if old != Some(stamp) {
                        observer.changed();
                        wake_all.wake();
                    }
                });
                guards.push(Box::new(paths.watch(&path, Interest::CONTENT, sink).map_err(HostError::from)?));
            }
            for name in LOCKS {
                let (etc, locked_out, wake_all) =
                    (self.etc.clone(), self.locked_out.clone(), wake_all.clone());
                let sink: PathSink = Arc::new(move |_| {
                    // Our own tools lock too: only the end of what locked them out is of interest.
                    if locked_out.load(Ordering::SeqCst)
                        && !is_locked(&etc)
                        && locked_out.swap(false, Ordering::SeqCst)
                    {
                        wake_all.wake();
                    }
                });
                let guard =
                    paths.watch(&self.path(name), Interest::CONTENT, sink).map_err(HostError::from)?;
                guards.push(Box::new(guard));
            }
            Ok::<Box<dyn Any + Send + Sync>, ResourceError>(Box::new(guards))
        })?;
        Ok(Wakes::pushed(member))
    }
}

/// Whether somebody holds one of the locks. That of lckpwdf(3) is one of fcntl(2): to ask for a share of it, and to
/// give that back at once, is no event.
fn is_locked(etc: &Path) -> bool {
    let [whole, of_files @ ..] = LOCKS;
    let is_held = |lock: &OwnedFd| {
        let asked = rustix::fs::fcntl_lock(lock, FlockOperation::NonBlockingLockShared);
        matches!(asked, Err(Errno::AGAIN | Errno::ACCESS))
    };
    let opened = rustix::fs::open(etc.join(whole), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    opened.is_ok_and(|lock| is_held(&lock)) || of_files.iter().any(|name| etc.join(name).exists())
}

fn now(path: &Path) -> Stamp {
    stamp_of(rustix::fs::stat(path).ok().as_ref())
}

/// The text of a file; `None`: there is none. Bytes that are no UTF-8 are replaced: no account that is managed has them.
fn read(path: &Path) -> Result<Option<String>, HostError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HostError::io("read", path, error)),
    }
}
