//! Small files of configuration that are made whole: what should be in them, and writing them.
//!
//! Some lie in folders of users, who may do there what they like at any time: no link of theirs is followed, and nothing is read
//! that is no plain file of a moderate size.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use crate::engine::Drift;
use crate::engine::drift::Shown;
use crate::resources::error::HostError;
use crate::resources::host::fs::{At, Body, Dress, Fs, LONG, Pace, permissions, size, type_name};

/// By this files are looked at, which asks for nothing that a test would have fail.
static LOOKS: LazyLock<Fs> = LazyLock::new(Fs::new);

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallFile {
    /// Which, for the drift.
    pub what: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What should be in it; `None`: it should not be there.
    pub text: Option<String>,
    /// The permission bits.
    pub mode: u32,
    /// The user it is of, and the group of a new one; `None`: of whom it likes, and a new one of whoever the agent is.
    pub owner: Option<(u32, u32)>,
}

/// How a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What is in it.
    pub bytes: Vec<u8>,
    mode: u32,
    uid: u32,
    /// What is there instead of a small file.
    instead: Option<&'static str>,
}

impl SmallFile {
    /// How the file is; `None`: there is none.
    ///
    /// # Errors
    /// When it cannot be read; a link on the way that is not to be trusted.
    pub fn look(&self) -> Result<Option<Found>, HostError> {
        let dir = match LOOKS.open_parent(&self.path) {
            Err(HostError::NoParent { .. }) => return Ok(None),
            other => other?,
        };
        let at = At::new(&dir, &self.path);
        let Some(stat) = LOOKS.lstat(at)? else { return Ok(None) };
        let found =
            |bytes, instead| Ok(Some(Found { bytes, mode: permissions(&stat), uid: stat.st_uid, instead }));
        if let Some(instead) = no_small_file(&stat) {
            return found(Vec::new(), Some(instead));
        }
        let file = match LOOKS.open_at(at) {
            Err(error) if error.errno() == Some(Errno::NOENT) => return Ok(None),
            other => other?,
        };
        // Something else may have taken its place.
        let opened = rustix::fs::fstat(&file).map_err(|error| HostError::io("stat", &self.path, error))?;
        match no_small_file(&opened) {
            Some(instead) => found(Vec::new(), Some(instead)),
            None => found(LOOKS.read_whole(&file, &self.path, size(&opened))?, None),
        }
    }

    /// Whether it is as it should be.
    pub fn is_met_by(&self, found: Option<&Found>) -> bool {
        match (&self.text, found) {
            (None, found) => found.is_none(),
            (Some(text), Some(found)) => {
                let is_owners = self.owner.is_none_or(|(uid, _)| uid == found.uid);
                let is_so = found.bytes == text.as_bytes() && found.mode == self.mode;
                found.instead.is_none() && is_so && is_owners
            }
            (Some(_), None) => false,
        }
    }

