//! The folder of snapshots, `member/snap`: what its files are called, how they come, and which of them stay.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::durable;

/// How many snapshots stay: the newest, and the one before it, should the newest turn out to be of no use.
const KEPT: usize = 2;

/// What a snapshot's file is called until it is whole.
const SCRATCH: &str = ".tmp";

/// A snapshot's name: `TERM-INDEX.snap.db`, both as sixteen hexadecimal digits. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SnapName {
    /// The last entry's term.
    pub term: u64,
    /// The last entry that the snapshot holds.
    pub index: u64,
}

impl SnapName {
    /// Reads a file name; none when it is not that of a snapshot.
    pub fn parse(name: &str) -> Option<Self> {
        let (term, index) = name.strip_suffix(".snap.db")?.split_once('-')?;
        let parsed =
            Self { term: u64::from_str_radix(term, 16).ok()?, index: u64::from_str_radix(index, 16).ok()? };
        (parsed.to_string() == name).then_some(parsed)
    }
}

impl fmt::Display for SnapName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:016x}.snap.db", self.term, self.index)
    }
}

/// Why a snapshot cannot be kept or found. `E` is what writing its content may end with.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum SnapError<E: std::error::Error + 'static = io::Error> {
    #[error("cannot {operation} {path:?}")]
    File { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot write the snapshot {path:?}")]
    Content { path: PathBuf, source: E },
}

impl<E: std::error::Error + 'static> SnapError<E> {
    fn file(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { operation, path, source }
    }
}

/// The folder. The log says which of its snapshots count.
#[derive(Debug)]
pub struct SnapFolder {
    dir: PathBuf,
}

impl SnapFolder {
    /// Opens the folder, makes it if need be, and removes what a crash left half written.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn open(dir: &Path) -> Result<Self, SnapError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(SnapError::file("make", dir))?;
        for entry in fs::read_dir(dir).map_err(SnapError::file("list", dir))? {
            let path = entry.map_err(SnapError::file("list", dir))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.strip_suffix(SCRATCH).and_then(SnapName::parse).is_some() {
                fs::remove_file(&path).map_err(SnapError::file("remove", &path))?;
            }
        }
        Ok(Self { dir: dir.to_owned() })
    }

    /// Where a snapshot is, or would be.
    pub fn path(&self, name: SnapName) -> PathBuf {
        self.dir.join(name.to_string())
    }

    /// The snapshots that are there, newest first.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn list(&self) -> Result<Vec<SnapName>, SnapError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(SnapError::file("list", &self.dir))? {
            let name = entry.map_err(SnapError::file("list", &self.dir))?.file_name();
            names.extend(name.to_str().and_then(SnapName::parse));
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(names)
    }

    /// Adds a snapshot, synced: it is there whole or not at all. One of the same name is replaced.
    ///
    /// # Errors
    /// When `write` fails, or the system refuses; nothing is left behind then.
    pub fn add<E: std::error::Error + 'static>(
        &self,
        name: SnapName,
        write: impl FnOnce(&File) -> Result<(), E>,
    ) -> Result<PathBuf, SnapError<E>> {
        let path = self.path(name);
        let scratch = self.dir.join(format!("{name}{SCRATCH}"));
        let added = self.write_scratch(&scratch, write).and_then(|()| {
            fs::rename(&scratch, &path).map_err(SnapError::file("rename", &scratch))?;
            durable::sync_dir(&self.dir).map_err(SnapError::file("sync", &self.dir))
        });
        if added.is_err() {
            let _ = fs::remove_file(&scratch);
        }
        added.map(|()| path)
    }

    fn write_scratch<E: std::error::Error + 'static>(
        &self,
        scratch: &Path,
        write: impl FnOnce(&File) -> Result<(), E>,
    ) -> Result<(), SnapError<E>> {
        let made =
            File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(scratch);
        let file = made.map_err(SnapError::file("make", scratch))?;
        write(&file).map_err(|source| SnapError::Content { path: scratch.to_owned(), source })?;
        file.sync_all().map_err(SnapError::file("sync", scratch))
    }

    /// Removes all but the last two, and says which.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn prune(&self) -> Result<Vec<SnapName>, SnapError> {
        let mut names = self.list()?;
        let old = names.split_off(KEPT.min(names.len()));
        for name in &old {
            let path = self.path(*name);
            fs::remove_file(&path).map_err(SnapError::file("remove", &path))?;
        }
        Ok(old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn name(index: u64) -> SnapName {
        SnapName { term: 2, index }
    }

    #[test]
    fn snapshots_are_listed_newest_first_and_the_last_two_stay() {
        let dir = tempfile::tempdir().unwrap();
        let folder = SnapFolder::open(&dir.path().join("snap")).unwrap();
        assert!(folder.prune().unwrap().is_empty());
        for index in [9, 300, 20] {
            let path = folder.add(name(index), |mut file| file.write_all(b"all of it")).unwrap();
            assert_eq!(fs::read(path).unwrap(), b"all of it");
        }
        fs::write(dir.path().join("snap/db"), b"not a snapshot").unwrap();
        assert_eq!(folder.list().unwrap(), [name(300), name(20), name(9)]);
        assert_eq!(folder.prune().unwrap(), [name(9)]);
        assert_eq!(folder.list().unwrap(), [name(300), name(20)]);
    }

    #[test]
    fn of_a_snapshot_that_fails_or_that_a_crash_left_nothing_stays() {
        let dir = tempfile::tempdir().unwrap();
        let folder = SnapFolder::open(dir.path()).unwrap();
        let failed = folder.add(name(1), |_| Err(io::Error::other("no more"))).unwrap_err();
        assert!(matches!(failed, SnapError::Content { .. }), "{failed}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        fs::write(dir.path().join(format!("{}.tmp", name(1))), b"half").unwrap();
        assert!(folder.list().unwrap().is_empty());
        SnapFolder::open(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_name_is_read_as_it_is_written() {
        let name = SnapName { term: 0x1f, index: 0xabc };
        assert_eq!(name.to_string(), "000000000000001f-0000000000000abc.snap.db");
        assert_eq!(SnapName::parse(&name.to_string()), Some(name));
        assert_eq!(SnapName::parse("1f-abc.snap.db"), None);
    }
}
