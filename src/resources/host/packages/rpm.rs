//! rpm and dnf, by their command lines. Tried with dnf 4 and rpm 4.18 on a test host.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::offered::of_versions;
use super::runner::{Runner, words};
use super::{
    Change, Described, Holder, Installed, Marks, Offered, PackageName, Packages, PackagesError, Row, Status,
    Terms, To, Watched, lists, lock,
};
use crate::engine::path_watch::Interest;
use crate::engine::{Cancel, Stamp};
use crate::resources::host::process::Processes;
use crate::resources::host::stamp::stamp_of_all;

/// What is asked of each installed package. An epoch that is none is left out, as dnf does.
const FORMAT: &str = "%{NAME}\\t%{ARCH}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n";
/// The same of what could be installed.
const OFFERED: &str = "%{name}\\t%{arch}\\t%{epoch}:%{version}-%{release}\\n";

/// Where dnf 4 and dnf 5 keep what they fetched.
const CACHES: [&str; 2] = ["var/cache/dnf", "var/cache/libdnf5"];
/// Where repositories are declared.
const REPOSITORIES: &str = "etc/yum.repos.d";
/// The list of dnf's plugin versionlock.
const LOCKED: &str = "etc/dnf/plugins/versionlock.list";

/// rpm and dnf of a host.
#[derive(Debug)]
pub struct Rpm {
    runner: Runner,
    /// `dnf`, or `yum` where that is all there is.
    program: &'static str,
}

impl Rpm {
    /// Over the files below a root folder, which tests choose.
    pub fn new(root: &Path, processes: Arc<dyn Processes>) -> Self {
        let has = |file: &str| root.join(file).exists();
        let program =
            if has("usr/bin/yum") && !has("usr/bin/dnf") && !has("usr/bin/dnf5") { "yum" } else { "dnf" };
        Self { runner: Runner::new(root, processes, &[]), program }
    }

    /// Where the database is: newer hosts have it below /usr.
    fn database(&self) -> PathBuf {
        let newer = self.runner.at("usr/lib/sysimage/rpm");
        if newer.is_dir() { newer } else { self.runner.at("var/lib/rpm") }
    }

    /// What dnf has of repositories: a file of each that it made of what it fetched, and the list itself, whose time it
    /// sets whenever it has asked the repository.
    fn fetched(&self, is_one: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        // dnf 4 has its files of all repositories in one folder, dnf 5 in one of each.
        let of_repositories = CACHES.iter().flat_map(|cache| lists::listed(&self.runner.at(cache)));
        let below = |path: PathBuf| {
            let inside = ["repodata", "solv"].map(|folder| lists::listed(&path.join(folder)));
            std::iter::once(path).chain(inside.into_iter().flatten())
        };
        of_repositories.flat_map(below).filter(|path| is_one(path)).collect()
    }

    /// The lists of repositories, with the time of when they were last found to be the newest.
    fn lists(&self) -> Vec<PathBuf> {
        self.fetched(|path| name_of(path).contains("primary"))
    }

    /// # Errors
    /// When packages need those that go: dnf would remove them too.
    async fn refuse_others(&self, changes: &[Change], cancel: &Cancel) -> Result<(), PackagesError> {
        let going = changes.iter().filter(|change| change.to.is_removal());
        let going: Vec<Arc<str>> = going.map(|change| spec(&change.name, None)).collect();
        if going.is_empty() {
            return Ok(());
        }
        let mut command = words(["rpm", "-e", "--test"]);
        command.extend(going);
        // What else may be wrong with it dnf says itself.
        let outcome = self.runner.ask("rpm -e --test", command, cancel).await?;
        let others = needed_by(&outcome.output.text());
        if others.is_empty() { Ok(()) } else { Err(PackagesError::TakesOthers { others }) }
    }

    /// What dnf's plugin holds; nothing where it is not installed.
    fn locked(&self) -> String {
        std::fs::read_to_string(self.runner.at(LOCKED)).unwrap_or_default()
    }
}

/// Who needs what is to go: `x is needed by (installed) y-1.0-1.noarch`.
fn needed_by(said: &str) -> Vec<String> {
    let mut others: Vec<String> = said
        .lines()
        .filter_map(|line| Some(line.split_once(" is needed by (installed) ")?.1.trim().to_owned()))
        .collect();
    others.sort();
    others.dedup();
    others
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The rows of `NAME\tARCH\tVERSION`.
fn rows(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let (name, arch, version) = (fields.next()?, fields.next()?, fields.next()?);
        Some((name, arch, version.strip_prefix("0:").unwrap_or(version)))
    })
}

