//! apt and dpkg.

mod policy_text;
mod simulation;
mod status_text;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::runner::Runner;
use super::{
    Change, Described, Holder, Installed, Marks, Offered, PackageName, Packages, PackagesError, Terms, To,
    Watched,
};
use super::{lists, lock};
use crate::engine::path_watch::Interest;
use crate::engine::{Cancel, Stamp};
use crate::resources::host::process::Processes;
use crate::resources::host::stamp::stamp_of_all;

/// How many names one command line gets.
const NAMES: usize = 2_000;
/// What changes with each transaction.
const DATABASE: [&str; 2] = ["var/lib/dpkg/status", "var/lib/dpkg/updates"];
/// What changes with what could be installed.
const LISTS: [&str; 4] =
    ["var/lib/apt/lists", "var/lib/apt/lists/partial", "var/lib/apt/extended_states", "etc/apt/preferences"];
/// What fetching lists changes.
const FETCHED: [&str; 2] = ["var/lib/apt/lists/partial", "var/lib/apt/lists"];
/// Nothing asks.
const VARIABLES: [(&str, &str); 3] =
    [("DEBIAN_FRONTEND", "noninteractive"), ("APT_LISTCHANGES_FRONTEND", "none"), ("NEEDRESTART_MODE", "l")];

/// apt and dpkg of a host.
#[derive(Debug)]
pub struct Dpkg(Runner);

impl Dpkg {
    /// Over the files below a root folder, which tests choose.
    pub fn new(root: &Path, processes: Arc<dyn Processes>) -> Self {
        Self(Runner::new(root, processes, &VARIABLES))
    }