    /// Adds how the file differs, if it does.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn compare(&self, drift: &mut Drift) -> Result<(), HostError> {
        let found = self.look()?;
        if self.is_met_by(found.as_ref()) {
            return Ok(());
        }
        // The sizes are mostly the same; what has changed is told by the diff.
        let owner = self.owner.filter(|(uid, _)| found.as_ref().is_some_and(|found| found.uid != *uid));
        let shown = |bytes: &[u8], mode: u32, uid: Option<u32>| {
            let owner = uid.map(|uid| format!(", of user {uid}")).unwrap_or_default();
            Shown::text(format!("{} bytes, {mode:04o}{owner}", bytes.len()))
        };
        let found = found.map_or(Shown::Absent, |found| match found.instead {
            Some(instead) => Shown::text(instead),
            None => shown(&found.bytes, found.mode, owner.map(|_| found.uid)),
        });
        let of = owner.map(|(uid, _)| uid);
        let wanted = self.text.as_ref().map_or(Shown::Absent, |text| shown(text.as_bytes(), self.mode, of));
        drift.add(self.what, found, wanted);
        Ok(())
    }

    /// Writes it whole, or removes it, if it is not as it should be.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn put(&self, fs: &Fs) -> Result<(), HostError> {
        if self.is_met_by(self.look()?.as_ref()) {
            return Ok(());
        }
        let dir = fs.open_parent(&self.path)?;
        let Some(text) = &self.text else { return fs.unlink(At::new(&dir, &self.path)) };
        let (uid, gid) = self.owner.unzip();
        let dress = Dress { mode: Some(self.mode), uid, gid, label: None };
        let body = Body::Bytes(text.clone().into_bytes());
        fs.write_file(At::new(&dir, &self.path), None, &body, dress, Pace::Short).map(drop)
    }

    /// How it would change, for people; nothing if it is as it should be.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn diff(&self) -> Result<String, HostError> {
        let found = self.look()?;
        if self.is_met_by(found.as_ref()) {
            return Ok(String::new());
        }
        let old = found.map(|found| found.bytes).unwrap_or_default();
        let new = self.text.as_deref().unwrap_or_default();
        Ok(super::file::diff::unified(&self.path, &old, new.as_bytes()))
    }
}

/// What this is, if it is no plain file of a moderate size.
fn no_small_file(stat: &Stat) -> Option<&'static str> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if size(stat) > LONG => Some("a file of more than 1 MiB"),
        FileType::RegularFile => None,
        _ => Some(type_name(stat)),
    }
}

/// Makes a folder and those above it, as far as they are missing; `owner`: user and group of each. A link on the way that another
/// could have made is not followed.
///
/// # Errors
/// When the system refuses; a link that is not to be trusted.
pub fn make_folder(fs: &Fs, folder: &Path, mode: u32, owner: Option<(u32, u32)>) -> Result<(), HostError> {
    let dir = match (fs.open_parent(folder), folder.parent()) {
        (Err(HostError::NoParent { .. }), Some(above)) => {
            make_folder(fs, above, mode, owner)?;
            fs.open_parent(folder)?
        }
        (opened, _) => opened?,
    };
    let (uid, gid) = owner.unzip();
    match fs.make_dir(At::new(&dir, folder), Dress { mode: Some(mode), uid, gid, label: None }) {
        Err(error) if error.errno() == Some(Errno::EXIST) => Ok(()),
        made => made.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(path: PathBuf, text: Option<&str>) -> SmallFile {
        SmallFile { what: "file", path, text: text.map(str::to_owned), mode: 0o644, owner: None }
    }

    #[test]
    fn what_is_no_small_file_is_neither_waited_for_nor_read_but_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (fifo, huge) = (dir.path().join("fifo"), dir.path().join("huge"));
        let mode = rustix::fs::Mode::from_raw_mode(0o644);
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, mode, 0).unwrap();
        std::fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for (path, shown) in
            [(fifo, "a named pipe"), (huge, "a file of more than 1 MiB"), (link, "a symbolic link")]
        {
            let mut drift = Drift::none();
            small(path.clone(), Some("x\n")).compare(&mut drift).unwrap();
            let said: Vec<String> = drift.iter().map(ToString::to_string).collect();
            assert_eq!(said, [format!("file: {shown} -> 2 bytes, 0644")]);
            small(path.clone(), Some("x\n")).put(&Fs::new()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "x\n");
            small(path.clone(), None).put(&Fs::new()).unwrap();
            assert!(!path.exists());
        }
    }

    #[test]
    fn folders_are_made_as_far_as_they_are_missing() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b/c");
        for _ in 0..2 {
            make_folder(&Fs::new(), &folder, 0o700, None).unwrap();
        }
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::write(dir.path().join("f"), "").unwrap();
        assert!(make_folder(&Fs::new(), &dir.path().join("f/g/h"), 0o700, None).is_err());
    }
}
