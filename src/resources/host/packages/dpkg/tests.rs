//! apt and dpkg, over a scratch folder and a fake runner.

use std::time::Duration;

use super::*;
use crate::resources::host::packages::{Standing, To};
use crate::resources::host::process::FakeProcesses;

struct Scratch {
    dir: tempfile::TempDir,
    processes: Arc<FakeProcesses>,
    dpkg: Dpkg,
}

impl Scratch {
    fn new() -> Self {
        let (dir, processes) = (tempfile::tempdir().unwrap(), Arc::new(FakeProcesses::default()));
        for path in [
            "var/lib/dpkg/updates",
            "var/lib/dpkg/info",
            "var/lib/apt/lists/partial",
            "etc/apt/sources.list.d",
        ] {
            std::fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        let dpkg = Dpkg::new(dir.path(), processes.clone());
        Self { dir, processes, dpkg }
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.dir.path().join(path), text).unwrap();
    }
}

fn query() -> String {
    format!("dpkg-query -W -f {}", status_text::FORMAT)
}

#[tokio::test]
async fn all_packages_are_asked_for_at_once_and_a_broken_transaction_is_seen() {
    let scratch = Scratch::new();
    scratch.processes.answer(&query(), 0, "dpkg\tamd64\tii \t1.21\t\ntiny\tall\tiU \t2.0\t\n");
    let installed = scratch.dpkg.installed(&Cancel::default()).await.unwrap();
    assert!(!installed.interrupted && installed.has_half());
    assert!(matches!(installed.standing(&PackageName::parse("dpkg")), Standing::Known(_)));
    scratch.write("var/lib/dpkg/updates/tmp.i", "");
    assert!(!scratch.dpkg.installed(&Cancel::default()).await.unwrap().interrupted);
    scratch.write("var/lib/dpkg/updates/0003", "");
    assert!(scratch.dpkg.installed(&Cancel::default()).await.unwrap().interrupted);
    assert_eq!(scratch.processes.take_ran().len(), 3);
    scratch.processes.answer(&query(), 2, "");
    assert!(scratch.dpkg.installed(&Cancel::default()).await.is_err());
}

#[tokio::test]
async fn names_without_a_version_are_asked_for_who_provides_them() {
    let scratch = Scratch::new();
    let names = ["tiny", "mta", "once", "nosuch", "lib:i386"].map(PackageName::parse);
    let policy = "tiny:\n  Installed: (none)\n  Candidate: 2.0\n  Version table:\n     2.0 500\n        500 file:/r ./ Packages\n\
                  mta:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n\
                  once:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n\
                  lib:i386:\n  Installed: (none)\n  Candidate: 1\n  Version table:\n     1 500\n        500 file:/r ./ Packages\n";
    scratch.processes.answer("apt-cache policy tiny mta once nosuch lib:i386", 0, policy);
    scratch.processes.answer(
        "apt-cache showpkg mta once",
        0,
        "Package: mta\nReverse Provides: \nexim 4 (= )\n",
    );
    let offered = scratch.dpkg.offered(&names, &Terms::default(), &Cancel::default()).await.unwrap();
    let found: Vec<String> = offered.keys().map(ToString::to_string).collect();
    assert_eq!(found, ["lib:i386", "mta", "tiny"]);
    assert_eq!(offered[&names[0]].candidate.as_deref(), Some("2.0"));
    assert_eq!(offered[&names[1]].providers, ["exim".into()]);
}

#[tokio::test]
async fn a_transaction_that_meets_a_lock_says_who_holds_it() {
    let scratch = Scratch::new();
    let changes = [Change { name: PackageName::parse("tiny"), to: To::Candidate }];
    let command = words::install(&changes, &Terms::default()).join(" ");
    let transact = async || scratch.dpkg.transact(&changes, &Terms::default(), &Cancel::default()).await;
    scratch.processes.answer(&command, 0, "done");
    transact().await.unwrap();
    scratch.processes.answer(&command, 100, "E: Could not get lock /l. It is held by process 9 (dpkg)\n");
    assert_eq!(
        transact().await.unwrap_err().to_string(),
        "the package database is in use by process 9 (dpkg)"
    );
    scratch.processes.answer(
        &command,
        100,
        "Reading...\nE: Sub-process /usr/bin/dpkg returned an error code (1)\n",
    );
    let error = transact().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "apt-get: exit status 100: Sub-process /usr/bin/dpkg returned an error code (1)"
    );
    assert!(error.hint().unwrap().contains("Reading..."));
}

