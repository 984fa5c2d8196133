//! Where keys lie: `<prefix>/pki`. The only place here that reads and writes anything.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use zeroize::Zeroizing;

use super::IdentityError;

/// What others may never do with what is in the folder, nor with the folder.
const OTHERS: u32 = 0o077;
/// What strangers may never do with the prefix: who can write there can put another folder in place of ours.
const STRANGERS_WRITE: u32 = 0o002;

/// The folder of this host's keys: `<prefix>/pki`, 0700, and every file in it 0600. It is held open, so that nobody who can
/// rename what is above it makes us read or write elsewhere.
#[derive(Debug)]
pub struct KeyFolder {
    dir: OwnedFd,
    path: PathBuf,
}

impl KeyFolder {
    /// Opens the folder below a prefix that is there; makes it if it is not.
    ///
    /// # Errors
    /// When anybody may write in the prefix, prefix or folder are another user's, others may look into the folder, or it is no
    /// folder.
    pub fn open(prefix: &Path) -> Result<Self, IdentityError> {
        let failed = |operation, path: &Path| {
            let path = path.to_owned();
            move |errno: rustix::io::Errno| IdentityError::Folder { operation, path, source: errno.into() }
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let above = rustix::fs::open(prefix, flags, Mode::empty()).map_err(failed("open", prefix))?;
        let stat = rustix::fs::fstat(&above).map_err(failed("look at", prefix))?;
        let own = rustix::process::geteuid().as_raw();
        if stat.st_uid != own && stat.st_uid != 0 {
            return Err(IdentityError::NotOurs { path: prefix.to_owned(), owner: stat.st_uid, own });
        }
        if stat.st_mode & STRANGERS_WRITE != 0 {
            return Err(IdentityError::OpenPrefix { path: prefix.to_owned(), mode: stat.st_mode & 0o7777 });
        }
        let path = prefix.join("pki");
        match rustix::fs::mkdirat(&above, "pki", Mode::from_raw_mode(0o700)) {
            Ok(()) => rustix::fs::fsync(&above).map_err(failed("sync", prefix))?,
            Err(rustix::io::Errno::EXIST) => {}
            Err(errno) => return Err(failed("make", &path)(errno)),
        }
        let dir = match rustix::fs::openat(&above, "pki", flags | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(dir) => dir,
            Err(errno) => return Err(refused(&above, "pki", &path, errno)),
        };
        let stat = rustix::fs::fstat(&dir).map_err(failed("look at", &path))?;
        check(&path, &stat, FileType::Directory, 0o700)?;
        Ok(Self { dir, path })
    }

    /// Opens a folder of keys that lies elsewhere, as an administrator's that was moved away. It must be there.
    ///
    /// # Errors
    /// When it is another user's, others may look into it, or it is no folder.
    pub fn at(path: &Path) -> Result<Self, IdentityError> {
        let failed = |errno: rustix::io::Errno| IdentityError::Folder {
            operation: "open",
            path: path.to_owned(),
            source: errno.into(),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
        let stat = rustix::fs::fstat(&dir).map_err(failed)?;
        check(path, &stat, FileType::Directory, 0o700)?;
        Ok(Self { dir, path: path.to_owned() })
    }

    /// Opens a folder of keys that lies elsewhere; makes it if it is not there.
    ///
    /// # Errors
    /// As for [`KeyFolder::at`], and when what it is to be made in is not there.
    pub fn make(path: &Path) -> Result<Self, IdentityError> {
        match rustix::fs::mkdir(path, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => Self::at(path),
            Err(errno) => {
                let (path, source) = (path.to_owned(), errno.into());
                Err(IdentityError::Folder { operation: "make", path, source })
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file of it is.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What is in a file; `None`: there is none.
    ///
    /// # Errors
    /// When it is no file, another user's, others may read it, or it is larger than the limit in bytes.
    pub(super) fn read(&self, name: &str, limit: usize) -> Result<Option<Zeroizing<Vec<u8>>>, IdentityError> {
        let path = self.path_of(name);
        let failed = |operation| {
            let path = path.clone();
            move |source: io::Error| IdentityError::Folder { operation, path, source }
        };
        // Without waiting for who would write into a pipe.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.dir, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(refused(&self.dir, name, &path, errno)),
        };
        let stat = rustix::fs::fstat(&file).map_err(|errno| failed("look at")(errno.into()))?;
        check(&path, &stat, FileType::RegularFile, 0o600)?;
        let bytes = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
        if bytes > limit {
            return Err(IdentityError::FileTooLarge { path, bytes, limit });
        }
        // Room for all of it, and for the read that finds its end: what grows leaves copies behind.
        let mut content = Zeroizing::new(Vec::with_capacity(bytes + 64));
        let mut file = File::from(file).take(limit as u64 + 1);
        file.read_to_end(&mut content).map_err(failed("read"))?;
        if content.len() > limit {
            return Err(IdentityError::FileTooLarge { path, bytes: content.len(), limit });
        }
        Ok(Some(content))
    }

    /// Writes a file, whole or not at all: it is on disk when this returns.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<(), IdentityError> {
        self.write_together(&[(name, content)])
    }

    /// Writes some files, each whole or not at all, the first one first: they are on disk when this returns. A disk takes hardly
    /// longer for them than for one.
    ///
    /// # Errors
    /// When the system refuses: then those that were there before it did so are written.
    pub(super) fn write_together(&self, files: &[(&str, &[u8])]) -> Result<(), IdentityError> {
        let beside = |(name, _): &(&str, &[u8])| {
            let number = getrandom::u64().map_err(IdentityError::Random)?;
            Ok(format!(".{name}.{number:016x}"))
        };
        let besides = files.iter().map(beside).collect::<Result<Vec<String>, IdentityError>>()?;
        let written = self.write_besides(files, &besides).and_then(|()| self.put_in_place(files, &besides));
        if written.is_err() {
            for beside in &besides {
                // Gone already when it is in its place.
                let _ = rustix::fs::unlinkat(&self.dir, &**beside, AtFlags::empty());
            }
        }
        written
    }

    /// All at once: what waits for the disk waits for the same.
    fn write_besides(&self, files: &[(&str, &[u8])], besides: &[String]) -> Result<(), IdentityError> {
        let one = |(name, content): &(&str, &[u8]), beside: &str| {
            self.write_beside(beside, content).map_err(|source| self.not_written(name, source))
        };
        std::thread::scope(|scope| {
            let mut others = Vec::with_capacity(files.len());
            let mut done = Ok(());
            for (file, beside) in files.iter().zip(besides).skip(1) {
                match std::thread::Builder::new().spawn_scoped(scope, move || one(file, beside)) {
                    Ok(thread) => others.push(thread),
                    // There is no room for a thread.
                    Err(_) => done = done.and_then(|()| one(file, beside)),
                }
            }
            if let (Some(file), Some(beside)) = (files.first(), besides.first()) {
                done = done.and(one(file, beside));
            }
            others.into_iter().fold(done, |done, thread| {
                done.and(thread.join().expect("a file is written without a panic"))
            })
        })
    }

    fn put_in_place(&self, files: &[(&str, &[u8])], besides: &[String]) -> Result<(), IdentityError> {
        for ((name, _), beside) in files.iter().zip(besides) {
            let renamed = rustix::fs::renameat(&self.dir, &**beside, &self.dir, *name);
            renamed.map_err(|errno| self.not_written(name, errno.into()))?;
        }
        let name = files.last().map_or("", |(name, _)| *name);
        rustix::fs::fsync(&self.dir).map_err(|errno| self.not_written(name, errno.into()))
    }

    fn not_written(&self, name: &str, source: io::Error) -> IdentityError {
        IdentityError::Folder { operation: "write", path: self.path_of(name), source }
    }

    fn write_beside(&self, beside: &str, content: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.dir, beside, flags, Mode::from_raw_mode(0o600))?;
        let mut file = File::from(file);
        file.write_all(content)?;
        file.sync_all()
    }

    /// Removes a file; tells whether there was one.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn remove(&self, name: &str) -> Result<bool, IdentityError> {
        let removed = match rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Err(rustix::io::Errno::NOENT) => return Ok(false),
            removed => removed.and_then(|()| rustix::fs::fsync(&self.dir)),
        };
        let path = self.path_of(name);
        removed.map(|()| true).map_err(|errno| IdentityError::Folder {
            operation: "remove",
            path,
            source: errno.into(),
        })
    }
}

