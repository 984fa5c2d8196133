//! What is in a directory: a copy of another, without what is not known (purge), with its owner (recurse).
//!
//! Trees are walked, never held: a level keeps its two open directories and nothing of their entries. Mounted file
//! systems are not gone into, links not followed. What another file resource manages is left to it.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FileType, Stat};

use super::check::is_directory;
use super::diff::{MOST_DIFF, unified};
use super::spec::Spec;
use crate::engine::Drift;
use crate::engine::drift::Shown;
use crate::resources::error::HostError;
use crate::resources::host::fs::{
    At, Body, DEEPEST, Dress, Fs, Halt, Pace, Piece, permissions, size, type_name,
};
use crate::resources::host::managed::Managed;
use crate::resources::host::temp_name::is_temp;

/// How many differences are listed; the rest is counted.
const MOST_LISTED: usize = 100;
/// Of longer files in a tree, no diff is shown.
const MOST_DIFF_OF_ENTRY: u64 = 64 << 10;

/// What a walk is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// To list what differs.
    Look,
    /// To show how files differ.
    Diff,
    /// To put it right.
    Repair,
}

/// A walk through a directory.
#[derive(Debug)]
pub struct Walk<'a> {
    spec: &'a Spec,
    tree: Tree,
    pace: Pace<'a>,
    /// The directory that is walked through.
    top: Stat,
    /// The declared owner of all that is in it.
    owner: Dress<'a>,
    listed: Vec<(Shown, Shown)>,
    count: usize,
    diff: String,
}

/// A directory that is copied, open.
#[derive(Clone, Copy)]
struct From<'a> {
    dir: &'a OwnedFd,
    path: &'a Path,
}

impl<'a> Walk<'a> {
    /// Whether what is in the directory is declared at all.
    pub fn is_needed(spec: &Spec, source: Option<&str>) -> bool {
        let owned = spec.owner.is_some() || spec.group.is_some();
        source.is_some() || spec.purge || spec.recurse && owned
    }

    /// A walk through the directory `top`, not begun.
    ///
    /// # Errors
    /// When there is no such user or group.
    pub fn new(spec: &'a Spec, top: Stat, tree: Tree, pace: Pace<'a>) -> Result<Self, HostError> {
        let looks = super::check::dress(spec, None)?;
        let owner = if spec.recurse { Dress { mode: None, label: None, ..looks } } else { Dress::default() };
        Ok(Self { spec, top, tree, pace, owner, listed: Vec::new(), count: 0, diff: String::new() })
    }

    /// Walks through the directory `at`.
    ///
    /// # Errors
    /// At the first entry that cannot be read, or put right.
    pub fn run(&mut self, at: At<'_>, source: Option<&str>) -> Result<(), Halt> {
        let dir = self.fs().list_dir(at)?;
        let source = source.map(Path::new);
        let opened = source.map(|source| self.fs().open_source(source)).transpose()?;
        let from = opened.as_ref().zip(source).map(|(dir, path)| From { dir, path });
        Ok(self.level(from, &dir, at.path, 0)?)
    }

    /// Adds what differs.
    pub fn into_drift(self, drift: &mut Drift) {
        let more = self.count - self.listed.len();
        for (found, wanted) in self.listed {
            drift.add("entry", found, wanted);
        }
        if more > 0 {
            drift.add("entry", Shown::text("others"), Shown::text(format!("{more} more differ")));
        }
    }

    /// How files differ.
    pub fn into_diff(self) -> String {
        self.diff
    }

