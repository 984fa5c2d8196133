//! Comparing what is there with what should be. Reads only.

use std::os::fd::OwnedFd;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::content::{Loaded, load};
use super::spec::{From, Spec, Want};
use super::tree::{Tree, Walk};
use crate::engine::Drift;
use crate::engine::drift::Shown;
use crate::resources::error::HostError;
use crate::resources::host::fs::{At, Body, Dress, Halt, LONG, Pace, permissions, size, type_name};

/// What a check has opened and seen: the repair starts from it, so that nothing is looked up twice, and both are
/// about the same directory whatever its name means meanwhile.
#[derive(Debug)]
pub struct Seen {
    /// The directory that holds the object.
    pub parent: OwnedFd,
    /// The object; `None`: there is none.
    pub stat: Option<Stat>,
    /// The object itself, if it is a file that the check has read.
    pub opened: Option<OwnedFd>,
}

impl Seen {
    /// Opens the directory and looks at the object.
    ///
    /// # Errors
    /// When there is no such directory; when the system refuses.
    pub fn look(spec: &Spec) -> Result<Self, HostError> {
        let parent = spec.host.fs.open_parent(spec.path())?;
        let stat = spec.host.fs.lstat(At::new(&parent, spec.path()))?;
        Ok(Self { parent, stat, opened: None })
    }
}

/// What differs; `noop` makes a difference of what would be an error. `has_other_names` is called before a file with hard
/// links is read.
///
/// # Errors
/// When the comparison cannot be made, or what is there may not be replaced.
pub fn check(
    spec: &Spec,
    noop: bool,
    has_other_names: &dyn Fn(),
    pace: Pace<'_>,
) -> Result<(Drift, Option<Seen>), Halt> {
    let mut seen = match Seen::look(spec) {
        Err(HostError::NoParent { .. }) if spec.want == Want::Absent => return Ok((Drift::none(), None)),
        other => other?,
    };
    if seen.stat.is_some_and(|stat| stat.st_nlink > 1 && file_type(&stat) == FileType::RegularFile) {
        has_other_names();
    }
    let mut check = Check { spec, noop, pace, drift: Drift::none(), opened: None };
    check.run(&seen)?;
    seen.opened = check.opened;
    Ok((check.drift, Some(seen)))
}

struct Check<'a> {
    spec: &'a Spec,
    noop: bool,
    pace: Pace<'a>,
    drift: Drift,
    opened: Option<OwnedFd>,
}