/// Why something could not be opened: a link is named as such.
fn refused(dir: impl AsFd, name: &str, path: &Path, errno: rustix::io::Errno) -> IdentityError {
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW);
    if stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink) {
        return IdentityError::IsLink { path: path.to_owned() };
    }
    IdentityError::Folder { operation: "open", path: path.to_owned(), source: errno.into() }
}

/// Whether something is ours alone, and of this kind.
fn check(path: &Path, stat: &Stat, kind: FileType, wanted: u32) -> Result<(), IdentityError> {
    let own = rustix::process::geteuid().as_raw();
    if FileType::from_raw_mode(stat.st_mode) != kind {
        return Err(IdentityError::NotAFile { path: path.to_owned() });
    }
    if stat.st_uid != own {
        return Err(IdentityError::NotOurs { path: path.to_owned(), owner: stat.st_uid, own });
    }
    if stat.st_mode & OTHERS != 0 {
        return Err(IdentityError::TooOpen { path: path.to_owned(), mode: stat.st_mode & 0o7777, wanted });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn prefix() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn what_was_written_is_read_and_is_nobody_elses() {
        let prefix = prefix();
        let folder = KeyFolder::open(prefix.path()).unwrap();
        assert!(folder.read("a.key", 10).unwrap().is_none());
        folder.write("a.key", b"one").unwrap();
        folder.write("a.key", b"two").unwrap();
        assert_eq!(**folder.read("a.key", 10).unwrap().unwrap(), *b"two");
        assert_eq!((mode(folder.path()), mode(&folder.path_of("a.key"))), (0o700, 0o600));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");
        KeyFolder::open(prefix.path()).unwrap();
        assert!(folder.remove("a.key").unwrap());
        assert!(!folder.remove("a.key").unwrap());
    }

    #[test]
    fn files_that_are_written_together_are_all_there_and_one_that_cannot_be_spoils_none() {
        let prefix = prefix();
        let folder = KeyFolder::open(prefix.path()).unwrap();
        folder.write_together(&[("a", b"1"), ("b", b"2"), ("c", b"3")]).unwrap();
        for (name, content) in [("a", b"1"), ("b", b"2"), ("c", b"3")] {
            assert_eq!(**folder.read(name, 10).unwrap().unwrap(), *content);
        }
        let error = folder.write_together(&[("a", b"4"), ("no/where", b"5"), ("c", b"6")]).unwrap_err();
        assert!(error.to_string().contains("no/where"), "{error}");
        assert_eq!(**folder.read("a", 10).unwrap().unwrap(), *b"1");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing else is left there");
    }

    #[test]
    fn what_others_may_look_into_is_refused_with_what_to_do() {
        let prefix = prefix();
        let folder = KeyFolder::open(prefix.path()).unwrap();
        folder.write("a.key", b"x").unwrap();
        for open in [0o640, 0o604, 0o610, 0o602] {
            chmod(&folder.path_of("a.key"), open);
            let error = folder.read("a.key", 10).unwrap_err();
            assert!(matches!(&error, IdentityError::TooOpen { mode, .. } if *mode == open), "{error}");
            let expected = format!("chmod 0600 {}", folder.path_of("a.key").display());
            assert_eq!(error.hint(), Some(expected));
        }
        for open in [0o750, 0o705, 0o711] {
            chmod(folder.path(), open);
            let error = KeyFolder::open(prefix.path()).unwrap_err();
            assert!(matches!(&error, IdentityError::TooOpen { mode, wanted: 0o700, .. } if *mode == open));
        }
    }

    #[test]
    fn a_prefix_where_anybody_may_write_is_refused() {
        let prefix = prefix();
        for open in [0o777, 0o1777, 0o702] {
            chmod(prefix.path(), open);
            let error = KeyFolder::open(prefix.path()).unwrap_err();
            assert!(matches!(&error, IdentityError::OpenPrefix { mode, .. } if *mode == open), "{error}");
            assert!(error.hint().unwrap().starts_with("chmod o-w "));
        }
        assert!(!prefix.path().join("pki").exists());
    }

    #[test]
    fn a_link_is_never_followed() {
        let (prefix, elsewhere) = (prefix(), prefix());
        symlink(elsewhere.path(), prefix.path().join("pki")).unwrap();
        let error = KeyFolder::open(prefix.path()).unwrap_err();
        assert!(matches!(error, IdentityError::IsLink { .. }), "{error}");
        fs::remove_file(prefix.path().join("pki")).unwrap();
        let folder = KeyFolder::open(prefix.path()).unwrap();
        fs::write(elsewhere.path().join("target"), "x").unwrap();
        symlink(elsewhere.path().join("target"), folder.path_of("a.key")).unwrap();
        let error = folder.read("a.key", 10).unwrap_err();
        assert!(matches!(error, IdentityError::IsLink { .. }), "{error}");
        // Writing replaces the link, not what it leads to.
        folder.write("a.key", b"new").unwrap();
        assert_eq!(fs::read(elsewhere.path().join("target")).unwrap(), b"x");
        assert_eq!(**folder.read("a.key", 10).unwrap().unwrap(), *b"new");
    }

    #[test]
    fn what_is_no_file_is_not_read_and_a_pipe_not_waited_for() {
        let prefix = prefix();
        let folder = KeyFolder::open(prefix.path()).unwrap();
        fs::create_dir(folder.path_of("a.key")).unwrap();
        assert!(matches!(folder.read("a.key", 10), Err(IdentityError::NotAFile { .. })));
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(&folder.dir, "b.key", FileType::Fifo, mode, 0).unwrap();
        assert!(matches!(folder.read("b.key", 10), Err(IdentityError::NotAFile { .. })));
        fs::write(prefix.path().join("file"), "").unwrap();
        let error = KeyFolder::open(&prefix.path().join("file")).unwrap_err();
        assert!(matches!(error, IdentityError::Folder { operation: "open", .. }), "{error}");
        let error = KeyFolder::open(&prefix.path().join("none")).unwrap_err();
        assert!(error.to_string().starts_with("cannot open"), "{error}");
    }

    #[test]
    fn another_users_keys_are_refused() {
        if !rustix::process::geteuid().is_root() {
            return; // Only root can give a file away.
        }
        let prefix = prefix();
        let folder = KeyFolder::open(prefix.path()).unwrap();
        folder.write("a.key", b"x").unwrap();
        std::os::unix::fs::chown(folder.path_of("a.key"), Some(4711), None).unwrap();
        let error = folder.read("a.key", 10).unwrap_err();
        assert!(matches!(error, IdentityError::NotOurs { owner: 4711, .. }), "{error}");
        std::os::unix::fs::chown(folder.path(), Some(4711), None).unwrap();
        let error = KeyFolder::open(prefix.path()).unwrap_err();
        assert!(matches!(error, IdentityError::NotOurs { owner: 4711, .. }), "{error}");
        std::os::unix::fs::chown(prefix.path(), Some(4711), None).unwrap();
        let error = KeyFolder::open(prefix.path()).unwrap_err();
        assert!(matches!(&error, IdentityError::NotOurs { path, .. } if path == prefix.path()), "{error}");
    }

    #[test]
    fn a_file_has_no_more_than_was_expected() {
        let prefix = prefix();
        let folder = KeyFolder::open(prefix.path()).unwrap();
        folder.write("a.key", &[b'x'; 11]).unwrap();
        let error = folder.read("a.key", 10).unwrap_err();
        assert!(matches!(error, IdentityError::FileTooLarge { bytes: 11, limit: 10, .. }), "{error}");
        assert_eq!(folder.read("a.key", 11).unwrap().unwrap().len(), 11);
    }
}
