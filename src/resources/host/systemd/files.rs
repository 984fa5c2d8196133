//! The folders of unit files: which they are, and what is in them now.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::scan::text::{Setting, settings};
use super::scan::{self, Entry, Folder, Role};
use super::{UnitName, drop_in_folders};

/// A folder of unit files, and whose they are.
pub type UnitFolder = (PathBuf, Role);

/// Where packages had their unit files before `/lib` became a part of `/usr`.
const OLD: &str = "/lib/systemd/system";

/// Those of the system, first the one that wins: systemd.unit(5).
pub(super) fn of_system() -> Vec<UnitFolder> {
    [
        ("/etc/systemd/system.control", Role::Config),
        ("/run/systemd/system.control", Role::Runtime),
        ("/run/systemd/transient", Role::Transient),
        ("/run/systemd/generator.early", Role::Generated),
        ("/etc/systemd/system", Role::Config),
        ("/run/systemd/system", Role::Runtime),
        ("/run/systemd/generator", Role::Generated),
        ("/usr/local/lib/systemd/system", Role::Vendor),
        (OLD, Role::Vendor),
        ("/usr/lib/systemd/system", Role::Vendor),
        ("/run/systemd/generator.late", Role::Generated),
    ]
    .map(|(path, role)| (PathBuf::from(path), role))
    .into()
}

/// Those that are folders of their own: `/lib` may be one with `/usr/lib`.
pub(super) fn distinct(folders: &[UnitFolder]) -> Vec<UnitFolder> {
    let is_merged = std::fs::symlink_metadata("/lib").is_ok_and(|lib| lib.is_symlink());
    folders.iter().filter(|(path, _)| !(is_merged && path == Path::new(OLD))).cloned().collect()
}

/// Those of a user's session.
pub(super) fn of_session(home: &Path, uid: u32) -> Vec<UnitFolder> {
    let run = PathBuf::from(format!("/run/user/{uid}/systemd"));
    vec![
        (home.join(".config/systemd/user.control"), Role::Config),
        (run.join("transient"), Role::Transient),
        (home.join(".config/systemd/user"), Role::Config),
        ("/etc/systemd/user".into(), Role::Config),
        (run.join("user"), Role::Runtime),
        ("/run/systemd/user".into(), Role::Runtime),
        (run.join("generator"), Role::Generated),
        (home.join(".local/share/systemd/user"), Role::Vendor),
        ("/usr/local/lib/systemd/user".into(), Role::Vendor),
        ("/usr/lib/systemd/user".into(), Role::Vendor),
    ]
}

/// Looks through the folders. One that is not there is empty.
///
/// # Errors
/// When one cannot be read.
pub(super) fn list(folders: &[UnitFolder]) -> io::Result<Vec<Folder>> {
    distinct(folders).iter().map(|(path, role)| list_one(path, *role)).collect()
}

/// The settings of the files that make a unit of the system, as they are now: its unit file or that of its template, then its
/// drop-ins. What cannot be read says nothing. `root`: `/`, or where a test has its files.
pub fn settings_of(unit: &UnitName, root: &Path) -> Vec<Setting> {
    let below = |(path, role): UnitFolder| (root.join(path.strip_prefix("/").unwrap_or(&path)), role);
    let names: Vec<String> =
        [Some(unit.as_str().to_owned()), unit.template()].into_iter().flatten().collect();
    let folders: Vec<Folder> = distinct(&of_system())
        .into_iter()
        .map(below)
        .map(|(path, role)| list_for(path, role, &names))
        .collect();
    let own = names.iter().find_map(|name| Some((scan::fragment(&folders, name)?.0, name)));
    let own = own.map(|(at, name)| folders[at].path.join(name));
    let paths = own.into_iter().chain(scan::drop_ins(&folders, unit.as_str()));
    paths.filter_map(|path| std::fs::read_to_string(path).ok()).flat_map(|text| settings(&text)).collect()
}

/// What is in a folder for a unit alone, which goes by these names: a whole listing a unit would be long for hundreds.
fn list_for(path: PathBuf, role: Role, names: &[String]) -> Folder {
    let mut folder = Folder { role, ..Folder::default() };
    for name in names {
        if std::fs::symlink_metadata(path.join(name)).is_ok() {
            folder.entries.insert(name.clone(), Entry::File);
        }
    }
    for below in names.first().map(|unit| drop_in_folders(unit)).unwrap_or_default() {
        if let Ok(found) = drop_ins_in(&path.join(&below)) {
            folder.drop_ins.insert(below, found);
        }
    }
    Folder { path, ..folder }
}

/// The names of the drop-ins in their folder, sorted.
fn drop_ins_in(within: &Path) -> io::Result<Vec<String>> {
    let names = entries(within)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".conf")).collect();
    names.sort();
    Ok(names)
}

fn list_one(path: &Path, role: Role) -> io::Result<Folder> {
    let mut folder = Folder { path: path.to_owned(), role, touched: changed(path), ..Folder::default() };
    for entry in entries(path)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            let within = path.join(&name);
            if name.ends_with(".wants") || name.ends_with(".requires") || name.ends_with(".upholds") {
                for link in entries(&within)? {
                    let link = link?;
                    if let (Ok(name), Ok(target)) =
                        (link.file_name().into_string(), std::fs::read_link(link.path()))
                    {
                        folder.pulls.push((name, target));
                    }
                }
            } else if name.ends_with(".d") {
                let found = drop_ins_in(&within)?;
                folder.drop_ins.insert(name, found);
            }
        } else if kind.is_symlink() {
            // Gone in between: as if it had never been.
            if let Ok(target) = std::fs::read_link(entry.path()) {
                folder.entries.insert(name, Entry::Link(target));
            }
        } else {
            folder.entries.insert(name, Entry::File);
        }
    }
    folder.pulls.sort();
    Ok(folder)
}

