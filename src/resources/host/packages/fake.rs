//! Packages without a host.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{
    Change, Described, Holder, Installed, Marks, Offered, PackageName, Packages, PackagesError, Row, Status,
    Terms, To, Watched,
};
use crate::engine::path_watch::Interest;
use crate::engine::{Cancel, Stamp};
use crate::resources::host::process::Ending;

/// Packages that a test made.
#[derive(Debug, Default)]
pub struct FakePackages(Mutex<FakeHost>);

/// What is in a fake host.
#[derive(Debug, Default)]
pub struct FakeHost {
    /// By name.
    pub installed: BTreeMap<String, Row>,
    /// Versions by name, newest first.
    pub repository: BTreeMap<String, Vec<&'static str>>,
    /// What the repository has after its lists are fetched.
    pub upstream: BTreeMap<String, Vec<&'static str>>,
    /// What it has once another has fetched its lists, right after a transaction.
    pub fetched_after: BTreeMap<String, Vec<&'static str>>,
    /// Who provides a name.
    pub providers: BTreeMap<String, Vec<&'static str>>,
    /// These cannot be configured.
    pub failing: BTreeSet<String>,
    /// These stay as they are, though the tool says that all is well.
    pub stubborn: BTreeSet<String>,
    /// Of these somebody undoes the first change at once.
    pub undone_once: BTreeSet<String>,
    /// These somebody takes away during the next transaction.
    pub taken: BTreeSet<String>,
    /// Packages in files.
    pub files: BTreeMap<PathBuf, Described>,
    /// What installed packages own, one path a line.
    pub owned: BTreeMap<String, String>,
    /// Indexes of what is not installed.
    pub contents: Vec<PathBuf>,
    /// Who changes packages.
    pub holder: Option<Holder>,
    /// A transaction was broken off.
    pub interrupted: bool,
    /// How old the lists are.
    pub lists_age: Option<Duration>,
    /// A repository is newer than the lists.
    pub is_outdated: bool,
    /// Its repositories cannot be reached.
    pub is_cut_off: bool,
    /// What goes along with a package that is removed.
    pub needed_by: BTreeMap<String, String>,
    /// It has nothing to hold packages with.
    pub cannot_hold: bool,
    /// What was asked for, in order, in few words.
    pub calls: Vec<String>,
}

/// Where the fake's database is said to be.
const DATABASE: &str = "/fake/status";
/// Where its lock is said to be.
const LOCK: &str = "/fake/lock";

impl FakePackages {
    /// A look at the host, or a change of it.
    pub fn host(&self) -> MutexGuard<'_, FakeHost> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a package installed.
    pub fn install(&self, name: &str, version: &str) {
        self.host().installed.insert(name.to_owned(), row(version, Status::Configured));
    }

    /// The calls since the last one.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.host().calls)
    }

    fn call(&self, call: impl Into<String>) -> MutexGuard<'_, FakeHost> {
        let mut host = self.host();
        host.calls.push(call.into());
        host
    }
}

fn row(version: &str, status: Status) -> Row {
    Row { arch: "all".into(), status, version: version.into(), held: false, must_reinstall: false }
}

fn digest(state: &impl std::fmt::Debug) -> Stamp {
    let mut hasher = DefaultHasher::new();
    format!("{state:?}").hash(&mut hasher);
    Stamp(hasher.finish())
}

fn joined<T: ToString>(words: impl IntoIterator<Item = T>) -> String {
    words.into_iter().map(|word| word.to_string()).collect::<Vec<_>>().join(" ")
}

impl FakeHost {
    fn put(&mut self, name: &str, version: &str) {
        let status = match self.failing.contains(name) {
            true => Status::Half("half configured"),
            false => Status::Configured,
        };
        let held = self.installed.get(name).is_some_and(|row| row.held);
        self.installed.insert(name.to_owned(), Row { held, ..row(version, status) });
    }

    fn change(&mut self, change: &Change) {
        let name = &*change.name.name;
        if self.stubborn.contains(name) || self.undone_once.remove(name) {
            return;
        }
        let newest = self.repository.get(name).and_then(|versions| versions.first().copied());
        match &change.to {
            To::Candidate => {
                let provider = self.providers.get(name).and_then(|by| by.first().copied());
                let name = if newest.is_some() { name } else { provider.unwrap_or(name) };
                self.put(name, newest.unwrap_or("1.0"));
            }
            To::Version(version) => self.put(name, version),
            To::File(path) => {
                let version = self.files[path].version.clone();
                self.put(name, &version);
            }
            To::Again => {
                self.failing.remove(name);
                let version = self.installed[name].version.clone();
                self.put(name, &version);
            }
            To::Remove => {
                if let Some(row) = self.installed.get_mut(name) {
                    row.status = Status::ConfigFiles;
                }
            }
            To::Purge | To::PurgeRest => drop(self.installed.remove(name)),
        }
    }

    /// What the tool says in the end.
    fn verdict(&self, tool: &'static str) -> Result<(), PackagesError> {
        let half = |row: &&Row| matches!(row.status, Status::Half(_));
        match self.installed.values().find(half) {
            None => Ok(()),
            Some(_) => Err(PackagesError::Failed {
                tool,
                ending: Ending::Exit(100),
                said: "E: dpkg failed (1)".into(),
            }),
        }
    }
}

#[async_trait]
impl Packages for FakePackages {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn watched(&self) -> Vec<Watched> {
        let watched = |path: &str, marks| Watched { path: path.into(), interest: Interest::SELF, marks };
        vec![
            watched(DATABASE, Marks::Change),
            watched(LOCK, Marks::Ends),
            watched("/fake/lists", Marks::Lists),
        ]
    }

