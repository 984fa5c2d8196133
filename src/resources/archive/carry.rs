//! Carrying over what is not of an archive, or looked after by others, from the directory that was into the one that is.
//!
//! Either may belong to somebody else, who changes it meanwhile. So nothing is done by whole paths: both are held open,
//! and what is below them is reached name by name, without following a link.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};

use super::spec::Spec;
use crate::engine::Cancel;
use crate::resources::error::HostError;
use crate::resources::host::fs::{At, Dress, Pace, permissions};

/// What is to be carried over.
pub struct Carry<'a> {
    /// The declaration.
    pub spec: &'a Spec,
    /// Whether a path below the directory is of the old archive, or of the new one.
    pub known: &'a dyn Fn(&Path) -> bool,
    /// Ends it early.
    pub cancel: &'a Cancel,
}

impl Carry<'_> {
    /// Moves what is not of an archive from the old directory into the new one.
    ///
    /// # Errors
    /// When the system refuses; when the run is cancelled. What was not carried over yet is where it was.
    pub fn over(&self, from: &OwnedFd, to: &OwnedFd) -> Result<(), HostError> {
        for path in self.all(from, to)? {
            self.step(from, to, &path)?;
        }
        Ok(())
    }

    /// The paths that are to be moved, each with all below it.
    fn all(&self, from: &OwnedFd, to: &OwnedFd) -> Result<Vec<PathBuf>, HostError> {
        let (fs, mut all, mut dirs) = (&self.spec.host.fs, Vec::new(), vec![PathBuf::new()]);
        while let Some(dir) = dirs.pop() {
            Pace::Long(self.cancel).go_on("carry over", self.spec.path())?;
            let opened = self.open(from, &dir)?;
            fs.for_each_entry(&opened, &dir, |path, file_type| {
                let is_dir = file_type == FileType::Directory;
                let new = self.look(to, path)?;
                let whole = self.spec.path().join(path);
                if !is_dir && self.spec.host.managed.has(&whole.to_string_lossy()) {
                    // Its keeper has made it what it is, also where the archive has one of that name. Whoever keeps a
                    // whole directory may do so after the archive: that gets the new files first.
                    all.push(path.to_owned());
                } else if is_dir && ((self.known)(path) || new.as_ref().is_some_and(is_directory)) {
                    dirs.push(path.to_owned());
                } else if !(self.known)(path) && self.stays(path) && new.is_none() {
                    all.push(path.to_owned());
                }
                Ok(())
            })?;
        }
        Ok(all)
    }

    fn stays(&self, path: &Path) -> bool {
        !self.spec.clean || super::work::is_managed(self.spec, path)
    }

    fn step(&self, from: &OwnedFd, to: &OwnedFd, path: &Path) -> Result<(), HostError> {
        let above = path.parent().unwrap_or(Path::new(""));
        let (old, new) = (self.open(from, above)?, self.make(from, to, above)?);
        let whole = self.spec.path().join(path);
        let (old, new) = (At::new(&old, &whole), At::new(&new, &whole));
        let fs = &self.spec.host.fs;
        if let Some(found) = fs.lstat(new)?.filter(is_directory) {
            fs.remove_tree(new, &found, &|_| false, Pace::Long(self.cancel))?;
        }
        fs.move_name(old, new)
    }

    /// What a path below a directory is; `None`: it is not there.
    fn look(&self, root: &OwnedFd, path: &Path) -> Result<Option<Stat>, HostError> {
        let (fs, whole) = (&self.spec.host.fs, self.spec.path().join(path));
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        match above {
            None => fs.lstat(At::new(root, &whole)),
            Some(above) => match self.look(root, above)? {
                Some(found) if is_directory(&found) => fs.lstat(At::new(&self.open(root, above)?, &whole)),
                _ => Ok(None),
            },
        }
    }

    /// Opens a directory below another.
    fn open(&self, root: &OwnedFd, below: &Path) -> Result<OwnedFd, HostError> {
        self.descend(root, below, |_, _| Ok(()))
    }

    /// The same in the new tree: what is not there looks as in the old one.
    fn make(&self, from: &OwnedFd, to: &OwnedFd, below: &Path) -> Result<OwnedFd, HostError> {
        let fs = &self.spec.host.fs;
        self.descend(to, below, |at, path| {
            if fs.lstat(at)?.is_some() {
                return Ok(());
            }
            let Some(old) = self.look(from, path)? else { return Ok(()) };
            let (uid, gid) = (Some(old.st_uid), Some(old.st_gid));
            fs.make_dir(at, Dress { mode: Some(permissions(&old)), uid, gid, label: None })?;
            Ok(())
        })
    }

    fn descend(
        &self,
        root: &OwnedFd,
        below: &Path,
        before: impl Fn(At<'_>, &Path) -> Result<(), HostError>,
    ) -> Result<OwnedFd, HostError> {
        let (fs, mut walked) = (&self.spec.host.fs, PathBuf::new());
        let again = root.try_clone();
        let mut dir = again.map_err(|error| HostError::io("open", self.spec.path(), error))?;
        for name in below {
            walked.push(name);
            let whole = self.spec.path().join(&walked);
            before(At::new(&dir, &whole), &walked)?;
            dir = fs.open_dir_at(At::new(&dir, &whole))?;
        }
        Ok(dir)
    }
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_dir()
}
