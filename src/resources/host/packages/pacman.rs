//! pacman, by its command line. Tried with pacman 6 on a test host.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::offered::of_versions;
use super::runner::{Runner, words};
use super::{
    Change, Described, Holder, Installed, Marks, Offered, PackageName, Packages, PackagesError, Row, Status,
    Terms, To, Watched, lists,
};
use crate::engine::path_watch::Interest;
use crate::engine::{Cancel, Stamp};
use crate::resources::host::process::Processes;
use crate::resources::host::stamp::stamp_of_all;

/// What is installed: a folder of each package.
const INSTALLED: &str = "var/lib/pacman/local";
/// The lists of what could be, one of each repository.
const LISTS: &str = "var/lib/pacman/sync";
/// It is made by a transaction, and removed at its end.
const LOCK: &str = "var/lib/pacman/db.lck";
/// How many names one question has: the answer has some two dozen lines of each.
const NAMES: usize = 100;

/// pacman of a host.
#[derive(Debug)]
pub struct Pacman(Runner);

impl Pacman {
    /// Over the files below a root folder, which tests choose.
    pub fn new(root: &Path, processes: Arc<dyn Processes>) -> Self {
        Self(Runner::new(root, processes, &[]))
    }
}

/// Reads `pacman -Q`: a name and a version a line.
fn installed(text: &str) -> Installed {
    let mut installed = Installed::default();
    for (name, version) in text.lines().filter_map(|line| line.trim_end().split_once(' ')) {
        let row = Row {
            arch: Arc::from("any"),
            status: Status::Configured,
            version: version.into(),
            held: false,
            must_reinstall: false,
        };
        installed.add(name.into(), row);
    }
    installed
}

/// Reads `pacman -Si`: `Name : nginx` and `Version : 1.26.2-1` of each. The first repository that has a package counts.
fn offered(text: &str, names: &[PackageName]) -> BTreeMap<PackageName, Offered> {
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    let mut name = None;
    for (field, value) in text.lines().filter_map(|line| line.split_once(" : ")) {
        match (field.trim_end(), name) {
            ("Name", _) => name = Some(value.trim()),
            ("Version", Some(name)) => drop(known.entry(name).or_insert(value.trim())),
            _ => {}
        }
    }
    of_versions(names.iter().filter_map(|name| Some((name, *known.get(&*name.name)?))))
}

/// The commands of one transaction: pacman removes and installs in different ones.
fn transaction(changes: &[Change], terms: &Terms) -> Result<Vec<Vec<Arc<str>>>, PackagesError> {
    let (mut removed, mut purged, mut named, mut files) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for Change { name, to } in changes {
        match to {
            To::Remove => removed.push(name.name.clone()),
            To::Purge | To::PurgeRest => purged.push(name.name.clone()),
            // Repositories have one version of each.
            To::Candidate | To::Again | To::Version(_) => named.push(name.name.clone()),
            To::File(path) => files.push(Arc::from(path.to_string_lossy())),
        }
    }
    let command = |first: &[&str], options: &[Arc<str>], last: &[Arc<str>]| {
        let mut all = words(first);
        all.extend(options.iter().chain(last).cloned());
        all
    };
    let mut commands = Vec::new();
    for (first, names) in
        [(&["pacman", "-R", "--noconfirm"][..], removed), (&["pacman", "-Rn", "--noconfirm"], purged)]
    {
        if !names.is_empty() {
            commands.push(command(first, &[], &names));
        }
    }
    for (first, names) in
        [(&["pacman", "-S", "--noconfirm"][..], named), (&["pacman", "-U", "--noconfirm"], files)]
    {
        if !names.is_empty() {
            commands.push(command(first, &terms.options, &names));
        }
    }
    Ok(commands)
}

