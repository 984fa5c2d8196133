//! Adapters to the machine, each a trait with a fake where a fake helps.

pub mod account_files;
pub mod accounts;
pub mod bus;
pub mod download;
pub mod entry_watch;
pub mod fake_watch;
pub mod fs;
pub mod hub;
pub mod log_sink;
pub mod managed;
pub mod mounts;
pub mod netlink;
pub mod observer;
pub mod packages;
pub mod path_locks;
pub mod poll_file;
pub mod printer;
pub mod probe;
pub mod process;
pub mod shared_watch;
pub mod stamp;
pub mod systemd;
pub mod temp_name;
pub mod tool;

use std::sync::Arc;

use crate::engine::path_watch::PathWatch;
use account_files::AccountFiles;
use accounts::Accounts;
use download::{Downloader, NetworkDownloader};
use entry_watch::EntryWatch;
use fs::Fs;
use log_sink::{LogSink, LogSockets};
use managed::Managed;
use mounts::Mounts;
use netlink::{Kernel, Watchers};
use packages::PackageTools;
use path_locks::PathLocks;
use printer::{Printer, Stdout};
use probe::{NetworkProber, Prober};
use process::{Processes, SystemProcesses};
use systemd::Scopes;

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
    /// Users and groups by name, wherever they come from.
    pub accounts: Accounts,
    /// The users and groups of this host's own files.
    pub account_files: AccountFiles,
    /// Events of kernel parameters.
    pub entries: EntryWatch,
    /// What is mounted, and fstab.
    pub mounts: Mounts,
    /// For changes of parts of files.
    pub locks: PathLocks,
    /// Standard output.
    pub printer: Arc<dyn Printer>,
    /// Where messages go.
    pub logs: Arc<dyn LogSink>,
    /// Commands.
    pub processes: Arc<dyn Processes>,
    /// Service managers.
    pub systemd: Scopes,
    /// Software packages.
    pub packages: PackageTools,
    /// Questions to servers.
    pub prober: Arc<dyn Prober>,
    /// Interfaces, addresses and routes.
    pub netlink: Arc<Watchers>,
    /// Files of web servers.
    pub downloader: Arc<dyn Downloader>,
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
            systemd: Scopes::new(watch.clone()),
            watch,
            fs: Fs::new(),
            managed: Arc::default(),
            accounts: Accounts::default(),
            account_files: AccountFiles::default(),
            entries: EntryWatch::default(),
            mounts: Mounts::default(),
            locks: PathLocks::default(),
            printer: Arc::new(Stdout),
            logs: Arc::new(LogSockets::default()),
            processes: Arc::new(SystemProcesses::default()),
            packages: PackageTools::default(),
            prober: Arc::new(NetworkProber::default()),
            netlink: Watchers::new(Arc::new(Kernel::default())),
            downloader: Arc::new(NetworkDownloader::default()),
        }
    }
}
