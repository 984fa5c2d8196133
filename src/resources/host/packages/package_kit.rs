//! PackageKit, over D-Bus.
//!
//! It is asked only to change something; where the host has a database that we can read ourselves, the state is read
//! there, for PackageKit need not run for that, and tells of changes late or not at all. On other hosts it answers too.
//!
//! Its answers have traps. An installed package is told twice, as installed and as available: what counts is the number
//! beside it, never the words in its id. Names that it does not know are just missing. A daemon that dies says nothing
//! more: no `Finished` is a failure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use zbus::Proxy;
use zbus::message::Message;

use super::offered::of_versions;
use super::version::compare;
use super::{
    Change, Described, Holder, Installed, Offered, PackageName, Packages, PackagesError, Row, Status, Terms,
    To, Watched,
};
use crate::engine::{Cancel, Stamp};
use crate::resources::host::bus::{ACTIVATION_LIMIT, BusError, Deaf, Hearing, Link, Method, Place};

const SERVICE: &str = "org.freedesktop.PackageKit";
const PATH: &str = "/org/freedesktop/PackageKit";
const TRANSACTION: &str = "org.freedesktop.PackageKit.Transaction";
const CREATE: Method<'static> =
    Method { service: SERVICE, path: PATH, interface: SERVICE, member: "CreateTransaction" };

/// `PK_FILTER_ENUM_NONE` as a bit: everything.
const FILTER_NONE: u64 = 1 << 1;
/// `PK_FILTER_ENUM_INSTALLED` as a bit.
const FILTER_INSTALLED: u64 = 1 << 2;
/// `PK_TRANSACTION_FLAG_ENUM_ONLY_TRUSTED` as a bit.
const ONLY_TRUSTED: u64 = 1 << 1;
/// `PK_TRANSACTION_FLAG_ENUM_ALLOW_REINSTALL` as a bit.
const ALLOW_REINSTALL: u64 = 1 << 4;
/// `PK_TRANSACTION_FLAG_ENUM_ALLOW_DOWNGRADE` as a bit.
const ALLOW_DOWNGRADE: u64 = 1 << 6;
/// `PK_INFO_ENUM_INSTALLED`.
const INSTALLED: u32 = 1;
/// `PK_EXIT_ENUM_SUCCESS`.
const SUCCESS: u32 = 1;
/// How many names one question has: an answer is a message of at most 32 MiB.
const NAMES: usize = 5_000;
/// How long an answer to a question may take: the daemon may have to be started, and waits for others' locks.
const PATIENCE: Duration = Duration::from_secs(120);

/// PackageKit of a host.
#[derive(Debug)]
pub struct PackageKit {
    /// What reads the host's database, if it is one that we know.
    reader: Option<Arc<dyn Packages>>,
    /// What reads the lists of its repositories, likewise.
    lists: Option<Arc<dyn Packages>>,
    bus: Link,
}

/// A package as PackageKit tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    info: u32,
    id: String,
}

impl Told {
    /// Name, version and architecture: the parts of `NAME;VERSION;ARCH;DATA`.
    fn parts(&self) -> Option<(&str, &str, &str)> {
        let mut parts = self.id.split(';');
        Some((parts.next()?, parts.next()?, parts.next()?))
    }

    fn is(&self, name: &PackageName) -> bool {
        self.parts().is_some_and(|(named, _, arch)| {
            *named == *name.name && name.arch.as_ref().is_none_or(|wanted| **wanted == *arch)
        })
    }
}

/// What a transaction said until it was finished.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    packages: Vec<Told>,
    error: Option<String>,
    exit: Option<u32>,
}

impl Heard {
    fn take(&mut self, signal: &Message) {
        let header = signal.header();
        let body = signal.body();
        match header.member().map(|member| member.as_str()) {
            Some("Package") => {
                if let Ok((info, id, _)) = body.deserialize::<(u32, String, String)>() {
                    self.packages.push(Told { info, id });
                }
            }
            Some("Packages") => {
                if let Ok(rows) = body.deserialize::<Vec<(u32, String, String)>>() {
                    self.packages.extend(rows.into_iter().map(|(info, id, _)| Told { info, id }));
                }
            }
            Some("ErrorCode") => {
                if let Ok((_, said)) = body.deserialize::<(u32, String)>() {
                    self.error = Some(said);
                }
            }
            Some("Finished") => self.exit = body.deserialize::<(u32, u32)>().ok().map(|(exit, _)| exit),
            _ => {}
        }
    }