#[async_trait]
impl Packages for Pacman {
    fn name(&self) -> &'static str {
        "pacman"
    }

    fn watched(&self) -> Vec<Watched> {
        let watched = |path, interest, marks| Watched { path: self.0.at(path), interest, marks };
        vec![
            watched(INSTALLED, Interest::TREE, Marks::Change),
            watched(LOCK, Interest::SELF, Marks::Ends),
            watched(LISTS, Interest::TREE, Marks::Lists),
        ]
    }

    fn holder(&self) -> Option<Holder> {
        self.0.at(LOCK).exists().then(|| Holder { process: 0, program: String::new() })
    }

    fn stamp(&self) -> Option<Stamp> {
        Some(stamp_of_all([self.0.at(INSTALLED).as_path()]))
    }

    fn lists_stamp(&self) -> Option<Stamp> {
        Some(stamp_of_all(lists::listed(&self.0.at(LISTS)).iter().map(PathBuf::as_path)))
    }

    fn lock_file(&self) -> Option<PathBuf> {
        Some(self.0.at(LOCK))
    }

    async fn installed(&self, cancel: &Cancel) -> Result<Installed, PackagesError> {
        let outcome = self.0.ask("pacman", words(["pacman", "-Q"]), cancel).await?;
        // Where nothing is installed yet, that is said by failing.
        let folders = lists::listed(&self.0.at(INSTALLED));
        if !outcome.ending.is_success() && !folders.iter().any(|path| path.is_dir()) {
            return Ok(Installed::default());
        }
        Ok(installed(&Runner::whole("pacman", &outcome)?))
    }

    async fn offered(
        &self,
        names: &[PackageName],
        _: &Terms,
        cancel: &Cancel,
    ) -> Result<BTreeMap<PackageName, Offered>, PackagesError> {
        let mut found = BTreeMap::new();
        for some in names.chunks(NAMES) {
            let mut ask = words(["pacman", "-Si"]);
            ask.extend(some.iter().map(|name| name.name.clone()));
            // It fails if there is a name that it does not know, and tells of the others all the same.
            let outcome = self.0.ask("pacman", ask, cancel).await?;
            if !outcome.stdout.is_whole() {
                return Err(PackagesError::Answer { tool: "pacman", what: "it is too long".into() });
            }
            found.extend(offered(&outcome.stdout.text(), some));
        }
        Ok(found)
    }

    fn lists_age(&self) -> Option<Duration> {
        lists::age(&[self.0.at(LISTS)])
    }

    fn lists_are_outdated(&self) -> bool {
        let mut sources = lists::listed(&self.0.at("etc/pacman.d"));
        sources.push(self.0.at("etc/pacman.conf"));
        lists::are_outdated(&[self.0.at(LISTS)], &sources)
    }

    async fn refresh(&self, terms: &Terms, cancel: &Cancel) -> Result<(), PackagesError> {
        self.0.change("pacman", words(["pacman", "-Sy", "--noconfirm"]), terms, cancel).await
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
        for command in transaction(changes, terms)? {
            self.0.change("pacman", command, terms, cancel).await?;
        }
        Ok(())
    }

    async fn hold(&self, _: &[PackageName], _: bool, _: &Terms, _: &Cancel) -> Result<(), PackagesError> {
        Err(PackagesError::Unable {
            tool: "pacman",
            what: "hold packages but by IgnorePkg in /etc/pacman.conf",
        })
    }

    async fn describe(&self, file: &Path, cancel: &Cancel) -> Result<Described, PackagesError> {
        let path = file.to_string_lossy();
        let text = self.0.answer("pacman", words(["pacman", "-Qp", &*path]), cancel).await?;
        let (name, version) = text
            .trim()
            .split_once(' ')
            .ok_or_else(|| PackagesError::Answer { tool: "pacman", what: text.trim().into() })?;
        Ok(Described { name: name.into(), version: version.into(), arch: "any".into() })
    }

    fn owned(&self, name: &PackageName) -> Option<String> {
        let local = self.0.at(INSTALLED);
        let is_it = |folder: &str| {
            // NAME-VERSION-RELEASE
            let mut parts = folder.rsplitn(3, '-');
            (parts.next(), parts.next()) != (None, None) && parts.next() == Some(&*name.name)
        };
        let entries = std::fs::read_dir(&local).ok()?.flatten();
        let folder =
            entries.map(|entry| entry.file_name()).find(|folder| folder.to_str().is_some_and(is_it))?;
        let text = std::fs::read_to_string(local.join(folder).join("files")).ok()?;
        let files = text.lines().skip(1).take_while(|line| !line.is_empty() && !line.starts_with('%'));
        Some(files.map(|path| format!("/{}\n", path.trim_end_matches('/'))).collect())
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
        let pacman = Pacman::new(dir.path(), processes.clone());
        processes.answer("pacman -Q", 0, "acl 2.3.2-1\nbash 5.2.037-1\n");
        let found = pacman.installed(&Cancel::default()).await.unwrap();
        assert!(
            matches!(found.standing(&PackageName::parse("bash")), Standing::Known(row) if &*row.version == "5.2.037-1")
        );
        let of = |name: &str, version: &str| {
            format!(
                "Repository      : x\nName            : {name}\nVersion         : {version}\nURL             : http://a : b\n\n"
            )
        };
        let told = [of("bash", "5.2.040-1"), of("bash", "1-1"), of("nginx", "1.26-1")].concat();
        processes.answer("pacman -Si bash nginx nosuch", 1, &told);
        let names = ["bash", "nginx", "nosuch"].map(PackageName::parse);
        let found = pacman.offered(&names, &Terms::default(), &Cancel::default()).await.unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[&names[0]].candidate.as_deref(), Some("5.2.040-1"));
        assert_eq!(found[&names[0]].versions.len(), 1);
        processes.answer("pacman -Qp /x.zst", 0, "tiny 1.0-1\n");
        assert_eq!(
            &*pacman.describe(Path::new("/x.zst"), &Cancel::default()).await.unwrap().version,
            "1.0-1"
        );
    }

    #[tokio::test]
    async fn where_nothing_is_installed_yet_nothing_is_and_another_failure_is_one() {
        let (dir, processes) = (tempfile::tempdir().unwrap(), Arc::new(FakeProcesses::default()));
        let pacman = Pacman::new(dir.path(), processes.clone());
        processes.answer("pacman -Q", 1, "");
        assert!(pacman.installed(&Cancel::default()).await.unwrap().is_empty());
        std::fs::create_dir_all(dir.path().join(INSTALLED).join("tiny-1-1")).unwrap();
        assert!(pacman.installed(&Cancel::default()).await.is_err());
        assert!(pacman.lists_are_outdated() && pacman.lists_age().is_none());
        std::fs::create_dir_all(dir.path().join(LISTS)).unwrap();
        assert!(!pacman.lists_are_outdated() && pacman.lists_age().is_some());
    }

    #[test]
    fn each_sort_of_change_has_its_command() {
        let change = |name: &str, to| Change { name: PackageName::parse(name), to };
        let changes = [
            change("a", To::Candidate),
            change("b", To::File("/b.zst".into())),
            change("c", To::Remove),
            change("d", To::Purge),
        ];
        let commands = transaction(&changes, &Terms::default()).unwrap();
        let commands: Vec<String> = commands.iter().map(|words| words.join(" ")).collect();
        assert_eq!(
            commands,
            [
                "pacman -R --noconfirm c",
                "pacman -Rn --noconfirm d",
                "pacman -S --noconfirm a",
                "pacman -U --noconfirm /b.zst"
            ]
        );
    }

    #[test]
    fn a_lock_file_is_a_holder_and_owned_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let pacman = Pacman::new(dir.path(), Arc::new(FakeProcesses::default()));
        let folder = dir.path().join("var/lib/pacman/local/nginx-mod-1.0-1");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("files"), "%FILES%\netc/\netc/nginx/\netc/nginx/x\n\n%BACKUP%\netc/y\n")
            .unwrap();
        assert_eq!(pacman.owned(&PackageName::parse("nginx")), None);
        assert_eq!(
            pacman.owned(&PackageName::parse("nginx-mod")).unwrap(),
            "/etc\n/etc/nginx\n/etc/nginx/x\n"
        );
        assert_eq!(pacman.holder(), None);
        std::fs::write(dir.path().join("var/lib/pacman/db.lck"), "").unwrap();
        assert_eq!(pacman.holder().unwrap().to_string(), "another program");
    }
}