impl Check<'_> {
    fn run(&mut self, seen: &Seen) -> Result<(), Halt> {
        let at = At::new(&seen.parent, self.spec.path());
        match (&self.spec.want, &seen.stat) {
            (Want::Absent, None) => Ok(()),
            (Want::Absent, Some(stat)) => self.present(at, stat),
            (Want::Any, None) => Ok(self.missing("exists")?),
            (Want::Any, Some(stat)) => Ok(self.looks(at, stat)?),
            (Want::File(from), stat) => self.file(at, from, stat.as_ref()),
            (Want::Link(target), None) => {
                self.missing("a symbolic link")?;
                self.drift.add("source", Shown::Absent, Shown::Text(target.clone()));
                Ok(())
            }
            (Want::Link(target), Some(stat)) => Ok(self.link(at, target, stat)?),
            (Want::Directory(source), stat) => self.directory(at, source.as_deref(), stat.as_ref()),
        }
    }

    /// It is there and should not be.
    fn present(&mut self, at: At<'_>, stat: &Stat) -> Result<(), Halt> {
        let spec = self.spec;
        if file_type(stat) == FileType::Directory && !(spec.force && spec.recurse) {
            if !spec.is_dir && !spec.force {
                return Err(self.wrong_type(stat, "absent", "add `force: true` to remove it").into());
            }
            if !is_empty_dir(spec, at)? {
                return Err(HostError::NotEmpty { path: at.path.into() }.into());
            }
        }
        self.drift.add("state", Shown::text(type_name(stat)), Shown::Absent);
        Ok(())
    }

    fn missing(&mut self, wanted: &str) -> Result<(), HostError> {
        if !self.spec.may_create && !self.noop {
            return Err(HostError::Missing { path: self.spec.path().into() });
        }
        self.accounts()?;
        self.drift.add("state", Shown::Absent, Shown::text(wanted));
        Ok(())
    }

    /// What is not there has no owner to compare. That the declared one can be given is looked at all the same, since a
    /// plan would else promise what a run cannot do.
    fn accounts(&self) -> Result<(), HostError> {
        dress(self.spec, None).map(|_| ())
    }

    fn file(&mut self, at: At<'_>, from: &From, stat: Option<&Stat>) -> Result<(), Halt> {
        let body = match load(self.spec, from, self.pace)? {
            Loaded::Body(body) => body,
            Loaded::Dir => {
                let From::Source(source) = from else { return Ok(()) };
                return self.directory(at, Some(source), stat);
            }
        };
        let Some(stat) = stat else {
            self.missing("a file")?;
            let wanted = self.content(body.len(), None);
            self.drift.add(from.param(), Shown::Absent, wanted);
            return Ok(());
        };
        match file_type(stat) {
            FileType::RegularFile => {
                if *from != From::Kept {
                    self.compare(at, from, &body, stat)?;
                }
                return Ok(self.looks(at, stat)?);
            }
            FileType::Symlink if *from != From::Kept => {}
            _ if self.spec.force => {}
            _ => return Err(self.wrong_type(stat, "a file", "add `force: true` to replace it").into()),
        }
        self.accounts()?;
        let wanted = self.content(body.len(), None);
        self.drift.add(from.param(), Shown::text(type_name(stat)), wanted);
        Ok(())
    }

    fn compare(&mut self, at: At<'_>, from: &From, body: &Body, stat: &Stat) -> Result<(), HostError> {
        let (fs, pace) = (&self.spec.host.fs, self.pace);
        let mut digests = (None, None);
        if size(stat) == body.len() {
            if body.is_empty() {
                return Ok(());
            }
            let file = match fs.open_at(at) {
                Ok(file) => self.opened.insert(file),
                // Someone took away the right to read it, which the mode will give back: it is written anew.
                Err(error) if error.errno() == Some(Errno::ACCESS) && self.has_other_mode(stat) => {
                    self.add_content(from, (size(stat), None), (body.len(), None));
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            match body.at_hand().filter(|bytes| bytes.len() as u64 <= LONG) {
                Some(wanted) => {
                    let found = fs.read_whole(file, at.path, size(stat))?;
                    if found == wanted {
                        return Ok(());
                    }
                    digests = (Some(Sha256::digest(&found).into()), Some(Sha256::digest(wanted).into()));
                }
                None => {
                    if body.is_in(fs, file, at.path, pace)? {
                        return Ok(());
                    }
                    digests.1 = Some(body.digest(fs, pace)?);
                }
            }
        }
        self.add_content(from, (size(stat), digests.0), (body.len(), digests.1));
        Ok(())
    }

    fn add_content(&mut self, from: &From, found: (u64, Option<[u8; 32]>), wanted: (u64, Option<[u8; 32]>)) {
        let (found, wanted) = (self.content(found.0, found.1), self.content(wanted.0, wanted.1));
        self.drift.add(from.param(), found, wanted);
    }

    fn has_other_mode(&self, stat: &Stat) -> bool {
        let now = permissions(stat);
        self.spec.mode.as_ref().is_some_and(|mode| mode.of(now, false) != now)
    }

    fn link(&mut self, at: At<'_>, target: &str, stat: &Stat) -> Result<(), HostError> {
        match file_type(stat) {
            FileType::Symlink => {
                let found = self.spec.host.fs.read_link(at)?;
                if found != target.as_bytes() {
                    let found = String::from_utf8_lossy(&found);
                    self.drift.add("source", Shown::text(found.as_ref()), Shown::text(target));
                }
                return self.looks(at, stat);
            }
            FileType::RegularFile => {}
            _ if self.spec.force => {}
            _ => return Err(self.wrong_type(stat, "a symbolic link", "add `force: true` to replace it")),
        }
        self.accounts()?;
        self.drift.add("source", Shown::text(type_name(stat)), Shown::text(target));
        Ok(())
    }

    fn directory(&mut self, at: At<'_>, source: Option<&str>, stat: Option<&Stat>) -> Result<(), Halt> {
        let Some(stat) = stat else {
            self.missing("a directory")?;
            if let Some(source) = source {
                self.drift.add("source", Shown::Absent, Shown::text(source));
            }
            return Ok(());
        };
        if file_type(stat) != FileType::Directory {
            if !self.spec.force {
                let hint = "add `force: true` to replace it; of a symbolic link, declare where it points to";
                return Err(self.wrong_type(stat, "a directory", hint).into());
            }
            self.accounts()?;
            self.drift.add("state", Shown::text(type_name(stat)), Shown::text("a directory"));
            return Ok(());
        }
        self.looks(at, stat)?;
        if Walk::is_needed(self.spec, source) {
            self.pace.long()?;
            let mut walk = Walk::new(self.spec, *stat, Tree::Look, self.pace)?;
            walk.run(at, source)?;
            walk.into_drift(&mut self.drift);
        }
        Ok(())
    }

    /// Compares owner, group, mode and label.
    fn looks(&mut self, at: At<'_>, stat: &Stat) -> Result<(), HostError> {
        let spec = self.spec;
        if spec.mode.is_some() && file_type(stat) == FileType::Symlink {
            return Err(self.wrong_type(stat, "a file", "a symbolic link has no mode of its own"));
        }
        let dress = dress(spec, Some(stat))?;
        if let Some(mode) = dress.mode.filter(|mode| *mode != permissions(stat)) {
            let octal = |mode: u32| Shown::text(format!("{mode:04o}"));
            self.drift.add("mode", octal(permissions(stat)), octal(mode));
        }
        let id = |id: u32| Shown::text(id.to_string());
        if let (Some(_), Some(name)) = (dress.uid.filter(|uid| *uid != stat.st_uid), &spec.owner) {
            self.drift.add("owner", id(stat.st_uid), Shown::Text(name.clone()));
        }
        if let (Some(_), Some(name)) = (dress.gid.filter(|gid| *gid != stat.st_gid), &spec.group) {
            self.drift.add("group", id(stat.st_gid), Shown::Text(name.clone()));
        }
        if let Some(label) = &spec.selinux
            && spec.host.fs.has_selinux()
        {
            let found = spec.host.fs.label(at)?;
            if found.as_deref() != Some(&**label) {
                let found = found.map_or(Shown::Absent, Shown::text);
                self.drift.add("selinux", found, Shown::Text(label.clone()));
            }
        }
        Ok(())
    }

    /// Content as drifts show it.
    fn content(&self, size: u64, sha256: Option<[u8; 32]>) -> Shown {
        if self.spec.secret { Shown::text("(sensitive)") } else { Shown::Content { size, sha256 } }
    }

    fn wrong_type(&self, stat: &Stat, wanted: &'static str, hint: &'static str) -> HostError {
        HostError::WrongType { path: self.spec.path().into(), found: type_name(stat), wanted, hint }
    }
}

/// The declared owner, group, mode and label in numbers, for an object that now is `old`.
///
/// # Errors
/// When there is no such user or group.
pub fn dress<'a>(spec: &'a Spec, old: Option<&Stat>) -> Result<Dress<'a>, HostError> {
    let is_dir = old.map_or(matches!(spec.want, Want::Directory(_)), is_directory);
    let fresh = if is_dir { 0o755 } else { 0o644 };
    let accounts = &spec.host.accounts;
    Ok(Dress {
        mode: spec.mode.as_ref().map(|mode| mode.of(old.map_or(fresh, permissions), is_dir)),
        uid: spec.owner.as_ref().map(|name| accounts.user(name)).transpose()?,
        gid: spec.group.as_ref().map(|name| accounts.group(name)).transpose()?,
        label: spec.selinux.as_deref(),
    })
}

/// Whether this is a directory.
pub fn is_directory(stat: &Stat) -> bool {
    file_type(stat) == FileType::Directory
}

fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn is_empty_dir(spec: &Spec, at: At<'_>) -> Result<bool, HostError> {
    let fs = &spec.host.fs;
    let dir = fs.open_dir_at(at)?;
    let mut empty = true;
    fs.for_each_entry(&dir, at.path, |_, _| {
        empty = false;
        Ok(())
    })?;
    Ok(empty)
}
