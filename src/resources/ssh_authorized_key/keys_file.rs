//! A user's file of keys: looking at it, and putting it right.
//!
//! The directory belongs to the user, who may do to it what it likes at any time: everything is done relative to opened
//! directories, no link of the user's is followed, and a file with several names is not touched.

use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::key_line::Identity;
use super::keys_text::{Edited, Wanted, edit};
use super::place::Account;
use super::strict_modes::{Looks, corrected, objection};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::{At, Body, Dress, Halt, LONG, Pace, permissions, size, type_name};

/// For the user's eyes only.
const NEW_FILE: u32 = 0o600;
/// The same, for a directory.
const NEW_DIR: u32 = 0o700;

/// What should be in which file.
#[derive(Debug)]
pub struct Task {
    /// The machine.
    pub host: Arc<Host>,
    /// Whose keys.
    pub account: Account,
    /// The key.
    pub wanted: Wanted,
    /// The keys that stay, besides; `None`: all.
    pub only: Option<Vec<Identity>>,
    /// Make the directory.
    pub mkdir: bool,
}

/// How a file stands.
#[derive(Debug, Default)]
pub struct Seen {
    /// The home directory is missing.
    pub no_home: bool,
    /// What sshd objects to: which object, where, and what.
    pub objections: Vec<(&'static str, Box<Path>, String)>,
    /// What is there.
    pub found: Vec<u8>,
    /// What is wrong with the text.
    pub edited: Edited,
    stat: Option<Stat>,
}

impl Task {
    fn ids(&self) -> (u32, u32) {
        (self.account.uid, self.account.gid)
    }

    /// Looks at the file, and at what sshd looks at besides.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn look(&self, path: &Path, pace: Pace<'_>) -> Result<Seen, Halt> {
        let mut seen = Seen::default();
        if self.wanted.present {
            let home = &self.account.home;
            let in_home = path.starts_with(home);
            seen.no_home = in_home && self.looks(home)?.is_none();
            let dir = path.parent().filter(|dir| *dir != home);
            let places = [("home", in_home.then_some(home.as_path())), ("directory", dir)];
            for (what, place) in places.into_iter().filter_map(|(what, place)| Some((what, place?))) {
                if let Some(found) = self.looks(place)?
                    && let Some(said) = objection(found, self.ids(), false)
                {
                    seen.objections.push((what, place.into(), said));
                }
            }
        }
        let dir = match self.host.fs.open_parent(path) {
            Err(HostError::NoParent { .. }) => {
                seen.edited = self.edit(b"");
                return Ok(seen);
            }
            other => other?,
        };
        self.read(At::new(&dir, path), &mut seen, pace)?;
        Ok(seen)
    }

    fn edit(&self, text: &[u8]) -> Edited {
        let stays = |key: &Identity| self.only.as_ref().is_none_or(|only| only.contains(key));
        edit(text, &self.wanted, &|key| !stays(key))
    }

    /// The looks of a directory; `None`: it is not there.
    fn looks(&self, path: &Path) -> Result<Option<Looks>, HostError> {
        let fs = &self.host.fs;
        let found = match fs.open_parent(path) {
            Ok(parent) => fs.lstat(At::new(&parent, path))?,
            Err(HostError::NoParent { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(found.map(|stat| looks_of(&stat)))
    }

    fn read(&self, at: At<'_>, seen: &mut Seen, pace: Pace<'_>) -> Result<(), Halt> {
        let fs = &self.host.fs;
        seen.stat = fs.lstat(at)?;
        if let Some(stat) = &seen.stat {
            if !FileType::from_raw_mode(stat.st_mode).is_file() {
                let hint = "links that a user could have made are not followed: remove it";
                let (found, wanted) = (type_name(stat), "a file");
                return Err(HostError::WrongType { path: at.path.into(), found, wanted, hint }.into());
            }
            if stat.st_nlink > 1 {
                return Err(HostError::UntrustedName { op: "edit", path: at.path.into() }.into());
            }
            if size(stat) > LONG {
                return Err(HostError::io("look for keys in", at.path, Errno::FBIG).into());
            }
            if let Some(said) = objection(looks_of(stat), self.ids(), true).filter(|_| self.wanted.present) {
                seen.objections.push(("file", at.path.into(), said));
            }
            let _ = pace;
            seen.found = fs.read_whole(&fs.open_at(at)?, at.path, size(stat))?;
        }
        seen.edited = self.edit(&seen.found);
        Ok(())
    }

    /// Puts it right, one resource at a time.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn repair(&self, path: &Path, pace: Pace<'_>) -> Result<(), Halt> {
        let fs = &self.host.fs;
        let (uid, gid) = self.ids();
        let dir = match fs.open_parent(path) {
            Err(HostError::NoParent { .. }) if self.mkdir && self.wanted.present => {
                let own = path.parent().unwrap_or(Path::new("/"));
                let above = fs.open_parent(own)?;
                let in_home = path.starts_with(&self.account.home);
                let dress = Dress {
                    mode: Some(if in_home { NEW_DIR } else { 0o755 }),
                    uid: in_home.then_some(uid),
                    gid: in_home.then_some(gid),
                    label: None,
                };
                match fs.make_dir(At::new(&above, own), dress) {
                    Err(error) if error.errno() != Some(Errno::EXIST) => return Err(error.into()),
                    _ => fs.open_parent(path)?,
                }
            }
            other => other?,
        };
        let at = At::new(&dir, path);
        let lock = self.host.locks.of(at)?;
        let _held = lock.hold(pace)?;
        // What the check has seen may be changed by now: by another resource that had the lock.
        let seen = self.look(path, pace)?;
        for (what, place, _) in seen.objections.iter().filter(|(what, ..)| *what != "file") {
            let parent = fs.open_parent(place)?;
            self.correct(At::new(&parent, place), *what == "file")?;
        }
        match seen.edited.text {
            None if seen.objections.iter().any(|(what, ..)| *what == "file") => self.correct(at, true)?,
            None => {}
            Some(text) => {
                let right = seen.stat.as_ref().map(|stat| corrected(looks_of(stat), (uid, gid), true));
                let right = right.unwrap_or(Looks { uid, gid, mode: NEW_FILE });
                let dress =
                    Dress { mode: Some(right.mode), uid: Some(right.uid), gid: Some(right.gid), label: None };
                fs.write_file(at, seen.stat.as_ref(), &Body::Bytes(text), dress, pace)?;
            }
        }
        Ok(())
    }

    fn correct(&self, at: At<'_>, is_file: bool) -> Result<(), HostError> {
        let Some(stat) = self.host.fs.lstat(at)? else { return Ok(()) };
        let (now, right) = (looks_of(&stat), corrected(looks_of(&stat), self.ids(), is_file));
        let dress = Dress {
            mode: Some(right.mode),
            uid: (right.uid != now.uid).then_some(right.uid),
            gid: (right.gid != now.gid).then_some(right.gid),
            label: None,
        };
        self.host.fs.set_looks(at, &stat, dress).map(|_| ())
    }
}

fn looks_of(stat: &Stat) -> Looks {
    Looks { uid: stat.st_uid, gid: stat.st_gid, mode: permissions(stat) }
}