fn installed(text: &str, locked: &str) -> Installed {
    let mut installed = Installed::default();
    for (name, arch, version) in rows(text) {
        // The keys of repositories are kept as if they were packages.
        if name == "gpg-pubkey" {
            continue;
        }
        if name == "rpm" {
            installed.set_native(arch.into());
        }
        let row = Row {
            arch: arch.into(),
            status: Status::Configured,
            version: version.into(),
            held: is_locked(locked, name),
            must_reinstall: false,
        };
        installed.add(name.into(), row);
    }
    installed
}

fn offered(text: &str, names: &[PackageName]) -> BTreeMap<PackageName, Offered> {
    of_versions(rows(text).flat_map(|(name, arch, version)| {
        let fits = move |wanted: &&PackageName| {
            *wanted.name == *name && wanted.arch.as_ref().is_none_or(|of| **of == *arch || arch == "noarch")
        };
        names.iter().filter(fits).map(move |wanted| (wanted, version))
    }))
}

/// Whether a name is held, by the list of dnf's plugin: `nginx-1:1.20-1.*`.
fn is_locked(list: &str, name: &str) -> bool {
    list.lines().any(|line| {
        let rest = line.trim().strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    })
}

/// `NAME.ARCH`, `NAME-VERSION`, as dnf writes them.
fn spec(name: &PackageName, version: Option<&str>) -> Arc<str> {
    let mut text = name.name.to_string();
    if let Some(version) = version {
        text = format!("{text}-{version}");
    }
    if let Some(arch) = &name.arch {
        text = format!("{text}.{arch}");
    }
    text.into()
}

/// The commands of one transaction: dnf removes, installs, and installs again in different ones.
fn transaction(program: &str, changes: &[Change], terms: &Terms) -> Vec<Vec<Arc<str>>> {
    let (mut removed, mut put, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for Change { name, to } in changes {
        match to {
            // rpm removes unchanged configuration files always, and keeps changed ones beside.
            To::Remove | To::Purge | To::PurgeRest => removed.push(spec(name, None)),
            To::Candidate => put.push(spec(name, None)),
            To::Version(version) => put.push(spec(name, Some(version))),
            To::File(path) => put.push(Arc::from(path.to_string_lossy())),
            To::Again => again.push(spec(name, None)),
        }
    }
    let command = |verb: &str, names: Vec<Arc<str>>| {
        let mut all = words([program, "-y", "-q", "--setopt=clean_requirements_on_remove=False"]);
        all.push(Arc::from(format!(
            "--setopt=install_weak_deps={}",
            if terms.recommends { "True" } else { "False" }
        )));
        if terms.allow_untrusted {
            all.push("--nogpgcheck".into());
        }
        if terms.change_held {
            all.push("--disableplugin=versionlock".into());
        }
        // Without it dnf leaves alone what is installed, in whichever version.
        if verb == "install" && program == "dnf" {
            all.push("--best".into());
        }
        all.extend(terms.options.iter().cloned());
        all.push(verb.into());
        all.extend(names);
        all
    };
    let verbs = [("remove", removed), ("install", put), ("reinstall", again)];
    verbs
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(verb, names)| command(verb, names))
        .collect()
}

