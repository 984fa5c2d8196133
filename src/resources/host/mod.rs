//! Adapters to the machine, each a trait with a fake where a fake helps.

pub mod accounts;
pub mod fake_watch;
pub mod fs;
pub mod hub;
pub mod log_sink;
pub mod managed;
pub mod path_locks;
pub mod printer;
pub mod process;
pub mod stamp;
pub mod temp_name;

use std::sync::Arc;

use crate::engine::path_watch::PathWatch;
use accounts::Accounts;
use fs::Fs;
use log_sink::{LogSink, LogSockets};
use managed::Managed;
use path_locks::PathLocks;
use printer::{Printer, Stdout};
use process::{Processes, SystemProcesses};

pub use fake_watch::FakeWatch;
pub use hub::Hub;

/// The machine as resources see it.
#[derive(Debug)]
pub struct Host {
    /// Events of paths.
    pub watch: Arc<dyn PathWatch>,
    /// The file system.
    pub fs: Fs,
    /// Paths that resources look after.
    pub managed: Arc<Managed>,
    /// Users and groups.
    pub accounts: Accounts,
    /// For changes of parts of files.
    pub locks: PathLocks,
    /// Standard output.
    pub printer: Arc<dyn Printer>,
    /// Where messages go.
    pub logs: Arc<dyn LogSink>,
    /// Commands.
    pub processes: Arc<dyn Processes>,
}

impl Host {
    /// This machine, with `watch` for events of paths.
    pub fn new(watch: Arc<dyn PathWatch>) -> Arc<Self> {
        Arc::new(Self::over(watch))
    }

    /// This machine as an agent has it: its commands do not outlive this program, which must begin with
    /// [`process::helper_main`].
    pub fn of_agent(watch: Arc<dyn PathWatch>) -> Arc<Self> {
        Arc::new(Self { processes: Arc::new(SystemProcesses::guarded()), ..Self::over(watch) })
    }

    /// This machine, not shared yet: for those who replace an adapter.
    pub fn over(watch: Arc<dyn PathWatch>) -> Self {
        Self {
            watch,
            fs: Fs::new(),
            managed: Arc::default(),
            accounts: Accounts::default(),
            locks: PathLocks::default(),
            printer: Arc::new(Stdout),
            logs: Arc::new(LogSockets::default()),
            processes: Arc::new(SystemProcesses::default()),
        }
    }
}