/// What is in a folder; nothing if there is none.
fn entries(path: &Path) -> io::Result<impl Iterator<Item = io::Result<std::fs::DirEntry>>> {
    match std::fs::read_dir(path) {
        Ok(entries) => Ok(Some(entries).into_iter().flatten()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None.into_iter().flatten())
        }
        Err(error) => Err(error),
    }
}

/// The files that make a unit, each with when it last changed, in microseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OnDisk(pub Vec<(PathBuf, u64)>);

impl OnDisk {
    /// Looks at the files of a unit.
    pub fn look(folders: &[Folder], unit: &str) -> Self {
        let mut paths = Vec::new();
        if let Some((at, _)) = scan::fragment(folders, unit) {
            paths.push(folders[at].path.join(unit));
        }
        let drop_ins = scan::drop_ins(folders, unit);
        paths.extend(drop_ins.iter().filter_map(|path| path.parent()).map(Path::to_owned));
        paths.extend(drop_ins);
        paths.dedup();
        Self(paths.into_iter().map(|path| (changed(&path), path)).map(|(at, path)| (path, at)).collect())
    }

    /// Which they are.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.iter().map(|(path, _)| path)
    }

    /// Whether this is one of them.
    pub fn has(&self, path: &Path) -> bool {
        self.paths().any(|own| own == path)
    }

    /// When the last of them changed.
    pub fn newest(&self) -> u64 {
        self.0.iter().map(|(_, at)| *at).max().unwrap_or(0)
    }
}

/// When something came to the folders that files of a unit may be in, or left them, last. What the manager and its
/// generators write it knows. In microseconds since 1970.
pub(super) fn touched(folders: &[Folder], unit: &str) -> u64 {
    let of_drop_ins = drop_in_folders(unit);
    let within = |folder: &Folder| {
        let there = of_drop_ins.iter().filter(|below| folder.drop_ins.contains_key(*below));
        there.map(|below| changed(&folder.path.join(below))).max().unwrap_or(0).max(folder.touched)
    };
    let by_others = folders.iter().filter(|it| !matches!(it.role, Role::Generated | Role::Transient));
    by_others.map(within).max().unwrap_or(0)
}

/// When a file, or the link to it, last changed: its change time too, as a file that is moved keeps the other.
fn changed(path: &Path) -> u64 {
    let micros = |stat: std::fs::Metadata| {
        let latest = (stat.ctime(), stat.ctime_nsec()).max((stat.mtime(), stat.mtime_nsec()));
        u64::try_from(latest.0 * 1_000_000 + latest.1 / 1_000).unwrap_or(0)
    };
    let itself = std::fs::symlink_metadata(path).map(micros).unwrap_or(0);
    itself.max(std::fs::metadata(path).map(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::host::systemd::FileState;

    #[test]
    fn folders_are_listed_as_systemd_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        let (etc, usr) = (dir.path().join("etc"), dir.path().join("usr"));
        for path in [etc.join("x.target.wants"), usr.join("a.service.d"), usr.join("other")] {
            std::fs::create_dir_all(path).unwrap();
        }
        std::fs::write(usr.join("a.service"), "[Install]\nWantedBy=x.target\n").unwrap();
        std::fs::write(usr.join("a.service.d/1.conf"), "").unwrap();
        std::fs::write(usr.join("a.service.d/no"), "").unwrap();
        std::os::unix::fs::symlink(usr.join("a.service"), etc.join("x.target.wants/a.service")).unwrap();
        std::os::unix::fs::symlink("/dev/null", etc.join("b.service")).unwrap();
        let dirs = [(etc, Role::Config), (dir.path().join("none"), Role::Runtime), (usr, Role::Vendor)];
        let folders = list(&dirs).unwrap();
        let state = |unit: &str| {
            scan::state(&folders, &UnitName::new(unit).unwrap(), |path| std::fs::read_to_string(path))
                .unwrap()
        };
        assert_eq!(state("a"), Some(FileState::Enabled));
        assert_eq!(state("b"), Some(FileState::Masked));
        assert_eq!(scan::drop_ins(&folders, "a.service").len(), 1);
        let before = OnDisk::look(&folders, "a.service");
        assert_eq!(before.0.len(), 3);
        assert!(before.newest() > 0);
        assert_eq!(OnDisk::look(&folders, "none.service"), OnDisk::default());
    }

    #[test]
    fn what_is_gone_has_touched_the_folder_that_it_was_in() {
        let dir = tempfile::tempdir().unwrap();
        let (etc, below) = (dir.path().join("etc"), dir.path().join("etc/a.service.d"));
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(below.join("1.conf"), "").unwrap();
        let touched = || touched(&list(&[(etc.clone(), Role::Config)]).unwrap(), "a.service");
        let before = touched();
        wait_until_after(before, &dir);
        std::fs::remove_file(below.join("1.conf")).unwrap();
        let emptied = touched();
        assert!(emptied > before);
        wait_until_after(emptied, &dir);
        std::fs::remove_dir(&below).unwrap();
        assert!(touched() > emptied);
    }

    /// Until a file that is written then is newer: the kernel's clock for files is coarse.
    fn wait_until_after(at: u64, dir: &tempfile::TempDir) {
        let clock = dir.path().join("clock");
        while changed(&clock) <= at {
            std::fs::write(&clock, "").unwrap();
        }
    }
}