    fn fs(&self) -> &'a Fs {
        &self.spec.host.fs
    }

    fn managed(&self) -> &'a Managed {
        &self.spec.host.managed
    }

    fn level(
        &mut self,
        from: Option<From<'_>>,
        dir: &OwnedFd,
        path: &Path,
        depth: usize,
    ) -> Result<(), HostError> {
        if depth > DEEPEST {
            return Err(HostError::TooDeep { op: "walk", path: path.into(), limit: DEEPEST });
        }
        if let Some(from) = from {
            self.fs().for_each_entry(from.dir, from.path, |entry, file_type| {
                self.copied(from, At::new(from.dir, entry), file_type, dir, path, depth)
            })?;
        }
        let owned = self.owner.uid.is_some() || self.owner.gid.is_some();
        if self.spec.purge || owned {
            self.fs().for_each_entry(dir, path, |entry, file_type| {
                self.besides(from, At::new(dir, entry), file_type, depth)
            })?;
        }
        Ok(())
    }

    /// An entry of the source.
    fn copied(
        &mut self,
        from: From<'_>,
        source: At<'_>,
        file_type: FileType,
        dir: &OwnedFd,
        path: &Path,
        depth: usize,
    ) -> Result<(), HostError> {
        self.pace.go_on("copy", source.path)?;
        let target = path.join(source.name());
        if is_temp(source.name().as_encoded_bytes()) || self.is_managed(&target) {
            return Ok(());
        }
        let at = At::new(dir, &target);
        match file_type {
            FileType::Directory if !self.spec.recurse => Ok(()),
            FileType::Directory => self.copied_dir(source, at, depth),
            FileType::RegularFile => self.copied_file(source, at),
            FileType::Symlink => self.copied_link(source, at),
            _ => {
                if self.tree == Tree::Repair {
                    tracing::warn!(path = %source.path.display(), source = %from.path.display(),
                        "it is neither file, directory nor link, and is not copied");
                }
                Ok(())
            }
        }
    }

    fn copied_dir(&mut self, source: At<'_>, at: At<'_>, depth: usize) -> Result<(), HostError> {
        let Some(stat) = self.fs().lstat(source)? else { return Ok(()) };
        if (stat.st_dev, stat.st_ino) == (self.top.st_dev, self.top.st_ino) {
            return Ok(()); // a directory is not copied into itself
        }
        let found = self.fs().lstat(at)?;
        match &found {
            Some(found) if is_directory(found) => self.looks(at, found, permissions(&stat) & 0o777)?,
            _ => {
                self.may_replace(at, found.as_ref(), "a directory")?;
                self.note(at.path, found.as_ref(), Shown::text("a directory"));
                if self.tree != Tree::Repair {
                    return Ok(());
                }
                if found.is_some() {
                    self.fs().unlink(at)?;
                }
                let mode = Some(permissions(&stat) & 0o777);
                self.fs().make_dir(at, Dress { mode, ..self.owner })?;
            }
        }
        let Some(below) = self.enter(at)? else { return Ok(()) };
        let dir = self.fs().list_dir(source)?;
        self.level(Some(From { dir: &dir, path: source.path }), &below, at.path, depth + 1)
    }

    fn copied_file(&mut self, source: At<'_>, at: At<'_>) -> Result<(), HostError> {
        let fs = self.fs();
        let Some(stat) = fs.lstat(source)? else { return Ok(()) };
        let mode = permissions(&stat) & 0o777;
        let found = fs.lstat(at)?;
        let old = found.as_ref().filter(|found| FileType::from_raw_mode(found.st_mode).is_file());
        let body = || -> Result<Body, HostError> {
            let fd = fs.open_at(source)?;
            Ok(Body::Files(vec![Piece { path: source.path.to_owned(), size: size(&stat), fd: Some(fd) }]))
        };
        if let Some(old) = old
            && size(old) == size(&stat)
            && (size(old) == 0 || body()?.is_in(fs, &fs.open_at(at)?, at.path, self.pace)?)
        {
            return self.looks(at, old, mode);
        }
        self.may_replace(at, found.as_ref(), "a file")?;
        self.note(at.path, found.as_ref(), Shown::Content { size: size(&stat), sha256: None });
        match self.tree {
            Tree::Look => {}
            Tree::Diff => self.diff_of(source, &stat, at, old)?,
            Tree::Repair => {
                if let Some(found) = found.as_ref().filter(|found| is_directory(found)) {
                    fs.remove_tree(at, found, &|_| false, self.pace)?;
                }
                fs.write_file(at, old, &body()?, Dress { mode: Some(mode), ..self.owner }, self.pace)?;
            }
        }
        Ok(())
    }

    fn copied_link(&mut self, source: At<'_>, at: At<'_>) -> Result<(), HostError> {
        let target = self.fs().read_link(source)?;
        let found = self.fs().lstat(at)?;
        if let Some(found) = &found
            && FileType::from_raw_mode(found.st_mode) == FileType::Symlink
            && self.fs().read_link(at)? == target
        {
            return self.looks(at, found, permissions(found));
        }
        self.may_replace(at, found.as_ref(), "a symbolic link")?;
        let shown = format!("a link to {}", String::from_utf8_lossy(&target));
        self.note(at.path, found.as_ref(), Shown::text(shown));
        if self.tree == Tree::Repair {
            if let Some(found) = found.as_ref().filter(|found| is_directory(found)) {
                self.fs().remove_tree(at, found, &|_| false, self.pace)?;
            }
            self.fs().write_link(at, &target, self.owner)?;
        }
        Ok(())
    }

    /// An entry of the directory: unless the source has it too, it is purged, or given its owner.
    fn besides(
        &mut self,
        from: Option<From<'_>>,
        at: At<'_>,
        file_type: FileType,
        depth: usize,
    ) -> Result<(), HostError> {
        self.pace.go_on("walk", at.path)?;
        let is_dir = file_type == FileType::Directory;
        if is_temp(at.name().as_encoded_bytes()) || self.is_managed(at.path) {
            return Ok(());
        }
        if let Some(from) = from
            && (!is_dir || self.spec.recurse)
        {
            let original = from.path.join(at.name());
            if self.fs().lstat(At::new(from.dir, &original))?.is_some() {
                return Ok(());
            }
        }
        let Some(found) = self.fs().lstat(at)? else { return Ok(()) };
        let below = match is_directory(&found) {
            false => None,
            true => match self.enter(at)? {
                None => return Ok(()),
                below => below,
            },
        };
        let leads_to_managed = at.path.to_str().is_some_and(|path| self.managed().has_below(path));
        if self.spec.purge && !leads_to_managed {
            self.note(at.path, Some(&found), Shown::Absent);
            if self.tree == Tree::Repair {
                let managed = self.managed();
                let spare = |path: &Path| path.to_str().is_some_and(|path| managed.has(path));
                self.fs().remove_tree(at, &found, &spare, self.pace)?;
            }
            return Ok(());
        }
        self.looks(at, &found, permissions(&found))?;
        match below {
            Some(below) => self.level(None, &below, at.path, depth + 1),
            None => Ok(()),
        }
    }

    fn looks(&mut self, at: At<'_>, found: &Stat, mode: u32) -> Result<(), HostError> {
        let wanted = Dress { mode: Some(mode), ..self.owner };
        let uid = wanted.uid.unwrap_or(found.st_uid);
        let gid = wanted.gid.unwrap_or(found.st_gid);
        let is_link = FileType::from_raw_mode(found.st_mode) == FileType::Symlink;
        // Setgid of directories comes from their parents, and stays.
        let kept = if is_directory(found) { permissions(found) & 0o7000 } else { 0 };
        let same_mode = is_link || permissions(found) == mode | kept;
        if same_mode && uid == found.st_uid && gid == found.st_gid {
            return Ok(());
        }
        let show = |mode: u32, uid: u32, gid: u32| format!("{mode:04o} {uid}:{gid}");
        let name = self.relative(at.path);
        let before = show(permissions(found), found.st_uid, found.st_gid);
        self.add(Shown::text(format!("{name}: {before}")), Shown::text(show(mode | kept, uid, gid)));
        if self.tree == Tree::Repair {
            self.fs().set_looks(at, found, Dress { mode: Some(mode | kept), ..wanted })?;
        }
        Ok(())
    }

    /// Opens a directory of the tree; `None`: something is mounted there.
    fn enter(&self, at: At<'_>) -> Result<Option<OwnedFd>, HostError> {
        match self.fs().open_dir_at(at) {
            Err(error) if error.errno() == Some(rustix::io::Errno::XDEV) => {
                tracing::warn!(path = %at.path.display(), "a mounted file system is not gone into");
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    fn may_replace(&self, at: At<'_>, found: Option<&Stat>, wanted: &'static str) -> Result<(), HostError> {
        let Some(found) = found else { return Ok(()) };
        let exchangeable =
            matches!(FileType::from_raw_mode(found.st_mode), FileType::RegularFile | FileType::Symlink)
                && wanted != "a directory";
        if exchangeable || self.spec.force {
            return Ok(());
        }
        Err(HostError::WrongType {
            path: at.path.into(),
            found: type_name(found),
            wanted,
            hint: "add `force: true` to replace it",
        })
    }

    fn is_managed(&self, path: &Path) -> bool {
        path.to_str().is_some_and(|path| self.managed().has(path))
    }

    fn note(&mut self, path: &Path, found: Option<&Stat>, wanted: Shown) {
        let name = self.relative(path);
        let found = match found {
            None => format!("{name}: absent"),
            Some(stat) if FileType::from_raw_mode(stat.st_mode).is_file() => {
                format!("{name}: {} bytes", size(stat))
            }
            Some(stat) => format!("{name}: {}", type_name(stat)),
        };
        self.add(Shown::text(found), wanted);
    }

    fn add(&mut self, found: Shown, wanted: Shown) {
        self.count += 1;
        if self.listed.len() < MOST_LISTED {
            self.listed.push((found, wanted));
        }
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(self.spec.path()).unwrap_or(path).display().to_string()
    }

    fn diff_of(
        &mut self,
        source: At<'_>,
        stat: &Stat,
        at: At<'_>,
        old: Option<&Stat>,
    ) -> Result<(), HostError> {
        let longest = size(stat).max(old.map_or(0, size));
        if longest > MOST_DIFF_OF_ENTRY || self.diff.len() >= MOST_DIFF {
            return Ok(());
        }
        let fs = self.fs();
        let wanted = fs.read_whole(&fs.open_at(source)?, source.path, size(stat))?;
        let found = match old {
            Some(old) => fs.read_whole(&fs.open_at(at)?, at.path, size(old))?,
            None => Vec::new(),
        };
        self.diff.push_str(&unified(at.path, &found, &wanted));
        Ok(())
    }
}
