//! Unpacking beside the target, and swapping the two.
//!
//! The directory around them may be somebody else's, who may rename there whatever he likes at any moment. So the new tree
//! is reached by its open descriptor from the moment at which it is made until all is done, the old one too; and names
//! are looked up only in the directory that is held open.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Seek as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Mode, RenameFlags, Stat, Uid};

use super::carry::Carry;
use super::error::ArchiveError;
use super::manifest::{FileMark, Manifest, Mark};
use super::rules::Budget;
use super::spec::{Source, Spec};
use super::unpack::Unpacking;
use crate::engine::Cancel;
use crate::resources::error::HostError;
use crate::resources::host::fs::{At, Dress, Pace, permissions, proc_path};
use crate::resources::host::temp_name::beside;

/// The most entries of an archive.
const ENTRIES: usize = 1_000_000;
/// The mode of a tree that is not whole yet: nobody else enters it.
const PRIVATE: u32 = 0o700;

/// The directory that holds the target, and the names in it.
struct Around<'a> {
    spec: &'a Spec,
    dir: OwnedFd,
    /// Of what is not whole yet.
    fresh: PathBuf,
    /// Of what may not be lost.
    full: PathBuf,
    cancel: &'a Cancel,
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
    let found = archive.metadata().map_err(|error| HostError::io("stat", spec.path(), error))?;
    archive.rewind().map_err(|error| HostError::io("read", spec.path(), error))?;
    let [fresh, full] = [0, 1].map(|number| beside(spec.path(), number));
    let around = Around { spec, dir: spec.host.fs.open_parent(spec.path())?, fresh, full, cancel };
    let known = |path: &Path| old.is_some_and(|old| old.entries.contains_key(path));
    around.finish(&known)?;
    let budget = Budget::new(found.len(), spec.limit, ENTRIES);
    let (tree, before, made) = around.put(archive, budget).map_err(|error| {
        // The tree is no use; that it cannot be removed is not what went wrong.
        let _ = around.clear(&around.fresh, &Cancel::default());
        error.seen_at(&around.fresh, spec.path())
    })?;
    // Before others have it: what they make of it is not the archive's.
    let entries = marks(&proc_path(tree.as_fd()), &made)?;
    if let Some(before) = before {
        let known = |path: &Path| known(path) || made.contains(path);
        Carry { spec, known: &known, cancel }.over(&before, &tree)?;
    }
    around.clear(&around.full, cancel)?;
    let file = matches!(spec.source, Source::Local(_)).then(|| FileMark::of(&found));
    Ok(Manifest { sha256, settings: spec.settings(), file, entries })
}

/// The new tree, what was at its place before, and the paths that were unpacked.
type Put = (OwnedFd, Option<OwnedFd>, BTreeSet<PathBuf>);

