//! Putting right what a check found.

use super::check::{Seen, dress, is_directory};
use super::content::{Loaded, load};
use super::spec::{From, Spec, Want};
use super::tree::{Tree, Walk};
use crate::engine::{Drift, Stamp};
use crate::resources::error::HostError;
use crate::resources::host::fs::{At, Fs, Halt, Pace, Written};
use crate::resources::host::stamp::stamp_of;

/// Puts right what `drift` names, starting from what the check has seen. Returns the stamp of the object just after,
/// but for renames, which the watch hub knows for our own by their temporary names.
///
/// # Errors
/// When the system refuses. [`Halt::Long`] at a short pace before anything is changed, where that may take long.
pub fn apply(spec: &Spec, drift: &Drift, seen: &Seen, pace: Pace<'_>) -> Result<Option<Stamp>, Halt> {
    let repair = Repair { spec, drift, seen, at: At::new(&seen.parent, spec.path()), pace };
    match &spec.want {
        Want::Absent => repair.remove().map(Some),
        Want::Any => repair.looks(),
        Want::File(from) => repair.file(from),
        Want::Link(target) => repair.link(target),
        Want::Directory(source) => repair.directory(source.as_deref()),
    }
}

struct Repair<'a> {
    spec: &'a Spec,
    drift: &'a Drift,
    seen: &'a Seen,
    at: At<'a>,
    pace: Pace<'a>,
}

impl Repair<'_> {
    fn fs(&self) -> &Fs {
        &self.spec.host.fs
    }

    fn remove(&self) -> Result<Stamp, Halt> {
        let gone = stamp_of(None);
        let Some(stat) = &self.seen.stat else { return Ok(gone) };
        if !is_directory(stat) {
            self.fs().unlink(self.at)?;
        } else if self.spec.recurse && self.spec.force {
            self.pace.long()?;
            self.fs().remove_tree(self.at, stat, &|_| false, self.pace)?;
        } else {
            self.fs().remove_empty_dir(self.at)?;
        }
        Ok(gone)
    }

    /// Repairs owner, group, mode and label in place.
    fn looks(&self) -> Result<Option<Stamp>, Halt> {
        let Some(old) = &self.seen.stat else { return Err(self.missing().into()) };
        let dress = dress(self.spec, Some(old))?;
        let after = match &self.seen.opened {
            Some(opened) => self.fs().set_looks_of(opened, self.at, old, dress)?,
            None => self.fs().set_looks(self.at, old, dress)?,
        };
        Ok(Some(stamp_of(Some(&after))))
    }

    fn file(&self, from: &From) -> Result<Option<Stamp>, Halt> {
        let old = self.seen.stat.as_ref();
        let by_content = self.drift.has(from.param()) || self.drift.has("state") || self.drift.has("entry");
        if !by_content {
            return self.looks();
        }
        let body = match load(self.spec, from, self.pace)? {
            Loaded::Body(body) => body,
            Loaded::Dir => {
                let From::Source(source) = from else { return Ok(None) };
                return self.directory(Some(source));
            }
        };
        if old.is_none() && !self.spec.may_create {
            return Err(self.missing().into());
        }
        self.clear_dir()?;
        let old = old.filter(|old| rustix::fs::FileType::from_raw_mode(old.st_mode).is_file());
        match self.fs().write_file(self.at, old, &body, dress(self.spec, old)?, self.pace)? {
            Written::Renamed => Ok(None),
            Written::InPlace(after) => Ok(Some(stamp_of(Some(&after)))),
        }
    }

    fn link(&self, target: &str) -> Result<Option<Stamp>, Halt> {
        if !self.drift.has("source") {
            return self.looks();
        }
        if self.seen.stat.is_none() && !self.spec.may_create {
            return Err(self.missing().into());
        }
        self.clear_dir()?;
        self.fs().write_link(self.at, target.as_bytes(), dress(self.spec, None)?)?;
        Ok(None)
    }

    fn directory(&self, source: Option<&str>) -> Result<Option<Stamp>, Halt> {
        let walks = Walk::is_needed(self.spec, source);
        if walks {
            self.pace.long()?;
        }
        let old = self.seen.stat.as_ref();
        let looks = ["mode", "owner", "group", "selinux"].iter().any(|what| self.drift.has(what));
        let mut after = match old {
            Some(old) if is_directory(old) && looks => {
                Some(self.fs().set_looks(self.at, old, dress(self.spec, Some(old))?)?)
            }
            Some(old) if is_directory(old) => None,
            None if !self.spec.may_create => return Err(self.missing().into()),
            _ => {
                let mut dress = dress(self.spec, None)?;
                // A source that turned out to be a directory: the mode is that of one.
                dress.mode = self.spec.mode.as_ref().map(|mode| mode.of(0o755, true));
                if old.is_some() {
                    self.fs().unlink(self.at)?;
                }
                Some(self.fs().make_dir(self.at, dress)?)
            }
        };
        let top = after.or(old.copied()).filter(|_| walks && (source.is_some() || old.is_some()));
        if let Some(top) = top {
            Walk::new(self.spec, top, Tree::Repair, self.pace)?.run(self.at, source)?;
            after = self.fs().lstat(self.at)?;
        }
        Ok(after.map(|after| stamp_of(Some(&after))))
    }

    /// Removes a directory that is to be replaced by something else; the check has seen that this is permitted.
    fn clear_dir(&self) -> Result<(), Halt> {
        let Some(old) = self.seen.stat.as_ref().filter(|old| is_directory(old)) else { return Ok(()) };
        self.pace.long()?;
        self.fs().remove_tree(self.at, old, &|_| false, self.pace)?;
        Ok(())
    }

    fn missing(&self) -> HostError {
        HostError::Missing { path: self.spec.path().into() }
    }
}
