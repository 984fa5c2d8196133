//! Adapters to the machine, each a trait with a fake where a fake helps.

pub mod accounts;
pub mod fake_watch;
pub mod fs;
pub mod hub;
pub mod managed;
pub mod process;
pub mod stamp;
pub mod temp_name;

use std::sync::Arc;

use crate::engine::path_watch::PathWatch;
use accounts::Accounts;
use fs::Fs;
use managed::Managed;
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
    /// Commands.
    pub processes: Arc<dyn Processes>,
}

impl Host {
    /// This machine, with `watch` for events of paths.
    pub fn new(watch: Arc<dyn PathWatch>) -> Arc<Self> {
        Self::with_processes(watch, Arc::new(SystemProcesses::default()))
    }

    /// As [`new`](Self::new), with commands run by `processes`.
    pub fn with_processes(watch: Arc<dyn PathWatch>, processes: Arc<dyn Processes>) -> Arc<Self> {
        Arc::new(Self {
            watch,
            fs: Fs::new(),
            managed: Arc::default(),
            accounts: Accounts::default(),
            processes,
        })
    }
}