    /// Whether a transaction was broken off: its steps are still in the journal.
    fn is_interrupted(&self) -> bool {
        let Ok(entries) = std::fs::read_dir(self.0.at("var/lib/dpkg/updates")) else { return false };
        entries.flatten().any(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit))
    }

    /// # Errors
    /// When packages would go of which nobody has said so: `--no-remove` rules them out only while none is to go.
    async fn refuse_others(
        &self,
        changes: &[Change],
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<(), PackagesError> {
        let going = simulation::going(&self.simulation(changes, terms, cancel).await?);
        let is_meant = |name: &String| {
            let name = PackageName::parse(name);
            // apt leaves out the host's own architecture.
            let is_it = |known: &PackageName| {
                known.name == name.name && (name.arch.is_none() || known.arch == name.arch)
            };
            changes.iter().any(|change| change.to.is_removal() && is_it(&change.name))
        };
        let others: Vec<String> = going.into_iter().filter(|name| !is_meant(name)).collect();
        if others.is_empty() { Ok(()) } else { Err(PackagesError::TakesOthers { others }) }
    }

    async fn simulation(
        &self,
        changes: &[Change],
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<String, PackagesError> {
        let mut words = words::install(changes, terms);
        words.insert(1, "-s".into());
        self.0.answer("apt-get -s", words, cancel).await
    }

    async fn providers(
        &self,
        names: &[PackageName],
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<BTreeMap<Arc<str>, Vec<Arc<str>>>, PackagesError> {
        let outcome = self.0.ask("apt-cache", words::cache("showpkg", names, terms), cancel).await?;
        Ok(policy_text::providers(&outcome.stdout.text()))
    }
}

#[async_trait]
impl Packages for Dpkg {
    fn name(&self) -> &'static str {
        "apt"
    }

    fn leaves_configuration(&self) -> bool {
        true
    }

    fn watched(&self) -> Vec<Watched> {
        let watched = |path: &str, interest, marks| Watched { path: self.0.at(path), interest, marks };
        vec![
            watched("var/lib/dpkg/status", Interest::SELF, Marks::Change),
            watched("var/lib/dpkg/lock-frontend", Interest::CONTENT, Marks::Ends),
            // Closed at the end of an update, where the lists themselves change many times.
            watched("var/lib/apt/lists/lock", Interest::CONTENT, Marks::Lists),
            watched("var/lib/apt/extended_states", Interest::SELF, Marks::Lists),
            watched("etc/apt/preferences", Interest::CONTENT, Marks::Lists),
            watched("etc/apt/preferences.d", Interest::TREE, Marks::Lists),
        ]
    }

    fn holder(&self) -> Option<Holder> {
        lock::holder(&self.0.at("var/lib/dpkg/lock-frontend"))
    }

    fn stamp(&self) -> Option<Stamp> {
        // The journal is a folder that each transaction writes to, and empties at its end.
        Some(stamp_of_all(DATABASE.map(|path| self.0.at(path)).iter().map(PathBuf::as_path)))
    }

    fn lists_stamp(&self) -> Option<Stamp> {
        let mut files = lists::listed(&self.0.at("etc/apt/preferences.d"));
        files.extend(LISTS.map(|path| self.0.at(path)));
        Some(stamp_of_all(files.iter().map(PathBuf::as_path)))
    }

    fn lock_file(&self) -> Option<PathBuf> {
        Some(self.0.at("var/lib/dpkg/lock-frontend"))
    }

    async fn installed(&self, cancel: &Cancel) -> Result<Installed, PackagesError> {
        for format in [status_text::FORMAT, status_text::SHORT_FORMAT] {
            let words = ["dpkg-query", "-W", "-f", format].map(Arc::from).to_vec();
            let outcome = self.0.ask("dpkg-query", words, cancel).await?;
            if !outcome.ending.is_success() {
                return Err(PackagesError::failed("dpkg-query", &outcome));
            }
            if outcome.stdout.is_whole() {
                let mut installed = status_text::parse(&outcome.stdout.text())?;
                installed.interrupted = self.is_interrupted();
                return Ok(installed);
            }
        }
        Err(PackagesError::Answer { tool: "dpkg-query", what: "it is too long".into() })
    }

    async fn offered(
        &self,
        names: &[PackageName],
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<BTreeMap<PackageName, Offered>, PackagesError> {
        let mut found = BTreeMap::new();
        for names in names.chunks(NAMES) {
            let outcome = self.0.ask("apt-cache", words::cache("policy", names, terms), cancel).await?;
            if !outcome.ending.is_success() {
                return Err(PackagesError::failed("apt-cache", &outcome));
            }
            let policy = policy_text::policy(&outcome.stdout.text());
            let known = names.iter().filter_map(|name| {
                // apt leaves out the host's own architecture.
                let offered = policy.get(&*name.to_string()).or_else(|| policy.get(&name.name))?;
                Some((name.clone(), offered.clone()))
            });
            let mut known: BTreeMap<PackageName, Offered> = known.collect();
            let nameless = known
                .iter()
                .filter(|(_, offered)| offered.candidate.is_none() && offered.versions.is_empty());
            let nameless: Vec<PackageName> = nameless.map(|(name, _)| name.clone()).collect();
            if !nameless.is_empty() {
                let providers = self.providers(&nameless, terms, cancel).await?;
                for name in nameless {
                    match providers.get(&name.name) {
                        Some(by) => known.entry(name).or_default().providers.clone_from(by),
                        // Known only because something depends on it, or because it once was installed.
                        None => drop(known.remove(&name)),
                    }
                }
            }
            found.append(&mut known);
        }
        Ok(found)
    }

    fn lists_age(&self) -> Option<Duration> {
        lists::age(&FETCHED.map(|path| self.0.at(path)))
    }

    fn lists_are_outdated(&self) -> bool {
        let folder = self.0.at("etc/apt/sources.list.d");
        let mut sources = lists::listed(&folder);
        sources.extend([self.0.at("etc/apt/sources.list"), folder]);
        lists::are_outdated(&FETCHED.map(|path| self.0.at(path)), &sources)
    }

    async fn refresh(&self, terms: &Terms, cancel: &Cancel) -> Result<(), PackagesError> {
        self.0.change("apt-get update", words::update(terms), terms, cancel).await
    }

    async fn repair(&self, terms: &Terms, cancel: &Cancel) -> Result<(), PackagesError> {
        self.0.change("dpkg --configure", words::configure_all(terms), terms, cancel).await
    }

    async fn transact(
        &self,
        changes: &[Change],
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<(), PackagesError> {
        let (mut rest, changes): (Vec<Change>, Vec<Change>) =
            changes.iter().cloned().partition(|change| change.to == To::PurgeRest);
        // A transaction can only be told to purge all that goes: this is done afterwards, of those that are meant.
        rest.extend(changes.iter().filter(|change| change.to == To::Purge).cloned());
        if changes.iter().any(|change| change.to.is_removal()) {
            self.refuse_others(&changes, terms, cancel).await?;
        }
        let mut ended = Ok(());
        if !changes.is_empty() {
            ended = self.0.change("apt-get", words::install(&changes, terms), terms, cancel).await;
            ended = ended.map_err(others_named);
        }
        if !rest.is_empty() && !cancel.is_cancelled() {
            let purged = self.0.change("apt-get", words::purge_rest(&rest, terms), terms, cancel).await;
            ended = ended.and(purged);
        }
        ended
    }

    async fn simulate(
        &self,
        changes: &[Change],
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<Option<Vec<String>>, PackagesError> {
        Ok(Some(simulation::parse(&self.simulation(changes, terms, cancel).await?)))
    }

    async fn hold(
        &self,
        names: &[PackageName],
        hold: bool,
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<(), PackagesError> {
        self.0.change("apt-mark", words::hold(names, hold), terms, cancel).await
    }

    async fn describe(&self, file: &Path, cancel: &Cancel) -> Result<Described, PackagesError> {
        let path = file.to_string_lossy();
        let words = ["dpkg-deb", "-f", &*path, "Package", "Version", "Architecture"].map(Arc::from).to_vec();
        let outcome = self.0.ask("dpkg-deb", words, cancel).await?;
        if !outcome.ending.is_success() {
            return Err(PackagesError::failed("dpkg-deb", &outcome));
        }
        let text = outcome.stdout.text();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let missing = || PackagesError::Answer { tool: "dpkg-deb", what: format!("no {name}").into() };
            line.map(|value| Arc::from(value.trim())).ok_or_else(missing)
        };
        Ok(Described { name: field("Package")?, version: field("Version")?, arch: field("Architecture")? })
    }

    fn owned(&self, name: &PackageName) -> Option<String> {
        let info = self.0.at("var/lib/dpkg/info");
        let read = |file: String| match std::fs::read(info.join(file)) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::debug!(package = %name, %error, "cannot read what it owns");
                }
                None
            }
        };
        // What may be there in several architectures has its own in the file's name.
        read(format!("{}.list", name.name)).or_else(|| match &name.arch {
            Some(arch) => read(format!("{}:{arch}.list", name.name)),
            None => read(format!("{}:{}.list", name.name, native())),
        })
    }

    fn contents_lists(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.0.at("var/lib/apt/lists")) else { return Vec::new() };
        let mut found: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(|path| is_contents(path)).collect();
        found.sort();
        found
    }
}

/// apt only says that packages would go, and which: that is the error.
fn others_named(error: PackagesError) -> PackagesError {
    match error {
        PackagesError::Failed { said, .. } if said.contains(simulation::NO_REMOVE) => {
            PackagesError::TakesOthers { others: simulation::removed(&said) }
        }
        other => other,
    }
}

/// Whether a list says which package has which file: `…_Contents-amd64`, packed or not.
fn is_contents(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.contains("_Contents-"))
}

/// What Debian calls the architecture that this program was built for.
fn native() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "i386",
        "arm" => "armhf",
        "powerpc64" => "ppc64el",
        other => other,
    }
}

#[cfg(test)]
mod tests;
