//! Processes: run a command to its end, or follow its lines.
//!
//! A command leads a process group of its own, has exactly the environment that it is given, and reads nothing, or
//! what it is fed. It is over when its own process is, though a descendant may hold the pipe. Asked to end, its whole group gets its signal,
//! and then is killed; forgotten (its future dropped), its group is killed and it is reaped. Whoever leaves the group,
//! as a daemon does, is out of reach. An agent that is killed takes the groups of its commands with it, by way of a
//! process beside it.
//!
//! Commands as another user are started through this very program ([`helper_main`]), which takes on the identity and
//! becomes the command: so nothing runs between fork and exec that must not.

mod alive;
mod error;
mod fake;
mod group;
mod identity;
mod kept;
mod lookup;
mod masked;
mod output;
mod pipes;
mod signal;
mod start;
mod switch;
mod system;
mod unbroken;
mod warden;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use rustix::process::Signal;

use crate::engine::Cancel;

pub use alive::alive;
pub use error::ProcessError;
pub use fake::FakeProcesses;
pub use identity::Identity;
pub use kept::{KEPT, Kept};
pub use lookup::DEFAULT_PATH;
pub use masked::masked;
pub use signal::{parse_signal, signal_name};
pub use switch::helper_main;
pub use system::SystemProcesses;

/// Runs commands.
#[async_trait]
pub trait Processes: fmt::Debug + Send + Sync + 'static {
    /// Runs a command to its end. When `cancel` says so its group gets its signal, and is killed. Dropping the future
    /// kills it.
    ///
    /// # Errors
    /// When it cannot be run; that it ran and failed is an [`Outcome`].
    async fn run(&self, invocation: &Invocation, cancel: &Cancel) -> Result<Outcome, ProcessError>;

    /// As [`run`](Self::run), with a standard input that holds exactly this: for what no argument list may show.
    ///
    /// # Errors
    /// As [`run`](Self::run); when it is to run as someone else, for whom there is no input.
    async fn run_fed(
        &self,
        invocation: &Invocation,
        input: &[u8],
        cancel: &Cancel,
    ) -> Result<Outcome, ProcessError>;

    /// Starts a command and follows the lines of its standard output. The last item is how it ended. Dropping the
    /// stream kills it.
    ///
    /// # Errors
    /// When it cannot be started.
    async fn follow(&self, invocation: &Invocation) -> Result<Following, ProcessError>;

    /// Runs a command that must not be broken off half-way, such as a transaction of the package database: it is killed
    /// only when `cancel` says at once, and goes on by itself when the future is dropped or the agent ends, however
    /// that ends. Only [`Outcome::output`] is filled. As the agent's user.
    ///
    /// # Errors
    /// When it cannot be run; that it ran and failed is an [`Outcome`].
    async fn run_unbroken(&self, invocation: &Invocation, cancel: &Cancel) -> Result<Outcome, ProcessError> {
        self.run(invocation, cancel).await
    }
}

/// What a followed command does.
pub type Following = BoxStream<'static, Result<Followed, ProcessError>>;

/// Something that a followed command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// It wrote a line.
    Line,
    /// It ended. Of its output only the end of the standard error is kept.
    Ended(Box<Outcome>),
}

/// A command to run.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The command and its arguments. A first word without a slash is looked up: in the `PATH` of `env`, or in
    /// [`DEFAULT_PATH`].
    pub words: Vec<Arc<str>>,
    /// The folder it runs in; `None`: the agent's.
    pub cwd: Option<PathBuf>,
    /// Its whole environment.
    pub env: Env,
    /// Who runs it; `None`: the agent's user.
    pub identity: Option<Identity>,
    /// What its group gets when it is asked to end.
    pub signal: Signal,
    /// Both outputs through one pipe, so that their order is exact: only [`Outcome::output`] is filled.
    pub merged: bool,
    /// Its lines are logged (debug) under this name; `None`: they are not.
    pub log: Option<Arc<str>>,
}

impl Invocation {
    /// These words as the agent itself, where it is, with an empty environment and outputs apart; it ends by SIGTERM.
    pub fn new(words: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        Self {
            words: words.into_iter().map(Into::into).collect(),
            cwd: None,
            env: Env::default(),
            identity: None,
            signal: Signal::TERM,
            merged: false,
            log: None,
        }
    }
}

/// Environment variables. Their values are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env(pub Arc<BTreeMap<Arc<str>, Arc<str>>>);

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// How a command ended, and what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// Whether it had been asked to end.
    pub cancelled: bool,
    /// What it wrote to standard output.
    pub stdout: Kept,
    /// What it wrote to standard error.
    pub stderr: Kept,
    /// Both, in the order in which they were read.
    pub output: Kept,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
}

impl Ending {
    /// Whether it ended well.
    pub fn is_success(self) -> bool {
        self == Self::Exit(0)
    }
}

impl From<ExitStatus> for Ending {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exit(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => write!(f, "ended by {}", signal_name(*number)),
        }
    }
}
