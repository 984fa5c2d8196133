//! What a resource is given when it runs.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{Notify, oneshot};

use super::id::Label;
use super::resource::{ResourceError, Stamp, Wake};
use super::world::World;

/// The surroundings of one watch, check or apply.
#[derive(Debug)]
pub struct Cx {
    /// Whether a predecessor's change asks this vertex to refresh. Kinds that do something about it put an item
    /// into their drift.
    pub refresh: bool,
    /// Whether nothing will be applied whatever the check finds (`noop`, `--noop`, `mgmt plan`).
    pub noop: bool,
    /// The group members that this run is about; `None`: all.
    pub members: Option<Arc<[u32]>>,
    /// Ends with the run.
    pub cancel: Cancel,
    surroundings: Arc<Surroundings>,
    wrote: Mutex<Option<Stamp>>,
    failed: Mutex<Vec<(u32, ResourceError)>>,
    foreseen: Mutex<Vec<(u32, ResourceError)>>,
}

/// What all runs of one vertex share.
#[derive(Debug)]
pub struct Surroundings {
    /// The vertex.
    pub label: Label,
    /// The agent's private folder.
    pub prefix: Arc<Path>,
    /// Wakes the vertex.
    pub waker: Waker,
    /// What this host shares with others.
    pub world: Arc<dyn World>,
    /// What a resource may ask of the agent.
    pub control: Arc<dyn Control>,
}

/// What a resource may ask of the agent as a whole.
pub trait Control: fmt::Debug + Send + Sync {
    /// Shuts the agent down with this exit code, as ^C would.
    fn exit(&self, code: u8);

    /// What automatic edges are derived from ([`Facts`](super::kind::Facts)) is not as it was.
    fn facts_changed(&self, done: Done);
}

/// Dropped with its last clone once something is done, or will not be.
#[derive(Clone, Debug)]
pub struct Done(#[expect(dead_code, reason = "its end is what it says")] Arc<oneshot::Sender<()>>);

/// Makes a vertex dirty, from any thread; cheap to clone.
#[derive(Clone)]
pub struct Waker(Arc<dyn Fn(Wake) + Send + Sync>);

impl Waker {
    /// A waker that calls `wake`, which must be quick and must not block.
    pub fn new(wake: impl Fn(Wake) + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    /// Makes the vertex dirty.
    pub fn wake(&self, wake: Wake) {
        (self.0)(wake);
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

impl Cx {
    /// The surroundings of a run.
    pub fn new(surroundings: Arc<Surroundings>, cancel: Cancel) -> Self {
        Self {
            refresh: false,
            noop: false,
            members: None,
            cancel,
            surroundings,
            wrote: Mutex::default(),
            failed: Mutex::default(),
            foreseen: Mutex::default(),
        }
    }

    /// The vertex that runs.
    pub fn label(&self) -> &Label {
        &self.surroundings.label
    }

    /// Wakes this vertex.
    pub fn waker(&self) -> &Waker {
        &self.surroundings.waker
    }

    /// What this host shares with others.
    pub fn world(&self) -> &Arc<dyn World> {
        &self.surroundings.world
    }

    /// Shuts the agent down with this exit code, as ^C would.
    pub fn exit(&self, code: u8) {
        self.surroundings.control.exit(code);
    }

    /// Has the automatic edges derived anew: what they are derived from ([`Facts`](super::kind::Facts)) is not as it was.
    pub fn facts_changed(&self) {
        let (done, _) = oneshot::channel();
        self.surroundings.control.facts_changed(Done(Arc::new(done)));
    }

    /// The same, and waits until the graph has the edges that come of it; no longer than the run may.
    pub async fn edges_derived(&self) {
        let (done, derived) = oneshot::channel();
        self.surroundings.control.facts_changed(Done(Arc::new(done)));
        tokio::select! {
            _ = derived => {}
            () = self.cancel.cancelled() => {}
        }
    }

    /// Whether this run is about a group member.
    pub fn concerns(&self, member: u32) -> bool {
        self.members.as_ref().is_none_or(|members| members.contains(&member))
    }

    /// Says that a member of a group has failed, and not the others. A resource of its own returns its errors.
    pub fn member_failed(&self, member: u32, error: ResourceError) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).push((member, error));
    }

    /// What [`member_failed`](Self::member_failed) was told.
    pub fn take_failed(&self) -> Vec<(u32, ResourceError)> {
        std::mem::take(&mut *self.failed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says, in a check, that applying what differs would fail, as can be seen from here and now; 0 is the member of a
    /// resource of its own. It counts under noop, unless something comes first that would change too.
    pub fn foresee(&self, member: u32, error: ResourceError) {
        self.foreseen.lock().unwrap_or_else(PoisonError::into_inner).push((member, error.foreseen()));
    }

    /// What [`foresee`](Self::foresee) was told.
    pub fn take_foreseen(&self) -> Vec<(u32, ResourceError)> {
        std::mem::take(&mut *self.foreseen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records the state of the watched object just after this run's own last write, so that its echo is no event.
    pub fn wrote(&self, stamp: Stamp) {
        *self.wrote.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamp);
    }

    /// What [`wrote`](Self::wrote) recorded.
    pub fn take_wrote(&self) -> Option<Stamp> {
        self.wrote.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A folder for what this vertex must remember, named by a digest so that long names fit; 0700. Made on the
    /// first call.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn state_dir(&self) -> Result<PathBuf, ResourceError> {
        let dir = self.state_dir_path();
        crate::engine::state_dir::make(&dir).map_err(ResourceError::transient)?;
        Ok(dir)
    }

    /// Where [`state_dir`](Self::state_dir) is, whether or not it was made: for checks, which only read.
    pub fn state_dir_path(&self) -> PathBuf {
        let label = self.label();
        let mut hash = Sha256::new();
        hash.update(label.kind.as_bytes());
        hash.update([0]);
        hash.update(label.name.as_bytes());
        let name: String = hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        self.surroundings.prefix.join("state").join(&*label.kind).join(name)
    }

    /// Waits, unless the run is cancelled; `false`: it was cancelled.
    pub async fn sleep(&self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            () = self.cancel.cancelled() => false,
        }
    }
}

/// Asks a run to end: politely, then not. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<CancelState>);

#[derive(Debug, Default)]
struct CancelState {
    level: AtomicU8,
    changed: Notify,
}

const CANCELLED: u8 = 1;
const KILLED: u8 = 2;

impl Cancel {
    /// Asks the run to end: processes get their resource's signal.
    pub fn cancel(&self) {
        self.raise(CANCELLED);
    }

    /// Asks the run to end at once: processes are killed.
    pub fn kill(&self) {
        self.raise(KILLED);
    }

    fn raise(&self, level: u8) {
        if self.0.level.fetch_max(level, Ordering::SeqCst) < level {
            self.0.changed.notify_waiters();
        }
    }

    /// Whether the run should end.
    pub fn is_cancelled(&self) -> bool {
        self.0.level.load(Ordering::SeqCst) >= CANCELLED
    }

    /// Returns once the run should end.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        self.reached(CANCELLED)
    }

    /// Returns once the run should end at once.
    pub fn killed(&self) -> impl Future<Output = ()> + Send + 'static {
        self.reached(KILLED)
    }

    fn reached(&self, level: u8) -> impl Future<Output = ()> + Send + 'static {
        let state = self.0.clone();
        async move {
            loop {
                let changed = state.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if state.level.load(Ordering::SeqCst) >= level {
                    return;
                }
                changed.await;
            }
        }
    }
}