    /// What was heard of a transaction that succeeded.
    fn verdict(self) -> Result<Vec<Told>, PackagesError> {
        let failed = |what: String| PackagesError::Answer { tool: "PackageKit", what: what.into() };
        match (self.exit, self.error) {
            (Some(SUCCESS), _) => Ok(self.packages),
            (_, Some(said)) => Err(failed(said.replace('\n', " "))),
            (Some(exit), None) => Err(failed(format!("it ended with code {exit}"))),
            (None, None) => Err(failed("its daemon went away before it had finished".to_owned())),
        }
    }
}

/// What is installed, of what was told.
fn installed(told: &[Told]) -> Installed {
    let mut installed = Installed::default();
    for (name, version, arch) in told.iter().filter(|told| told.info == INSTALLED).filter_map(Told::parts) {
        let status = Status::Configured;
        let row =
            Row { arch: arch.into(), status, version: version.into(), held: false, must_reinstall: false };
        installed.add(name.into(), row);
    }
    installed
}

/// What could be installed, of what was told.
fn offered(told: &[Told], names: &[PackageName]) -> BTreeMap<PackageName, Offered> {
    let mut available = Vec::new();
    for name in names {
        let of_name = told.iter().filter(|told| told.info != INSTALLED && told.is(name));
        available.extend(of_name.filter_map(Told::parts).map(|(_, version, _)| (name, version)));
    }
    of_versions(available)
}

/// The calls that bring these changes about, and the ids they are about.
#[derive(Debug, Default, PartialEq, Eq)]
struct Calls {
    install: Vec<String>,
    remove: Vec<String>,
    files: Vec<String>,
    flags: u64,
}

fn calls(changes: &[Change], terms: &Terms, told: &[Told]) -> Calls {
    let mut calls = Calls::default();
    if !terms.allow_untrusted {
        calls.flags |= ONLY_TRUSTED;
    }
    if terms.allow_downgrade {
        calls.flags |= ALLOW_DOWNGRADE;
    }
    for Change { name, to } in changes {
        let of_name = || told.iter().filter(|told| told.is(name));
        let version =
            |told: &&Told| told.parts().map(|(_, version, _)| version.to_owned()).unwrap_or_default();
        let available = || of_name().filter(|told| told.info != INSTALLED);
        let present = || of_name().find(|told| told.info == INSTALLED);
        let newest = || available().max_by(|a, b| compare(&version(a), &version(b)));
        let id = match to {
            To::File(path) => {
                calls.files.push(path.to_string_lossy().into_owned());
                continue;
            }
            To::Remove | To::Purge | To::PurgeRest => {
                calls.remove.extend(present().map(|told| told.id.clone()));
                continue;
            }
            To::Candidate => newest().map(|told| told.id.clone()),
            To::Version(wanted) => {
                let known = available().find(|told| version(told) == **wanted).map(|told| told.id.clone());
                // It may tell of the newest only, and take others all the same.
                let of_arch = |told: &Told| Some(format!("{};{wanted};{};", name.name, told.parts()?.2));
                known.or_else(|| newest().and_then(of_arch))
            }
            To::Again => {
                calls.flags |= ALLOW_REINSTALL;
                present().map(|told| told.id.clone())
            }
        };
        calls.install.extend(id);
    }
    calls
}

fn answer(error: BusError) -> PackagesError {
    PackagesError::Answer { tool: "PackageKit", what: error.to_string().into() }
}

fn bus_error(error: zbus::Error) -> PackagesError {
    PackagesError::Answer { tool: "PackageKit", what: error.to_string().into() }
}

impl PackageKit {
    /// Nothing is connected to before it is first needed.
    pub fn new(reader: Option<Arc<dyn Packages>>, knows_lists: bool) -> Self {
        let lists = reader.clone().filter(|_| knows_lists);
        Self { reader, lists, bus: Link::new(vec![Place::SystemBus], Hearing::default(), Arc::new(Deaf)) }
    }

