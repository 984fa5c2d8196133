//! systemd: the states of units and of their files, jobs, and events of both.
//!
//! [`Systemd`] is one service manager: the system's, or that of a user's session. [`Live`] talks to a real one, as root
//! over its private socket (events reach us in a fifth of the time, and no message bus is needed), else over the system bus.
//! Hundreds of vertices share one connection and four match rules; what they ask at once is asked together. An event says
//! only that something may have changed: states are read anew.

mod error;
mod fake;
mod file_state;
mod files;
mod freshness;
mod jobs;
mod live;
mod names;
mod reloads;
mod rows;
pub mod scan;
mod scopes;
mod signals;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use error::SystemdError;
pub use fake::{FakeSystemd, FakeUnit, FakeUnits};
pub use file_state::FileState;
pub use files::settings_of;
pub use live::{Live, Scope};
pub use names::{NameError, UnitName, drop_in_folders};
pub use scopes::Scopes;

/// How long a job may take unless the user says otherwise: ten seconds more than systemd's own limit for a start.
pub const JOB_LIMIT: Duration = Duration::from_secs(100);

/// Called when a unit may have changed, by the task that reads: it must be quick and must not block.
pub type ChangeSink = Arc<dyn Fn(Change) + Send + Sync>;

/// What may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The unit's state.
    State,
    /// Its files, or all that is known.
    Any,
}

/// Ends what it stands for when it is dropped.
pub type Guard = Box<dyn Any + Send + Sync>;

/// A service manager.
#[async_trait]
pub trait Systemd: fmt::Debug + Send + Sync + 'static {
    /// This unit will be asked about: what is asked at the same time is asked together. Does no I/O.
    fn mention(&self, unit: &UnitName) -> Guard;

    /// Calls `sink` whenever the unit or its files may have changed. Armed once this returns and the first state was
    /// read.
    ///
    /// # Errors
    /// When the folders of unit files cannot be watched.
    fn follow(&self, unit: &UnitName, sink: ChangeSink) -> Result<Guard, SystemdError>;

    /// The state now. Not for templates, which have none.
    ///
    /// # Errors
    /// When systemd cannot be asked.
    async fn status(&self, unit: &UnitName) -> Result<Status, SystemdError>;

    /// The state once it is none between two others.
    ///
    /// # Errors
    /// When it is not within `limit`, or systemd cannot be asked.
    async fn settled(&self, unit: &UnitName, limit: Duration) -> Result<Status, SystemdError>;

    /// The state once the unit does not run, or as it is when so long has gone by.
    ///
    /// # Errors
    /// When systemd cannot be asked.
    async fn ended(&self, unit: &UnitName, limit: Duration) -> Result<Status, SystemdError>;

    /// The id of its last start, by which the journal knows what it wrote since; empty: it was never started.
    ///
    /// # Errors
    /// When systemd cannot be asked.
    async fn invocation(&self, unit: &UnitName) -> Result<Box<str>, SystemdError>;

    /// What is to become of the unit at start-up.
    ///
    /// # Errors
    /// When neither the files nor systemd say so.
    async fn file_state(&self, unit: &UnitName) -> Result<FileState, SystemdError>;

    /// Whether all is enabled that enabling a unit would enable in its place, `Also=`; `false` too where that cannot be told.
    ///
    /// # Errors
    /// When neither the files nor systemd say so.
    async fn is_enabled_through_others(&self, unit: &UnitName, runtime: bool) -> Result<bool, SystemdError>;

    /// Whether the files of the unit are not as systemd has read them.
    ///
    /// # Errors
    /// When systemd cannot be asked.
    async fn is_outdated(&self, unit: &UnitName) -> Result<bool, SystemdError>;

    /// More of one unit: costs a call.
    ///
    /// # Errors
    /// When systemd cannot be asked.
    async fn facts(&self, unit: &UnitName) -> Result<Facts, SystemdError>;

    /// Whether its conditions were met when it was last to be started; `None`: it was not since it was loaded, and what is not
    /// needed is soon unloaded.
    ///
    /// # Errors
    /// When systemd cannot be asked.
    async fn was_met(&self, unit: &UnitName) -> Result<Option<bool>, SystemdError>;

    /// Queues a job and waits for its end; without a limit it is only queued.
    ///
    /// # Errors
    /// When it is refused, fails, or does not end in time: then it is cancelled.
    async fn job(&self, verb: Verb, unit: &UnitName, limit: Option<Duration>) -> Result<(), SystemdError>;

    /// Changes links of unit files. Returns whether something changed.
    ///
    /// # Errors
    /// When it is refused.
    async fn edit_files(&self, edit: FileEdit, unit: &UnitName, runtime: bool) -> Result<bool, SystemdError>;

    /// Has the unit files read again, together with all others who want that now.
    ///
    /// # Errors
    /// When it is refused.
    async fn reload(&self) -> Result<(), SystemdError>;

    /// Forgets a unit's failures, the count of its starts included.
    ///
    /// # Errors
    /// When it is refused.
    async fn reset_failed(&self, unit: &UnitName) -> Result<(), SystemdError>;

    /// What a timer unit waits for.
    ///
    /// # Errors
    /// When systemd cannot be asked.
    async fn timer(&self, unit: &UnitName) -> Result<TimerFacts, SystemdError>;
}

/// The state of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The real name, where the one asked for is an alias.
    pub id: Arc<str>,
    /// Whether its file could be read.
    pub load: Load,
    /// Whether it runs.
    pub active: Active,
    /// Its state in the words of its type, such as `running` or `auto-restart`.
    pub sub: Box<str>,
}

/// Whether a unit's file could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Yes, or it needs none.
    Loaded,
    /// There is none.
    NotFound,
    /// A setting in it is wrong.
    BadSetting,
    /// It could not be read.
    Error,
    /// It is masked.
    Masked,
}

