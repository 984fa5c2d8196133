//! The only I/O of the engine: one loop decides, a small crew of threads runs resources, tasks only report.
//!
//! ```text
//!   watches, crew, frontend, signals --messages--> mailbox --> driver (scheduler) --jobs--> crew --reports--> mailbox
//! ```
//!
//! | file | what |
//! |---|---|
//! | [`prepare`] | from a frontend's graph to one that can be run: edges, groups, order |
//! | `plan` | the difference to the running graph, built before anything old stops |
//! | `driver` | the loop |
//! | `answer` | how a run ended |
//! | `complaint` | what has been said of failures already |
//! | `roster` | what is known of each running vertex |
//! | `exported` | a resource that is there for other hosts as well |
//! | `crew` | threads that are awake for short local work; what waits moves on to tokio |
//! | `run` | one check and apply |
//! | [`observe`] | what the agent is told |
//! | [`snapshot`], [`look`] | what status and reports show |

mod answer;
mod clock;
mod complaint;
mod crew;
mod driver;
mod exported;
mod job;
pub mod look;
mod mailbox;
pub mod observe;
mod pending;
mod plan;
pub mod prepare;
mod receive;
pub mod record;
mod roster;
mod run;
pub mod snapshot;
mod undo;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use self::clock::Clock;
use self::crew::Crew;
use self::driver::Driver;
use self::exported::Exported;
use self::look::Look;
use self::mailbox::{Mailbox, Message};
use self::observe::Observer;
use self::prepare::Prepared;
use self::snapshot::{Census, Progress, Rows, Snapshot};
use super::declaration::Declaration;
use super::kind::Kind;
use super::params::ParamError;
use super::registry::Registry;
use super::resource::Resource;
use super::sched::{Limits, StopLevel};
use super::world::World;

pub use self::pending::Pending;
pub use self::plan::{SwapError, Swapped};

/// How an engine is set up.
#[derive(Debug)]
pub struct Config {
    /// The agent's private folder; must be there.
    pub prefix: Arc<Path>,
    /// How much may run at once, and when the graph is converged.
    pub limits: Limits,
    /// Nothing is applied, whatever the meta-parameters say.
    pub noop: bool,
    /// A semaphore of this size around every vertex.
    pub sema: Option<u32>,
    /// What this host shares with others: exports are announced to it, and resources may ask it.
    pub world: Arc<dyn World>,
    /// Kinds, for undoing what has vanished from the graph.
    pub registry: Registry,
    /// Each vertex is compared once, nothing is watched and nothing retried: for a plan.
    pub one_look: bool,
    /// Where the scheduler's events are written.
    pub record: Option<record::Recorder>,
}

/// A running engine. All methods may be called from any thread.
#[derive(Clone, Debug)]
pub struct Engine {
    mailbox: Arc<Mailbox>,
}

/// The engine has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine has stopped")]
pub struct Ended;

impl Engine {
    /// Starts the loop and its crew, with an empty graph. Must be called within a tokio runtime, to which work that
    /// waits is handed.
    pub fn start(config: Config, observer: Arc<dyn Observer>) -> Self {
        let clock = Clock::start();
        let mailbox = Arc::new(Mailbox::default());
        let crew = Crew::start(mailbox.clone(), clock, tokio::runtime::Handle::current());
        let driver = Driver::new(config, observer, mailbox.clone(), crew, clock);
        let tokio = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name("mgmt-driver".into())
            .spawn(move || {
                // Watches that are streams are handed to tokio from here.
                let _context = tokio.enter();
                driver.run();
            })
            .expect("a process that has just started can start a thread");
        Self { mailbox }
    }

    /// Goes over to another graph. Returns once the new graph runs; vertices that are still running and leave, leave
    /// later.
    ///
    /// # Errors
    /// When something in it cannot be built: the old graph runs on.
    pub async fn swap(&self, next: Prepared) -> Result<Swapped, SwapError> {
        self.ask(|reply| Message::Swap(Box::new(next), reply)).await.unwrap_or(Err(SwapError::Ended))
    }

    /// Ends the engine; a higher level is more urgent. The observer is told when it has ended.
    pub fn stop(&self, level: StopLevel) {
        self.mailbox.post(Message::Stop(level));
    }

    /// The vertices as they are now.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn snapshot(&self, rows: Rows) -> Result<Snapshot, Ended> {
        self.look(rows.into()).await
    }

    /// Those of the vertices that one wants to see.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn look(&self, look: Look) -> Result<Snapshot, Ended> {
        self.ask(|reply| Message::Snapshot(look, reply)).await
    }

    /// How many declarations of each kind are in each state.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn census(&self) -> Result<Census, Ended> {
        self.ask(Message::Census).await
    }

    /// Counts only, and the slowest running vertices: cheap enough for a progress bar.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn progress(&self) -> Result<Progress, Ended> {
        self.ask(Message::Progress).await
    }

    /// Under noop: what differs, with the means to show it in full.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn pending(&self) -> Result<Vec<Pending>, Ended> {
        self.ask(Message::Pending).await
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T, Ended> {
        let (reply, answer) = oneshot::channel();
        self.mailbox.post(message(reply));
        answer.await.map_err(|_| Ended)
    }
}

/// A local run that has not come back for so long is given up: its vertex fails, and its thread is replaced.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(30);

/// Builds the resource of a vertex: alone, as a group, or with its exports.
fn build(kind: &Arc<dyn Kind>, members: &[Declaration]) -> Result<Arc<dyn Resource>, Vec<ParamError>> {
    match members {
        [only] if only.meta.hidden || !only.meta.export.is_empty() => {
            Ok(Arc::new(Exported::build(kind, only)?))
        }
        [only] => kind.build(only).map(Arc::from),
        several => kind.group(several).map(Arc::from),
    }
}
