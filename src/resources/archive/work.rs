//! Comparing unpacked files with their archive, and putting them in their place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};
use sha2::{Digest as _, Sha256};

use super::error::ArchiveError;
use super::manifest::{FileMark, Manifest, Mark};
use super::rules::Budget;
use super::spec::Spec;
use super::unpack::Unpacking;
use crate::engine::Cancel;
use crate::engine::Drift;
use crate::engine::drift::Shown;
use crate::resources::error::HostError;
use crate::resources::host::fs::Pace;
use crate::resources::host::temp_name::beside;

/// The most entries of an archive.
const ENTRIES: usize = 1_000_000;

/// The SHA-256 of an open file, in hexadecimal digits.
///
/// # Errors
/// When it cannot be read; when the run is cancelled.
pub fn digest(file: &mut File, path: &Path, cancel: &Cancel) -> Result<String, HostError> {
    let failed = |error| HostError::io("read", path, error);
    file.rewind().map_err(failed)?;
    let (mut hash, mut part) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        Pace::Long(cancel).go_on("read", path)?;
        match file.read(&mut part) {
            Ok(0) => break,
            Ok(read) => hash.update(&part[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    file.rewind().map_err(failed)?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// How the files at the target differ from an archive with this digest.
///
/// # Errors
/// When something else lies there; when the system refuses; when the run is cancelled.
pub fn compare(
    spec: &Spec,
    manifest: Option<&Manifest>,
    sha256: &str,
    cancel: &Cancel,
) -> Result<Drift, ArchiveError> {
    let mut drift = Drift::none();
    let short = |digest: &str| Shown::text(format!("sha256:{}", &digest[..12]));
    match spec.path().symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            drift.add("path", Shown::Absent, Shown::text(format!("the files of {}", spec.shown)));
            return Ok(drift);
        }
        Err(error) => return Err(HostError::io("stat", spec.path(), error).into()),
        Ok(found) if !found.is_dir() => {
            let (path, hint) = (spec.path().into(), "remove it, or choose another path");
            let found = if found.is_symlink() { "a symbolic link" } else { "a file" };
            return Err(HostError::WrongType { path, found, wanted: "a directory", hint }.into());
        }
        Ok(_) => {}
    }
    let Some(manifest) = manifest else {
        drift.add("source", Shown::text("unknown"), short(sha256));
        return Ok(drift);
    };
    if manifest.sha256 != sha256 {
        drift.add("source", short(&manifest.sha256), short(sha256));
        return Ok(drift);
    }
    if manifest.settings != spec.settings() {
        drift.add("settings", Shown::text(&*manifest.settings), Shown::text(spec.settings()));
    }
    let go_on = |path: &Path| Pace::Long(cancel).go_on("compare", path);
    let changed = manifest.changed(spec.path(), &go_on)?;
    if let Some(first) = changed.first() {
        let found = format!(
            "{} of {} are changed, such as {}",
            changed.len(),
            manifest.entries.len(),
            first.display()
        );
        drift.add("content", Shown::text(found), Shown::text("as in the archive"));
    }
    if spec.clean {
        let unknown = manifest.unknown(spec.path(), &go_on)?;
        let foreign: Vec<_> = unknown.iter().filter(|path| !is_managed(spec, path)).collect();
        if let Some(first) = foreign.first() {
            let found = format!("{} others, such as {}", foreign.len(), first.display());
            drift.add("clean", Shown::text(found), Shown::text("none"));
        }
    }
    Ok(drift)
}

/// Whether some resource looks after a path below the target.
fn is_managed(spec: &Spec, path: &Path) -> bool {
    let whole = spec.path().join(path);
    let whole = whole.to_string_lossy();
    spec.host.managed.has(&whole) || spec.host.managed.has_below(&whole)
}

/// Unpacks an archive beside the target and swaps the two. What is not of an archive is carried over, unless it is to
/// go. Returns what was unpacked.
///
/// # Errors
/// For whatever an archive may not hold; when the system refuses; when the run is cancelled. What was there then still is.
pub fn unpack(
    spec: &Spec,
    old: Option<&Manifest>,
    mut archive: File,
    sha256: String,
    cancel: &Cancel,
) -> Result<Manifest, ArchiveError> {
    let failed = |op: &'static str, path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| HostError::io(op, &path, error)
    };
    let found = archive.metadata().map_err(failed("stat", spec.path()))?;
    // Of the declared path, before any name beside it shows up in a message.
    spec.host.fs.open_parent(spec.path())?;
    // For what is not whole yet, and for what may not be lost.
    let [fresh, full] = [0, 1].map(|number| beside(spec.path(), number));
    let known = |path: &Path| old.is_some_and(|old| old.entries.contains_key(path));
    // What an agent left that was killed between the swap and the carrying over.
    carry(spec, &full, &known, cancel)?;
    spec.host.fs.remove_whole(&fresh, Pace::Long(cancel))?;
    archive.rewind().map_err(failed("read", spec.path()))?;
    let owner = spec.owner()?;
    let budget = Budget::new(found.size(), spec.limit, ENTRIES);
    let put = || -> Result<BTreeSet<PathBuf>, ArchiveError> {
        fs::DirBuilder::new().mode(0o700).create(&fresh).map_err(failed("make", &fresh))?;
        let (source, strip, setuid) = (&*spec.shown, spec.strip, spec.setuid);
        let made = Unpacking { source, into: &fresh, strip, owner, setuid, cancel }.run(archive, budget)?;
        dress(spec, &fresh)?;
        swap(spec, &fresh, &full)?;
        Ok(made)
    };
    let made = put().map_err(|error| {
        // The tree is no use; that it cannot be removed is not what went wrong.
        let _ = spec.host.fs.remove_whole(&fresh, Pace::Long(&Cancel::default()));
        error.seen_at(&fresh, spec.path())
    })?;
    let known = |path: &Path| known(path) || made.contains(path);
    carry(spec, &full, &known, cancel)?;
    let entries = marks(spec.path(), &made)?;
    let file = matches!(spec.source, super::spec::Source::Local(_)).then(|| FileMark::of(&found));
    Ok(Manifest { sha256, settings: spec.settings(), file, entries })
}

fn marks(target: &Path, made: &BTreeSet<PathBuf>) -> Result<BTreeMap<PathBuf, Mark>, HostError> {
    let mut marks = BTreeMap::new();
    for path in made {
        // What somebody has removed already is missing in the next check: then it is unpacked again.
        if let Some(mark) = Mark::of(&target.join(path))? {
            marks.insert(path.clone(), mark);
        }
    }
    Ok(marks)
}

/// Gives the new directory the looks of the old one, or those of a new one.
fn dress(spec: &Spec, fresh: &Path) -> Result<(), HostError> {
    let failed = |error: io::Error| HostError::io("dress", fresh, error);
    let old = spec.path().symlink_metadata().ok();
    let (uid, gid) = spec.owner()?;
    let uid = uid.or(old.as_ref().map(|old| old.uid()));
    let gid = gid.or(old.as_ref().map(|old| old.gid()));
    let now = fresh.symlink_metadata().map_err(failed)?;
    if uid.is_some_and(|uid| uid != now.uid()) || gid.is_some_and(|gid| gid != now.gid()) {
        std::os::unix::fs::chown(fresh, uid, gid).map_err(failed)?;
    }
    let mode = old.map_or(0o755, |old| old.permissions().mode() & 0o7777);
    fs::set_permissions(fresh, fs::Permissions::from_mode(mode)).map_err(failed)?;
    File::open(fresh).and_then(|dir| dir.sync_all()).map_err(failed)
}

/// Puts the new directory in place at once; the old one is then at `full`.
fn swap(spec: &Spec, fresh: &Path, full: &Path) -> Result<(), ArchiveError> {
    let path = spec.path();
    let refused = |source: io::Error| ArchiveError::Swap { path: path.into(), source };
    if path.symlink_metadata().is_err() {
        return fs::rename(fresh, path).map_err(refused);
    }
    // From here on nothing at that name is thrown away unseen.
    fs::rename(fresh, full).map_err(refused)?;
    exchange(full, path).map_err(|error| {
        // What lies there is the new tree alone: it must not be taken for the old one the next time.
        let _ = fs::rename(full, fresh);
        refused(error)
    })
}

/// Exchanges the new directory at `full` with the one at `path`. Where that fails, both are where they were.
fn exchange(full: &Path, path: &Path) -> io::Result<()> {
    if rustix::fs::renameat_with(CWD, full, CWD, path, RenameFlags::EXCHANGE).is_ok() {
        return Ok(());
    }
    // Some file systems cannot exchange: then there is nothing at the path for a moment.
    let aside = beside(path, 2);
    fs::rename(path, &aside)?;
    if let Err(error) = fs::rename(full, path) {
        let _ = fs::rename(&aside, path);
        return Err(error);
    }
    fs::rename(&aside, full)
}

/// Moves what is not of an archive from the old directory into the new one, and removes the old one.
fn carry(spec: &Spec, from: &Path, known: &dyn Fn(&Path) -> bool, cancel: &Cancel) -> Result<(), HostError> {
    if from.symlink_metadata().is_err() {
        return Ok(());
    }
    let mut dirs = vec![PathBuf::new()];
    while let Some(dir) = dirs.pop() {
        let whole = from.join(&dir);
        let failed = |error| HostError::io("list", &whole, error);
        for entry in fs::read_dir(&whole).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = dir.join(entry.file_name());
            let (old, new) = (from.join(&path), spec.path().join(&path));
            let is_dir = entry.file_type().map_err(failed)?.is_dir();
            if is_dir && (known(&path) || new.is_dir()) {
                dirs.push(path);
            } else if !known(&path)
                && (!spec.clean || is_managed(spec, &path))
                && new.symlink_metadata().is_err()
            {
                let moved = |error| HostError::io("carry over", &new, error);
                if let Some(parent) = new.parent() {
                    fs::create_dir_all(parent).map_err(moved)?;
                }
                fs::rename(&old, &new).map_err(moved)?;
            }
        }
    }
    spec.host.fs.remove_whole(from, Pace::Long(cancel))
}