    fn holder(&self) -> Option<Holder> {
        self.host().holder.clone()
    }

    fn stamp(&self) -> Option<Stamp> {
        let host = self.host();
        Some(digest(&(&host.installed, host.interrupted)))
    }

    fn lists_stamp(&self) -> Option<Stamp> {
        Some(digest(&self.host().repository))
    }

    fn lock_file(&self) -> Option<PathBuf> {
        Some(LOCK.into())
    }

    async fn installed(&self, _: &Cancel) -> Result<Installed, PackagesError> {
        let host = self.call("installed");
        let mut installed = Installed::on("amd64");
        for (name, row) in &host.installed {
            installed.add(name.as_str().into(), row.clone());
        }
        for (name, by) in &host.providers {
            for by in by.iter().filter(|by| host.installed.contains_key(**by)) {
                installed.add_provided(name.as_str().into(), (*by).into());
            }
        }
        installed.interrupted = host.interrupted;
        Ok(installed)
    }

    async fn offered(
        &self,
        names: &[PackageName],
        _: &Terms,
        _: &Cancel,
    ) -> Result<BTreeMap<PackageName, Offered>, PackagesError> {
        let host = self.call(format!("offered {}", joined(names)));
        let offered = |name: &PackageName| {
            let versions: Vec<Arc<str>> =
                host.repository.get(&*name.name).into_iter().flatten().map(|it| (*it).into()).collect();
            let providers: Vec<Arc<str>> =
                host.providers.get(&*name.name).into_iter().flatten().map(|it| (*it).into()).collect();
            let known = !versions.is_empty() || !providers.is_empty();
            known.then(|| {
                (name.clone(), Offered { candidate: versions.first().cloned(), versions, providers })
            })
        };
        Ok(names.iter().filter_map(offered).collect())
    }

    fn lists_age(&self) -> Option<Duration> {
        self.host().lists_age
    }

    fn lists_are_outdated(&self) -> bool {
        self.host().is_outdated
    }

    async fn refresh(&self, _: &Terms, _: &Cancel) -> Result<(), PackagesError> {
        let mut host = self.call("refresh");
        if host.is_cut_off {
            return Err(PackagesError::Failed {
                tool: "apt-get update",
                ending: Ending::Exit(100),
                said: "E: could not resolve".into(),
            });
        }
        let upstream = host.upstream.clone();
        host.repository.extend(upstream);
        host.lists_age = Some(Duration::ZERO);
        host.is_outdated = false;
        Ok(())
    }

    async fn repair(&self, _: &Terms, _: &Cancel) -> Result<(), PackagesError> {
        let mut host = self.call("repair");
        host.interrupted = false;
        let failing = host.failing.clone();
        for (name, row) in &mut host.installed {
            if matches!(row.status, Status::Half(_)) && !row.must_reinstall && !failing.contains(name) {
                row.status = Status::Configured;
            }
        }
        host.verdict("dpkg --configure")
    }

    async fn transact(&self, changes: &[Change], terms: &Terms, _: &Cancel) -> Result<(), PackagesError> {
        let words = changes.iter().map(|Change { name, to }| match to {
            To::Candidate => name.to_string(),
            To::Again => format!("{name}!"),
            To::Version(version) => format!("{name}={version}"),
            To::File(path) => path.display().to_string(),
            To::Remove => format!("{name}-"),
            To::Purge => format!("{name}_"),
            To::PurgeRest => format!("{name}__"),
        });
        let held = if terms.change_held { " (held too)" } else { "" };
        let mut host = self.call(format!("transact {}{held}", joined(words)));
        let going = changes.iter().filter(|change| change.to.is_removal());
        let others: Vec<String> =
            going.filter_map(|change| host.needed_by.get(&*change.name.name).cloned()).collect();
        if !others.is_empty() {
            return Err(PackagesError::TakesOthers { others });
        }
        for change in changes {
            host.change(change);
        }
        for name in std::mem::take(&mut host.taken) {
            host.installed.remove(&name);
        }
        let fetched = std::mem::take(&mut host.fetched_after);
        host.repository.extend(fetched);
        host.verdict("apt-get")
    }

    async fn simulate(
        &self,
        changes: &[Change],
        _: &Terms,
        _: &Cancel,
    ) -> Result<Option<Vec<String>>, PackagesError> {
        drop(self.call("simulate"));
        Ok(Some(changes.iter().map(|change| format!("+{} and what it needs", change.name)).collect()))
    }

    async fn hold(
        &self,
        names: &[PackageName],
        hold: bool,
        _: &Terms,
        _: &Cancel,
    ) -> Result<(), PackagesError> {
        let mut host = self.call(format!("{} {}", if hold { "hold" } else { "unhold" }, joined(names)));
        if host.cannot_hold {
            return Err(PackagesError::Unable { tool: "fake", what: "hold packages" });
        }
        for name in names {
            if let Some(row) = host.installed.get_mut(&*name.name) {
                row.held = hold;
            }
        }
        Ok(())
    }

    async fn describe(&self, file: &Path, _: &Cancel) -> Result<Described, PackagesError> {
        let missing = || PackagesError::Answer { tool: "fake", what: "there is no such file".into() };
        self.host().files.get(file).cloned().ok_or_else(missing)
    }

    fn owned(&self, name: &PackageName) -> Option<String> {
        self.host().owned.get(&*name.name).cloned()
    }

    fn contents_lists(&self) -> Vec<PathBuf> {
        self.host().contents.clone()
    }
}
