//! Mounts: what is mounted now, and what fstab says; one look at both, one watch of both.

pub mod escape;
pub mod fstab;
pub mod table;

use std::any::Any;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::Stamp;
use crate::engine::path_watch::{Interest, PathSink, PathWatch};
use crate::engine::{Cx, ResourceError, Wakes};
use crate::resources::edited_file::{self, Manner, PLAIN};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::{Halt, Pace};
use crate::resources::host::observer::Observer;
use crate::resources::host::poll_file::{PollFile, is_polled};
use crate::resources::host::shared_watch::SharedWatch;
use crate::resources::host::stamp::stamp_of;
use crate::resources::long_work::reach_runtime;
use table::Mounted;

/// What is mounted, and what should be at boot.
#[derive(Debug)]
pub struct Mounts {
    table: PathBuf,
    fstab: PathBuf,
    /// There while systemd is the first process (sd_booted(3)).
    booted: PathBuf,
    observer: Arc<Observer<State>>,
    watch: SharedWatch,
    /// The fstab that systemd has read at our last word.
    reloaded: tokio::sync::Mutex<Option<Stamp>>,
}

/// All mounts and the text of fstab.
#[derive(Debug, Default)]
pub struct State {
    /// What is mounted.
    pub mounts: Vec<Mounted>,
    /// The text of fstab; empty where there is none.
    pub fstab: Vec<u8>,
}

impl Default for Mounts {
    fn default() -> Self {
        Self::at("/proc/self/mountinfo", "/etc/fstab", "/run/systemd/system")
    }
}

impl Mounts {
    /// With these files.
    pub fn at(table: impl Into<PathBuf>, fstab: impl Into<PathBuf>, booted: impl Into<PathBuf>) -> Self {
        Self {
            table: table.into(),
            fstab: fstab.into(),
            booted: booted.into(),
            observer: Arc::default(),
            watch: SharedWatch::default(),
            reloaded: tokio::sync::Mutex::default(),
        }
    }

    /// Where fstab is.
    pub fn fstab(&self) -> &Path {
        &self.fstab
    }

    /// What is mounted and what fstab says. All who ask at once share one look.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub async fn look(&self) -> Result<Arc<State>, HostError> {
        self.observer.state(self.watch.is_armed(), async { self.read() }).await
    }

    /// The same, whoever looked before.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub async fn look_anew(&self) -> Result<Arc<State>, HostError> {
        self.observer.changed();
        self.look().await
    }

    fn read(&self) -> Result<State, HostError> {
        let table = std::fs::read(&self.table).map_err(|error| HostError::io("read", &self.table, error))?;
        let fstab = match std::fs::read(&self.fstab) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            other => other.map_err(|error| HostError::io("read", &self.fstab, error))?,
        };
        Ok(State { mounts: table::parse(&String::from_utf8_lossy(&table)), fstab })
    }

    /// Wakes the vertex when something is mounted, remounted or unmounted, by whomever, and when fstab changes.
    ///
    /// # Errors
    /// When they can neither be polled nor watched.
    pub async fn watch(&self, cx: &Cx, paths: &dyn PathWatch) -> Result<Wakes, ResourceError> {
        reach_runtime().await;
        let member = self.watch.join(cx.waker().clone(), |wake_all| {
            // What is remembered may be older than the watch.
            self.observer.changed();
            let observer = self.observer.clone();
            let changed = move || {
                observer.changed();
                wake_all.wake();
            };
            let also = changed.clone();
            let sink: PathSink = Arc::new(move |_| also());
            let watch =
                |path: &Path| paths.watch(path, Interest::CONTENT, sink.clone()).map_err(HostError::from);
            let mut guards: Vec<Box<dyn Any + Send + Sync>> = vec![Box::new(watch(&self.fstab)?)];
            if is_polled(&self.table) {
                let poll = PollFile::arm(&self.table, changed);
                guards.push(Box::new(poll.map_err(|error| HostError::io("poll", &self.table, error))?));
            } else {
                guards.push(Box::new(watch(&self.table)?));
            }
            Ok::<Box<dyn Any + Send + Sync>, ResourceError>(Box::new(guards))
        })?;
        Ok(Wakes::pushed(member))
    }

    /// Whether systemd is the first process of this host.
    pub fn has_systemd(&self) -> bool {
        self.booted.is_dir()
    }

    /// Calls `reload` if systemd is here and does not know the fstab that is there now. Those who come at the same time
    /// share one reload.
    ///
    /// # Errors
    /// Those of `reload`.
    pub async fn reload<E>(&self, reload: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        if !self.has_systemd() {
            return Ok(());
        }
        let mut known = self.reloaded.lock().await;
        let now = stamp_of(rustix::fs::stat(&self.fstab).ok().as_ref());
        if *known != Some(now) {
            reload.await?;
            *known = Some(now);
        }
        Ok(())
    }
}

/// Changes the text of fstab: `edit` makes the new text of the old one. Written whole and to the disk, for the machine
/// boots by it. One at a time within this process.
///
/// # Errors
/// When the system refuses; then the old file still is there.
pub fn edit_fstab(host: &Host, edit: &dyn Fn(&[u8]) -> Vec<u8>, pace: Pace<'_>) -> Result<(), Halt> {
    let rewrite = |found: Option<&[u8]>| {
        let old = found.unwrap_or_default();
        let wanted = edit(old);
        Ok::<_, Infallible>((wanted != old).then_some((wanted, ())))
    };
    let manner = Manner { synced: true, ..PLAIN };
    edited_file::repair(host, host.mounts.fstab(), pace, manner, &rewrite).map(|Ok(_)| ())
}