    /// Runs one method as a transaction to its end, and says what was heard. Cancelling does not end it.
    async fn run<B>(
        &self,
        method: &'static str,
        body: &B,
        cancel: Option<&Cancel>,
    ) -> Result<Vec<Told>, PackagesError>
    where
        B: serde::Serialize + zbus::DynamicType + Sync,
    {
        let path: zbus::OwnedObjectPath =
            self.bus.ask(CREATE, &(), ACTIVATION_LIMIT).await.map_err(answer)?;
        let bus = self.bus.connection().await.map_err(answer)?;
        let daemon = Proxy::new(&bus, SERVICE, PATH, SERVICE).await.map_err(bus_error)?;
        let transaction = Proxy::new(&bus, SERVICE, path, TRANSACTION).await.map_err(bus_error)?;
        // Before it begins: nothing that it says is missed.
        let mut signals = transaction.receive_all_signals().await.map_err(bus_error)?;
        let mut owners = daemon.receive_owner_changed().await.map_err(bus_error)?;
        let hints = ["locale=C.UTF-8", "interactive=false", "background=false"];
        transaction.call::<_, _, ()>("SetHints", &(hints.as_slice(),)).await.map_err(bus_error)?;
        transaction.call::<_, _, ()>(method, body).await.map_err(bus_error)?;
        let mut heard = Heard::default();
        let killed = async {
            match cancel {
                Some(cancel) => cancel.killed().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(killed);
        while heard.exit.is_none() {
            tokio::select! {
                signal = signals.next() => match signal {
                    Some(signal) => heard.take(&signal),
                    None => break,
                },
                // It leaves when it has nothing to do, or is made to.
                owner = owners.next() => if owner.flatten().is_none() { break },
                () = &mut killed => return Err(PackagesError::Cancelled),
            }
        }
        heard.verdict()
    }

    /// As [`run`](Self::run), of what only looks.
    async fn ask<B>(&self, method: &'static str, body: &B) -> Result<Vec<Told>, PackagesError>
    where
        B: serde::Serialize + zbus::DynamicType + Sync,
    {
        let late = |_| PackagesError::Answer { tool: "PackageKit", what: "it does not answer".into() };
        tokio::time::timeout(PATIENCE, self.run(method, body, None)).await.map_err(late)?
    }

    async fn resolve(&self, names: &[PackageName]) -> Result<Vec<Told>, PackagesError> {
        let mut told = Vec::new();
        for names in names.chunks(NAMES) {
            let names: Vec<&str> = names.iter().map(|name| &*name.name).collect();
            told.extend(self.ask("Resolve", &(FILTER_NONE, names)).await?);
        }
        Ok(told)
    }
}

#[async_trait]
impl Packages for PackageKit {
    fn name(&self) -> &'static str {
        "packagekit"
    }

    fn watched(&self) -> Vec<Watched> {
        self.reader.as_ref().map(|reader| reader.watched()).unwrap_or_default()
    }

    fn holder(&self) -> Option<Holder> {
        self.reader.as_ref()?.holder()
    }

    fn stamp(&self) -> Option<Stamp> {
        self.reader.as_ref()?.stamp()
    }

    fn lists_stamp(&self) -> Option<Stamp> {
        self.lists.as_ref()?.lists_stamp()
    }

    fn lock_file(&self) -> Option<PathBuf> {
        self.reader.as_ref()?.lock_file()
    }

    async fn installed(&self, cancel: &Cancel) -> Result<Installed, PackagesError> {
        match &self.reader {
            Some(reader) => reader.installed(cancel).await,
            None => Ok(installed(&self.ask("GetPackages", &FILTER_INSTALLED).await?)),
        }
    }

    async fn offered(
        &self,
        names: &[PackageName],
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<BTreeMap<PackageName, Offered>, PackagesError> {
        match &self.lists {
            Some(lists) => lists.offered(names, terms, cancel).await,
            None => Ok(offered(&self.resolve(names).await?, names)),
        }
    }

    fn lists_age(&self) -> Option<Duration> {
        self.lists.as_ref()?.lists_age()
    }

    fn lists_are_outdated(&self) -> bool {
        self.lists.as_ref().is_some_and(|lists| lists.lists_are_outdated())
    }

    async fn refresh(&self, _: &Terms, cancel: &Cancel) -> Result<(), PackagesError> {
        self.run("RefreshCache", &false, Some(cancel)).await.map(drop)
    }

    async fn repair(&self, terms: &Terms, cancel: &Cancel) -> Result<(), PackagesError> {
        match &self.reader {
            Some(reader) => reader.repair(terms, cancel).await,
            None => self.run("RepairSystem", &0_u64, Some(cancel)).await.map(drop),
        }
    }

    async fn transact(
        &self,
        changes: &[Change],
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<(), PackagesError> {
        let names: Vec<PackageName> = changes.iter().map(|change| change.name.clone()).collect();
        let told = self.resolve(&names).await?;
        let Calls { install, remove, files, flags } = calls(changes, terms, &told);
        if !remove.is_empty() {
            self.run("RemovePackages", &(flags, remove, false, false), Some(cancel)).await?;
        }
        // PackageKit knows of no configuration files that are left.
        if let Some(reader) = self.reader.as_ref().filter(|reader| reader.leaves_configuration()) {
            let purged = changes.iter().filter(|change| matches!(change.to, To::Purge | To::PurgeRest));
            let rest: Vec<Change> =
                purged.map(|change| Change { name: change.name.clone(), to: To::PurgeRest }).collect();
            if !rest.is_empty() {
                reader.transact(&rest, terms, cancel).await?;
            }
        }
        if !install.is_empty() {
            self.run("InstallPackages", &(flags, install), Some(cancel)).await?;
        }
        if !files.is_empty() {
            self.run("InstallFiles", &(flags, files), Some(cancel)).await?;
        }
        Ok(())
    }

    async fn hold(
        &self,
        names: &[PackageName],
        hold: bool,
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<(), PackagesError> {
        match &self.reader {
            Some(reader) => reader.hold(names, hold, terms, cancel).await,
            None => Err(PackagesError::Unable { tool: "PackageKit", what: "hold packages" }),
        }
    }

    async fn describe(&self, file: &Path, cancel: &Cancel) -> Result<Described, PackagesError> {
        match &self.reader {
            Some(reader) => reader.describe(file, cancel).await,
            None => Err(PackagesError::Unable { tool: "PackageKit", what: "say what is in a file" }),
        }
    }

    fn owned(&self, name: &PackageName) -> Option<String> {
        self.reader.as_ref()?.owned(name)
    }

    fn contents_lists(&self) -> Vec<PathBuf> {
        self.reader.as_ref().map(|reader| reader.contents_lists()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(info: u32, id: &str) -> Told {
        Told { info, id: id.to_owned() }
    }

    /// As recorded on Debian: an installed package is told twice, and its id does not say that it is installed.
    fn recorded() -> Vec<Told> {
        vec![
            told(1, "tiny;1.0;all;manual:local"),
            told(2, "tiny;1.0;all;test"),
            told(2, "tiny;2.0;all;test"),
            told(2, "other;1.0;all;test"),
        ]
    }

    #[test]
    fn what_is_installed_is_known_by_its_number_and_never_by_its_words() {
        let found = installed(&recorded());
        assert_eq!(found.len(), 1);
        let names = ["tiny", "other", "nosuch"].map(PackageName::parse);
        let found = offered(&recorded(), &names);
        assert_eq!(found[&names[0]].versions, ["2.0".into(), "1.0".into()]);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn changes_are_put_into_calls_by_id() {
        let change = |name: &str, to| Change { name: PackageName::parse(name), to };
        let changes = [change("other", To::Candidate), change("tiny", To::Version("2.0".into()))];
        let found = calls(&changes, &Terms::default(), &recorded());
        assert_eq!(found.install, ["other;1.0;all;test", "tiny;2.0;all;test"]);
        assert_eq!(found.flags, ONLY_TRUSTED);
        let older = calls(&[change("tiny", To::Version("0.5".into()))], &Terms::default(), &recorded());
        assert_eq!(older.install, ["tiny;0.5;all;"]);
        let terms = Terms { allow_untrusted: true, allow_downgrade: true, ..Terms::default() };
        let found =
            calls(&[change("tiny", To::Remove), change("x", To::File("/x.deb".into()))], &terms, &recorded());
        assert_eq!(
            (found.remove.as_slice(), found.files.as_slice()),
            (&["tiny;1.0;all;manual:local".to_owned()][..], &["/x.deb".to_owned()][..])
        );
        assert_eq!(found.flags, ALLOW_DOWNGRADE);
    }

    #[test]
    fn a_transaction_that_never_finished_has_failed() {
        let heard =
            |error: Option<&str>, exit| Heard { packages: recorded(), error: error.map(str::to_owned), exit };
        assert_eq!(heard(None, Some(SUCCESS)).verdict().unwrap().len(), 4);
        let said = |heard: Heard| heard.verdict().unwrap_err().to_string();
        assert!(said(heard(None, None)).contains("went away"));
        assert!(said(heard(Some("E: broken\nvery"), Some(2))).contains("E: broken very"));
        assert!(said(heard(None, Some(3))).contains("code 3"));
    }
}
