//! Software packages: what is installed, what could be, and one transaction at a time.
//!
//! Each tool is a [`Packages`]; [`PackageTools`] picks one by what is on the host when it is first asked. The tools'
//! own locks are theirs: they are asked who holds them, and never taken here. A transaction runs to its end whatever
//! becomes of the agent.

pub mod dpkg;
mod error;
mod fake;
mod installed;
mod lists;
mod lock;
mod offered;
pub mod package_kit;
pub mod pacman;
pub mod rpm;
mod runner;
mod scope;
mod tools;
mod turn;
pub mod version;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::engine::path_watch::Interest;
use crate::engine::{Cancel, Stamp};

pub use error::PackagesError;
pub use fake::{FakeHost, FakePackages};
pub use installed::{Installed, Row, Standing, Status};
pub use lock::Holder;
pub use offered::Offered;
pub use tools::{BACKENDS, PackageTools};
pub use turn::settled;

/// A tool that installs packages.
#[async_trait]
pub trait Packages: fmt::Debug + Send + Sync + 'static {
    /// What users call it, such as `apt`.
    fn name(&self) -> &'static str;

    /// The files whose changes tell that the state may be another, or what could be installed.
    fn watched(&self) -> Vec<Watched>;

    /// Who changes packages just now, as far as that can be told.
    fn holder(&self) -> Option<Holder>;

    /// A digest of the database's files: equal as long as nobody changed anything. `None`: that cannot be told.
    fn stamp(&self) -> Option<Stamp>;

    /// The same of the lists of what could be installed.
    fn lists_stamp(&self) -> Option<Stamp> {
        None
    }

    /// The file whose [`Ends`](Marks::Ends) event says that it may be free; `None`: there is none.
    fn lock_file(&self) -> Option<PathBuf>;

    /// Whether a removal leaves configuration files behind, which a purge sees to.
    fn leaves_configuration(&self) -> bool {
        false
    }

    /// What is installed, all of it.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn installed(&self, cancel: &Cancel) -> Result<Installed, PackagesError>;

    /// What could be installed of these, from the lists that are here. Names that nobody offers are left out.
    ///
    /// # Errors
    /// When the lists cannot be read.
    async fn offered(
        &self,
        names: &[PackageName],
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<BTreeMap<PackageName, Offered>, PackagesError>;

    /// How old the lists are; `None`: there are none, or that cannot be told.
    fn lists_age(&self) -> Option<Duration>;

    /// Whether a repository was added or changed since the lists were fetched.
    fn lists_are_outdated(&self) -> bool {
        false
    }

    /// Fetches the lists anew.
    ///
    /// # Errors
    /// When that fails, for some of them at least.
    async fn refresh(&self, terms: &Terms, cancel: &Cancel) -> Result<(), PackagesError>;

    /// Finishes what an earlier transaction left half done.
    ///
    /// # Errors
    /// When that fails.
    async fn repair(&self, terms: &Terms, cancel: &Cancel) -> Result<(), PackagesError>;

    /// Changes all of these in one transaction. Some may have been done even if it fails.
    ///
    /// # Errors
    /// When it fails.
    async fn transact(&self, changes: &[Change], terms: &Terms, cancel: &Cancel)
    -> Result<(), PackagesError>;

    /// What the tool itself says that a transaction would do, dependencies and all: `+NAME VERSION` of what comes,
    /// `-NAME VERSION` of what goes. `None`: it does not say.
    ///
    /// # Errors
    /// When it says that it cannot be done.
    async fn simulate(
        &self,
        changes: &[Change],
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<Option<Vec<String>>, PackagesError> {
        let _ = (changes, terms, cancel);
        Ok(None)
    }

    /// Holds packages at their version, or lets them go.
    ///
    /// # Errors
    /// When that fails.
    async fn hold(
        &self,
        names: &[PackageName],
        hold: bool,
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<(), PackagesError>;

    /// Which package is in a file.
    ///
    /// # Errors
    /// When it is no package.
    async fn describe(&self, file: &Path, cancel: &Cancel) -> Result<Described, PackagesError>;

    /// The paths that an installed package owns, one a line; `None`: it is not installed, or that takes a process.
    fn owned(&self, name: &PackageName) -> Option<String> {
        let _ = name;
        None
    }

    /// The files that say which package would bring which path, if there are any.
    fn contents_lists(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// A file to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Where.
    pub path: PathBuf,
    /// What counts.
    pub interest: Interest,
    /// What it means.
    pub marks: Marks,
}

/// What an event of a file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// Something changed. Within a transaction it says nothing: its end will.
    Change,
    /// A transaction ended.
    Ends,
    /// What could be installed may be something else.
    Lists,
}

/// A package, of one architecture or of the host's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageName {
    /// Its name.
    pub name: Arc<str>,
    /// Its architecture; `None`: the host's own, or none in particular.
    pub arch: Option<Arc<str>>,
}

impl PackageName {
    /// From a name, or `NAME:ARCH`.
    pub fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some((name, arch)) => Self { name: name.into(), arch: Some(arch.into()) },
            None => Self { name: text.into(), arch: None },
        }
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.arch.as_ref().map_or(Ok(()), |arch| write!(f, ":{arch}"))
    }
}

/// The package in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// Its architecture.
    pub arch: Arc<str>,
}

/// What is to be done with one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub name: PackageName,
    /// What.
    pub to: To,
}

/// What is to be done with a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Install or upgrade it to the candidate.
    Candidate,
    /// Install this version.
    Version(Arc<str>),
    /// Install the package in this file.
    File(PathBuf),
    /// Install the present version again.
    Again,
    /// Remove it, but not its configuration files.
    Remove,
    /// Remove it wholly.
    Purge,
    /// It is not there any more: remove the configuration files that it left.
    PurgeRest,
}

impl To {
    /// Whether it goes.
    pub fn is_removal(&self) -> bool {
        matches!(self, Self::Remove | Self::Purge | Self::PurgeRest)
    }
}

/// What holds for a whole transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Recommended packages come along.
    pub recommends: bool,
    /// A lower version may replace a higher one.
    pub allow_downgrade: bool,
    /// Packages that nobody has signed may be installed.
    pub allow_untrusted: bool,
    /// What is held may be changed.
    pub change_held: bool,
    /// The package's configuration files replace those that were changed here.
    pub confnew: bool,
    /// Further words for the tool.
    pub options: Arc<[Arc<str>]>,
    /// How long a lock of others is waited for.
    pub lock_timeout: Duration,
    /// Under which name the tool's output is logged.
    pub log: Arc<str>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            recommends: false,
            allow_downgrade: false,
            allow_untrusted: false,
            change_held: false,
            confnew: false,
            options: Arc::from([]),
            lock_timeout: Duration::from_secs(60),
            log: Arc::from("pkg"),
        }
    }
}