impl Load {
    /// Of systemd's word for it.
    pub fn parse(word: &str) -> Self {
        match word {
            "not-found" => Self::NotFound,
            "bad-setting" => Self::BadSetting,
            "error" => Self::Error,
            "masked" => Self::Masked,
            _ => Self::Loaded,
        }
    }
}

/// Whether a unit runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Active {
    /// It runs.
    Active,
    /// It runs, and reads its configuration.
    Reloading,
    /// It does not.
    Inactive,
    /// It does not, because it failed.
    Failed,
    /// It is being started.
    Activating,
    /// It is being stopped.
    Deactivating,
}

impl Active {
    /// Of systemd's word for it.
    pub fn parse(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "reloading" | "refreshing" => Self::Reloading,
            "failed" => Self::Failed,
            "activating" => Self::Activating,
            "deactivating" => Self::Deactivating,
            _ => Self::Inactive,
        }
    }

    /// systemd's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Reloading => "reloading",
            Self::Inactive => "inactive",
            Self::Failed => "failed",
            Self::Activating => "activating",
            Self::Deactivating => "deactivating",
        }
    }

    /// Whether a job is under way that will make it another.
    pub fn is_between(self) -> bool {
        matches!(self, Self::Reloading | Self::Activating | Self::Deactivating)
    }

    /// Whether it runs.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Active | Self::Reloading)
    }

    /// Whether it does not.
    pub fn is_down(self) -> bool {
        matches!(self, Self::Inactive | Self::Failed)
    }
}

/// How the main process of a service ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MainProcess {
    /// It has not.
    #[default]
    Runs,
    /// With a status of its own.
    Exited,
    /// By a signal.
    Killed,
}

impl MainProcess {
    /// Of systemd's number for it, which is waitid(2)'s.
    pub fn of_code(code: i32) -> Self {
        match code {
            0 => Self::Runs,
            1 => Self::Exited,
            _ => Self::Killed,
        }
    }
}

/// More of a unit. What its type does not have is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `simple`, `oneshot` and so on.
    pub service_type: Box<str>,
    /// Whether it is active after it has ended well.
    pub remain_after_exit: bool,
    /// How it ended: `success`, `exit-code`, `timeout`, `start-limit-hit` and so on.
    pub result: Box<str>,
    /// The status with which its main process exited.
    pub exit_status: i32,
    /// How its main process ended.
    pub main: MainProcess,
    /// Which that was; 0: there was none.
    pub main_pid: u32,
    /// Why it could not be loaded.
    pub load_error: Box<str>,
}

impl Facts {
    /// Whether systemd calls a start done before the service could say whether it has gone well: systemd.service(5).
    pub fn is_believed_early(&self) -> bool {
        matches!(&*self.service_type, "simple" | "exec" | "forking" | "idle")
    }
}

/// What a timer waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimerFacts {
    /// Its calendar expressions, in systemd's normal form.
    pub calendars: Vec<Box<str>>,
    /// Whether it will ever elapse.
    pub elapses: bool,
}

/// What a job is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop and start it; start it if it does not run.
    Restart,
    /// Restart it if it runs.
    TryRestart,
    /// Reload its configuration.
    Reload,
    /// Reload it, or restart it if it cannot; nothing if it does not run.
    ReloadOrTryRestart,
}

impl Verb {
    /// The method of the manager.
    pub fn method(self) -> &'static str {
        match self {
            Self::Start => "StartUnit",
            Self::Stop => "StopUnit",
            Self::Restart => "RestartUnit",
            Self::TryRestart => "TryRestartUnit",
            Self::Reload => "ReloadUnit",
            Self::ReloadOrTryRestart => "ReloadOrTryRestartUnit",
        }
    }

    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart | Self::TryRestart => "restart",
            Self::Reload => "reload",
            Self::ReloadOrTryRestart => "reload or restart",
        }
    }

    /// What has become of a unit by it, in words.
    pub fn participle(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Stop => "stopped",
            Self::Restart | Self::TryRestart => "restarted",
            Self::Reload => "reloaded",
            Self::ReloadOrTryRestart => "reloaded or restarted",
        }
    }

    /// Whether a unit in this state is as the job would leave it.
    pub fn is_done(self, active: Active) -> bool {
        match self {
            Self::Start | Self::Restart => active.is_up(),
            Self::Stop => active.is_down(),
            Self::TryRestart | Self::Reload | Self::ReloadOrTryRestart => false,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobResult {
    /// Well.
    Done,
    /// Another job took its place, or someone cancelled it.
    Canceled,
    /// It took too long.
    Timeout,
    /// It failed.
    Failed,
    /// A job that it depends on failed.
    Dependency,
    /// It does not apply to the unit as it is now.
    Skipped,
    /// Something else.
    Other,
}

impl JobResult {
    /// Of systemd's word for it.
    pub fn parse(word: &str) -> Self {
        match word {
            "done" => Self::Done,
            "canceled" => Self::Canceled,
            "timeout" => Self::Timeout,
            "failed" => Self::Failed,
            "dependency" => Self::Dependency,
            "skipped" => Self::Skipped,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for JobResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Canceled => "canceled",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
            Self::Dependency => "dependency",
            Self::Skipped => "skipped",
            Self::Other => "unknown",
        })
    }
}

/// What is to be done with the links of a unit file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileEdit {
    /// Make those that its `[Install]` section names.
    Enable,
    /// Remove all that lead to it.
    Disable,
    /// Make it a link to nowhere, so that nothing starts it.
    Mask,
    /// Undo that.
    Unmask,
}

impl fmt::Display for FileEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FileEdit {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Mask => "mask",
            Self::Unmask => "unmask",
        }
    }
}