#[async_trait]
impl Packages for Rpm {
    fn name(&self) -> &'static str {
        "dnf"
    }

    fn watched(&self) -> Vec<Watched> {
        let watched = |path, interest, marks| Watched { path, interest, marks };
        let mut all = vec![
            watched(self.database(), Interest::TREE, Marks::Change),
            watched(self.database().join(".rpm.lock"), Interest::CONTENT, Marks::Ends),
            watched(self.runner.at(LOCKED), Interest::CONTENT, Marks::Change),
        ];
        let lists = CACHES.iter().chain([&REPOSITORIES]);
        all.extend(lists.map(|path| watched(self.runner.at(path), Interest::TREE, Marks::Lists)));
        all
    }

    fn holder(&self) -> Option<Holder> {
        lock::holder(&self.database().join(".rpm.lock"))
    }

    fn stamp(&self) -> Option<Stamp> {
        let database = self.database();
        // Whoever only asks makes an empty log, too: it counts from its first entry on.
        let log = database.join("rpmdb.sqlite-wal");
        let log = log.metadata().is_ok_and(|log| log.len() > 0).then_some(log);
        let files = ["rpmdb.sqlite", "Packages.db", "Packages"].map(|file| database.join(file));
        let files: Vec<PathBuf> = files.into_iter().chain(log).chain([self.runner.at(LOCKED)]).collect();
        Some(stamp_of_all(files.iter().map(PathBuf::as_path)))
    }

    fn lists_stamp(&self) -> Option<Stamp> {
        // What is installed is such a file, too: `@System.solv`.
        let is_list = |path: &Path| {
            path.extension().is_some_and(|end| end == "solv") && !name_of(path).starts_with('@')
        };
        let mut files = self.fetched(is_list);
        files.extend(lists::listed(&self.runner.at(REPOSITORIES)));
        Some(stamp_of_all(files.iter().map(PathBuf::as_path)))
    }

    fn lock_file(&self) -> Option<PathBuf> {
        Some(self.database().join(".rpm.lock"))
    }

    async fn installed(&self, cancel: &Cancel) -> Result<Installed, PackagesError> {
        let text = self.runner.answer("rpm", words(["rpm", "-qa", "--qf", FORMAT]), cancel).await?;
        Ok(installed(&text, &self.locked()))
    }

    async fn offered(
        &self,
        names: &[PackageName],
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<BTreeMap<PackageName, Offered>, PackagesError> {
        // Without lists that were fetched dnf may fail, as with the settings of Red Hat.
        if self.lists().is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut ask = words([self.program, "-q", "repoquery", "--cacheonly", "--queryformat", OFFERED]);
        ask.extend(terms.options.iter().cloned());
        ask.extend(names.iter().map(|name| name.name.clone()));
        Ok(offered(&self.runner.answer("dnf repoquery", ask, cancel).await?, names))
    }

    fn lists_age(&self) -> Option<Duration> {
        lists::age(&self.lists())
    }

    fn lists_are_outdated(&self) -> bool {
        let mut sources = lists::listed(&self.runner.at(REPOSITORIES));
        sources.push(self.runner.at("etc/dnf/dnf.conf"));
        lists::are_outdated(&self.lists(), &sources)
    }

    async fn refresh(&self, terms: &Terms, cancel: &Cancel) -> Result<(), PackagesError> {
        let mut command = words([self.program, "-q", "makecache"]);
        command.extend(terms.options.iter().cloned());
        self.runner.change("dnf makecache", command, terms, cancel).await
    }

    async fn repair(&self, _: &Terms, _: &Cancel) -> Result<(), PackagesError> {
        Ok(())
    }

    async fn transact(
        &self,
        changes: &[Change],
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<(), PackagesError> {
        self.refuse_others(changes, cancel).await?;
        for command in transaction(self.program, changes, terms) {
            self.runner.change("dnf", command, terms, cancel).await?;
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
        let list = self.locked();
        let differs = names.iter().filter(|name| is_locked(&list, &name.name) != hold);
        let names: Vec<Arc<str>> = differs.map(|name| spec(name, None)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let mut command = words([self.program, "-q", "versionlock", if hold { "add" } else { "delete" }]);
        command.extend(names);
        self.runner.change("dnf versionlock", command, terms, cancel).await
    }

    async fn describe(&self, file: &Path, cancel: &Cancel) -> Result<Described, PackagesError> {
        let path = file.to_string_lossy();
        let text = self.runner.answer("rpm", words(["rpm", "-qp", "--qf", FORMAT, &*path]), cancel).await?;
        let row = rows(&text).next();
        let (name, arch, version) =
            row.ok_or_else(|| PackagesError::Answer { tool: "rpm", what: text.trim().into() })?;
        Ok(Described { name: name.into(), version: version.into(), arch: arch.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::host::packages::Standing;
    use crate::resources::host::process::FakeProcesses;

    #[tokio::test]
    async fn what_is_installed_and_what_could_be_are_read() {
        let (dir, processes) = (tempfile::tempdir().unwrap(), Arc::new(FakeProcesses::default()));
        let rpm = Rpm::new(dir.path(), processes.clone());
        let text = "rpm\tx86_64\t4.18-1.el9\nbash\tx86_64\t5.1.8-9.el9\ngpg-pubkey\t(none)\t1-2\nglibc\ti686\t2.34-1\n";
        processes.answer(&format!("rpm -qa --qf {FORMAT}"), 0, text);
        let found = rpm.installed(&Cancel::default()).await.unwrap();
        assert!(
            matches!(found.standing(&PackageName::parse("bash")), Standing::Known(row) if &*row.version == "5.1.8-9.el9")
        );
        assert_eq!(found.standing(&PackageName::parse("glibc")), Standing::Absent);
        assert_eq!(found.standing(&PackageName::parse("gpg-pubkey")), Standing::Absent);
        let names = ["bash", "nosuch"].map(PackageName::parse);
        let terms = Terms::default();
        let none = rpm.offered(&names, &terms, &Cancel::default()).await.unwrap();
        assert!(none.is_empty(), "nothing was fetched, and nothing asked");
        let lists = dir.path().join("var/cache/dnf/t-1/repodata");
        std::fs::create_dir_all(&lists).unwrap();
        std::fs::write(lists.join("9-primary.xml.gz"), "").unwrap();
        let ask = format!("dnf -q repoquery --cacheonly --queryformat {OFFERED} bash nosuch");
        processes.answer(&ask, 0, "bash\tx86_64\t0:5.1.8-9.el9\nbash\tx86_64\t0:5.1.10-1.el9\n");
        let found = rpm.offered(&names, &Terms::default(), &Cancel::default()).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[&names[0]].versions, ["5.1.10-1.el9".into(), "5.1.8-9.el9".into()]);
    }

    #[tokio::test]
    async fn what_takes_others_along_is_not_removed() {
        let (dir, processes) = (tempfile::tempdir().unwrap(), Arc::new(FakeProcesses::default()));
        let rpm = Rpm::new(dir.path(), processes.clone());
        let said = "error: Failed dependencies:\n\tbase is needed by (installed) needy-1.0-1.noarch\n";
        processes.answer("rpm -e --test base", 1, said);
        let changes = [Change { name: PackageName::parse("base"), to: To::Remove }];
        let error = rpm.transact(&changes, &Terms::default(), &Cancel::default()).await.unwrap_err();
        assert!(matches!(error, PackagesError::TakesOthers { others } if others == ["needy-1.0-1.noarch"]));
    }

    #[test]
    fn each_sort_of_change_has_its_command() {
        let change = |name: &str, to| Change { name: PackageName::parse(name), to };
        let changes = [
            change("a:i686", To::Candidate),
            change("b", To::Version("1.0-1".into())),
            change("c", To::Remove),
            change("d", To::Again),
        ];
        let terms = Terms { allow_untrusted: true, ..Terms::default() };
        let commands: Vec<String> =
            transaction("dnf", &changes, &terms).iter().map(|words| words.join(" ")).collect();
        let first = "dnf -y -q --setopt=clean_requirements_on_remove=False --setopt=install_weak_deps=False --nogpgcheck";
        let wanted = ["remove c", "--best install a.i686 b-1.0-1", "reinstall d"];
        assert_eq!(commands, wanted.map(|rest| format!("{first} {rest}")));
    }

    #[test]
    fn questions_of_others_are_no_change_and_lists_are_told_by_their_time() {
        let dir = tempfile::tempdir().unwrap();
        let rpm = Rpm::new(dir.path(), Arc::new(FakeProcesses::default()));
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("var/lib/rpm/rpmdb.sqlite", "x");
        let before = rpm.stamp();
        write("var/lib/rpm/rpmdb.sqlite-wal", "");
        write("var/lib/rpm/rpmdb.sqlite-shm", "y");
        assert_eq!(rpm.stamp(), before);
        write("var/lib/rpm/rpmdb.sqlite-wal", "one more");
        assert_ne!(rpm.stamp(), before);

        assert!(rpm.lists_are_outdated() && rpm.lists_age().is_none());
        let none = rpm.lists_stamp();
        write("var/cache/dnf/@System.solv", "");
        write("var/cache/dnf/tempfiles.json", "");
        write("var/cache/dnf/t-1/repodata/9-primary.xml.gz", "");
        assert_eq!(rpm.lists_stamp(), none);
        assert!(!rpm.lists_are_outdated() && rpm.lists_age().is_some());
        write("var/cache/dnf/t.solv", "");
        let dnf4 = rpm.lists_stamp();
        assert_ne!(dnf4, none);
        write("var/cache/libdnf5/t-1/solv/t.solv", "");
        assert_ne!(rpm.lists_stamp(), dnf4);
        let later = std::time::SystemTime::now() + Duration::from_secs(60);
        write("etc/yum.repos.d/new.repo", "");
        let repository = dir.path().join("etc/yum.repos.d/new.repo");
        std::fs::File::options().write(true).open(repository).unwrap().set_modified(later).unwrap();
        assert!(rpm.lists_are_outdated());
    }

    #[tokio::test]
    async fn only_what_is_not_held_yet_is_held() {
        let (dir, processes) = (tempfile::tempdir().unwrap(), Arc::new(FakeProcesses::default()));
        let rpm = Rpm::new(dir.path(), processes.clone());
        std::fs::create_dir_all(dir.path().join("etc/dnf/plugins")).unwrap();
        std::fs::write(dir.path().join(LOCKED), "nginx-1:1.20-1.el9.*\n").unwrap();
        processes.answer("dnf -q versionlock add bash", 0, "");
        let names = ["nginx", "bash"].map(PackageName::parse);
        rpm.hold(&names, true, &Terms::default(), &Cancel::default()).await.unwrap();
        assert_eq!(processes.take_ran().last().unwrap(), "dnf -q versionlock add bash");
    }
}