#[tokio::test]
async fn a_simulation_says_what_else_would_come() {
    let scratch = Scratch::new();
    let changes = [Change { name: PackageName::parse("tiny"), to: To::Candidate }];
    let command = words::install(&changes, &Terms::default()).join(" ").replacen("apt-get", "apt-get -s", 1);
    scratch.processes.answer(
        &command,
        0,
        "Inst lib (1 r [all])\nInst tiny (2 r [all])\nConf lib (1 r [all])\n",
    );
    let said = scratch.dpkg.simulate(&changes, &Terms::default(), &Cancel::default()).await.unwrap();
    assert_eq!(said.unwrap(), ["+lib 1", "+tiny 2"]);
    scratch.processes.answer(&command, 100, "E: no\n");
    assert!(scratch.dpkg.simulate(&changes, &Terms::default(), &Cancel::default()).await.is_err());
}

#[tokio::test]
async fn a_package_file_is_described() {
    let scratch = Scratch::new();
    let command = "dpkg-deb -f /x/t.deb Package Version Architecture";
    scratch.processes.answer(command, 0, "Package: tiny\nVersion: 1:2.0\nArchitecture: all\n");
    let described = scratch.dpkg.describe(Path::new("/x/t.deb"), &Cancel::default()).await.unwrap();
    assert_eq!((&*described.name, &*described.version, &*described.arch), ("tiny", "1:2.0", "all"));
    scratch.processes.answer(command, 0, "Package: tiny\n");
    assert!(scratch.dpkg.describe(Path::new("/x/t.deb"), &Cancel::default()).await.is_err());
}

#[test]
fn what_a_package_owns_is_read_with_and_without_its_architecture() {
    let scratch = Scratch::new();
    let owned = |name| scratch.dpkg.owned(&PackageName::parse(name));
    assert_eq!(owned("tiny"), None);
    scratch.write("var/lib/dpkg/info/tiny.list", "/etc/tiny\n");
    scratch.write("var/lib/dpkg/info/lib:i386.list", "/lib/i386\n");
    scratch.write(&format!("var/lib/dpkg/info/lib:{}.list", native()), "/lib/own\n");
    assert_eq!(owned("tiny").as_deref(), Some("/etc/tiny\n"));
    assert_eq!(owned("lib:i386").as_deref(), Some("/lib/i386\n"));
    assert_eq!(owned("lib").as_deref(), Some("/lib/own\n"));
}

#[test]
fn a_repository_that_is_newer_than_the_lists_is_noticed() {
    let scratch = Scratch::new();
    let at = |path: &str, seconds: u64| {
        let times =
            std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH + Duration::from_secs(seconds));
        std::fs::File::open(scratch.dir.path().join(path)).unwrap().set_times(times).unwrap();
    };
    scratch.write("etc/apt/sources.list", "");
    let all =
        ["etc/apt/sources.list", "etc/apt/sources.list.d", "var/lib/apt/lists", "var/lib/apt/lists/partial"];
    all.iter().for_each(|path| at(path, 1000));
    assert!(!scratch.dpkg.lists_are_outdated());
    at("etc/apt/sources.list.d", 2000);
    assert!(scratch.dpkg.lists_are_outdated());
    at("var/lib/apt/lists/partial", 3000);
    assert!(!scratch.dpkg.lists_are_outdated());
    assert!(scratch.dpkg.lists_age().unwrap() > Duration::from_secs(1_000_000));
}

#[test]
fn lists_that_say_who_has_which_file_are_told_from_others() {
    let scratch = Scratch::new();
    scratch.write("var/lib/apt/lists/repo_Contents-amd64.lz4", "");
    scratch.write("var/lib/apt/lists/repo_Packages", "");
    assert_eq!(scratch.dpkg.contents_lists().len(), 1);
}