impl Around<'_> {
    fn at<'a>(&'a self, path: &'a Path) -> At<'a> {
        At::new(&self.dir, path)
    }

    fn clear(&self, path: &Path, cancel: &Cancel) -> Result<(), HostError> {
        let (fs, at) = (&self.spec.host.fs, self.at(path));
        if let Some(found) = fs.lstat(at)? {
            fs.remove_tree(at, &found, &|_| false, Pace::Long(cancel))?;
        }
        Ok(())
    }

    /// Ends what an agent began that was killed: between the swap and the carrying over, or before.
    fn finish(&self, known: &dyn Fn(&Path) -> bool) -> Result<(), HostError> {
        let (fs, target) = (&self.spec.host.fs, self.at(self.spec.path()));
        if let Some(left) = fs.lstat(self.at(&self.full))? {
            if fs.lstat(target)?.is_none() {
                fs.make_dir(target, Dress { mode: Some(permissions(&left)), ..Dress::default() })?;
            }
            let (from, to) = (fs.list_dir(self.at(&self.full))?, fs.list_dir(target)?);
            Carry { spec: self.spec, known, cancel: self.cancel }.over(&from, &to)?;
            self.clear(&self.full, self.cancel)?;
        }
        self.clear(&self.fresh, self.cancel)
    }

    fn put(&self, archive: File, budget: Budget) -> Result<Put, ArchiveError> {
        let (fs, spec, target) = (&self.spec.host.fs, self.spec, self.at(self.spec.path()));
        let owner = spec.owner()?;
        let tree = self.make()?;
        let into = proc_path(tree.as_fd());
        let (source, strip, setuid) = (&*spec.shown, spec.strip, spec.setuid);
        let unpacking = Unpacking { source, into: &into, strip, owner, setuid, cancel: self.cancel };
        let made = unpacking.run(archive, budget).map_err(|error| error.seen_at(&into, spec.path()))?;
        let before = fs.lstat(target)?.is_some().then(|| fs.list_dir(target)).transpose()?;
        let looks = before.as_ref().map(rustix::fs::fstat).transpose();
        let looks = looks.map_err(|error| HostError::io("stat", spec.path(), error))?;
        dress(&tree, spec.path(), owner, looks.as_ref())?;
        self.swap(before.is_some())?;
        self.is_in_place(&tree)?;
        Ok((tree, before, made))
    }

    /// Makes the new tree, and makes sure that it is the one that is open.
    fn make(&self) -> Result<OwnedFd, HostError> {
        let (fs, at) = (&self.spec.host.fs, self.at(&self.fresh));
        fs.make_dir(at, Dress { mode: Some(PRIVATE), ..Dress::default() })?;
        let tree = fs.list_dir(at)?;
        let found = rustix::fs::fstat(&tree).map_err(|error| HostError::io("stat", at.path, error))?;
        let raced = || HostError::Raced { op: "make the directory", path: at.path.into() };
        if found.st_uid != rustix::process::geteuid().as_raw() || permissions(&found) != PRIVATE {
            return Err(raced());
        }
        // Another one of ours, which somebody has moved there, would be given away with what is in it.
        fs.for_each_entry(&tree, at.path, |_, _| Err(raced()))?;
        Ok(tree)
    }

    /// Puts the new directory in place at once; the old one is then at `full`.
    fn swap(&self, is_there: bool) -> Result<(), ArchiveError> {
        let path = self.spec.path();
        let refused =
            |source: rustix::io::Errno| ArchiveError::Swap { path: path.into(), source: source.into() };
        if !is_there {
            return self.rename(&self.fresh, path).map_err(refused);
        }
        // From here on nothing at that name is thrown away unseen.
        self.rename(&self.fresh, &self.full).map_err(refused)?;
        self.exchange(path).map_err(|error| {
            // What lies there is the new tree alone: it must not be taken for the old one the next time.
            let _ = self.rename(&self.full, &self.fresh);
            refused(error)
        })
    }

    /// Exchanges the new directory at `full` with the one at `path`. Where that fails, both are where they were.
    fn exchange(&self, path: &Path) -> rustix::io::Result<()> {
        let (full, target) = (self.at(&self.full).name(), self.at(path).name());
        if rustix::fs::renameat_with(&self.dir, full, &self.dir, target, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
        // Some file systems cannot exchange: then there is nothing at the path for a moment.
        let aside = beside(path, 2);
        self.rename(path, &aside)?;
        if let Err(error) = self.rename(&self.full, path) {
            let _ = self.rename(&aside, path);
            return Err(error);
        }
        self.rename(&aside, &self.full)
    }

    /// Whether it is the new tree that was put there, and nothing that somebody gave its name.
    fn is_in_place(&self, tree: &OwnedFd) -> Result<(), HostError> {
        let path = self.spec.path();
        let made = rustix::fs::fstat(tree).map_err(|error| HostError::io("stat", path, error))?;
        match self.spec.host.fs.lstat(self.at(path))? {
            Some(found) if (found.st_dev, found.st_ino) == (made.st_dev, made.st_ino) => Ok(()),
            _ => Err(HostError::Raced { op: "replace", path: path.into() }),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> rustix::io::Result<()> {
        rustix::fs::renameat(&self.dir, self.at(from).name(), &self.dir, self.at(to).name())
    }
}

/// Gives the new directory the looks of the old one, or those of a new one.
fn dress(
    tree: &OwnedFd,
    path: &Path,
    (uid, gid): (Option<u32>, Option<u32>),
    old: Option<&Stat>,
) -> Result<(), HostError> {
    let failed = |error: rustix::io::Errno| HostError::io("dress", path, error);
    let now = rustix::fs::fstat(tree).map_err(failed)?;
    let uid = uid.or(old.map(|old| old.st_uid)).filter(|uid| *uid != now.st_uid);
    let gid = gid.or(old.map(|old| old.st_gid)).filter(|gid| *gid != now.st_gid);
    if uid.is_some() || gid.is_some() {
        rustix::fs::fchown(tree, uid.map(Uid::from_raw), gid.map(Gid::from_raw)).map_err(failed)?;
    }
    let mode = old.map_or(0o755, permissions);
    rustix::fs::fchmod(tree, Mode::from_raw_mode(mode)).map_err(failed)?;
    rustix::fs::fsync(tree).map_err(failed)
}

fn marks(tree: &Path, made: &BTreeSet<PathBuf>) -> Result<BTreeMap<PathBuf, Mark>, HostError> {
    let mut marks = BTreeMap::new();
    for path in made {
        // What somebody has removed already is missing in the next check: then it is unpacked again.
        if let Some(mark) = Mark::of(&tree.join(path))? {
            marks.insert(path.clone(), mark);
        }
    }
    Ok(marks)
}
