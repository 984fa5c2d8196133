//! Unpacking into a fresh directory that nobody else can enter.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;

use super::error::ArchiveError;
use super::read::{self, Entry, EntryBody};
use super::rules::{Budget, Refusal, place, stays};
use crate::engine::Cancel;
use crate::resources::error::HostError;

/// How an archive is unpacked.
#[derive(Debug)]
pub struct Unpacking<'a> {
    /// The archive, for messages.
    pub source: &'a str,
    /// Where to: an empty directory, by a path that leads there whoever renames what.
    pub into: &'a Path,
    /// So many names are taken off the front of each path.
    pub strip: u32,
    /// Who owns all of it; `None`: whoever unpacks.
    pub owner: (Option<u32>, Option<u32>),
    /// Whether setuid, setgid and sticky bits are kept.
    pub setuid: bool,
    /// Ends it early.
    pub cancel: &'a Cancel,
}

/// Why it stopped.
enum Stop {
    Io(io::Error),
    Refused(Refusal),
    Host(HostError),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<HostError> for Stop {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

/// An archive that is being unpacked.
struct Under<'a> {
    how: &'a Unpacking<'a>,
    budget: Budget,
    /// All that was made, by what it is.
    dirs: BTreeSet<PathBuf>,
    /// Given at the end, as they may forbid to write.
    dir_modes: BTreeMap<PathBuf, u32>,
    links: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
    /// So many parts the longest name has.
    parts: usize,
}

impl Unpacking<'_> {
    /// Unpacks `archive`, within `budget`. Returns all paths that were made, below the directory.
    ///
    /// # Errors
    /// For whatever an archive may not hold; when the system refuses; when it is cancelled.
    pub fn run(&self, archive: File, budget: Budget) -> Result<BTreeSet<PathBuf>, ArchiveError> {
        let source_name = || self.source.into();
        self.all(archive, budget).map_err(|stop| match stop {
            Stop::Io(source) => ArchiveError::Damaged { source_name: source_name(), source },
            Stop::Refused(source) => ArchiveError::Refused { source_name: source_name(), source },
            Stop::Host(error) => error.into(),
        })
    }

    fn all(&self, archive: File, budget: Budget) -> Result<BTreeSet<PathBuf>, Stop> {
        let mut under = Under {
            how: self,
            budget,
            dirs: BTreeSet::new(),
            dir_modes: BTreeMap::new(),
            links: BTreeSet::new(),
            files: BTreeSet::new(),
            parts: 0,
        };
        read::each(archive, &mut |entry| under.entry(entry))?;
        under.links_stay()?;
        // Those below first: one above may forbid to enter.
        for (path, mode) in under.dir_modes.iter().rev() {
            self.permit(&self.into.join(path), *mode)?;
        }
        let mut made = under.dirs;
        made.append(&mut under.links);
        made.append(&mut under.files);
        if made.is_empty() && under.parts > 0 {
            return Err(Refusal::Stripped { strip: self.strip, parts: under.parts }.into());
        }
        for path in &made {
            self.give(&self.into.join(path))?;
        }
        Ok(made)
    }

    fn permit(&self, path: &Path, mode: u32) -> Result<(), HostError> {
        let mask = if self.setuid { 0o7777 } else { 0o777 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode & mask))
            .map_err(|error| HostError::io("chmod", path, error))
    }

    /// Gives a path its owner. A change of owner takes setuid away, so that is given again.
    fn give(&self, path: &Path) -> Result<(), HostError> {
        let (uid, gid) = self.owner;
        if uid.is_none() && gid.is_none() {
            return Ok(());
        }
        let failed = |error: io::Error| HostError::io("change the owner of", path, error);
        let found = path.symlink_metadata().map_err(failed)?;
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        rustix::fs::chownat(rustix::fs::CWD, path, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| failed(error.into()))?;
        if found.is_symlink() { Ok(()) } else { self.permit(path, found.permissions().mode()) }
    }
}

impl Under<'_> {
    fn entry(&mut self, entry: Entry<'_>) -> Result<(), Stop> {
        if self.how.cancel.is_cancelled() {
            return Err(HostError::Cancelled { op: "unpack", path: self.how.into.into() }.into());
        }
        self.budget.entry()?;
        let Entry { name, body, mode, mtime } = entry;
        if let EntryBody::Other(what) = body {
            return Err(Refusal::Kind { name, what }.into());
        }
        let normal = |part: &Component<'_>| matches!(part, Component::Normal(_));
        self.parts = self.parts.max(Path::new(&name).components().filter(normal).count());
        let Some(path) = place(&name, self.how.strip)? else { return Ok(()) };
        let through = path.ancestors().skip(1).any(|above| self.links.contains(above));
        if through || self.links.contains(&path) {
            return Err(Refusal::Through { name }.into());
        }
        self.parents(&path, &name)?;
        let whole = self.how.into.join(&path);
        match body {
            EntryBody::Dir => {
                if self.files.contains(&path) {
                    return Err(Refusal::Twice { name }.into());
                }
                self.dir(&path)?;
                // So that what follows can be written in it.
                self.dir_modes.insert(path, mode);
            }
            EntryBody::File(reader) => {
                if self.dirs.contains(&path) {
                    return Err(Refusal::Twice { name }.into());
                }
                if self.files.contains(&path) {
                    // The later one counts, as with tar; other names of the earlier one keep theirs.
                    fs::remove_file(&whole).map_err(|error| HostError::io("remove", &whole, error))?;
                }
                self.file(&whole, reader, mode, mtime)?;
                self.files.insert(path);
            }
            EntryBody::Link(target) => {
                if !stays(&path, &target) {
                    return Err(Refusal::Link { name, target }.into());
                }
                if self.dirs.contains(&path) || self.files.contains(&path) {
                    return Err(Refusal::Twice { name }.into());
                }
                symlink(&target, &whole).map_err(|error| HostError::io("link", &whole, error))?;
                self.links.insert(path);
            }
            EntryBody::HardLink(target) => {
                let from = place(&target, self.how.strip)?.filter(|from| self.files.contains(from));
                let Some(from) = from else { return Err(Refusal::Link { name, target }.into()) };
                if self.dirs.contains(&path) || self.files.contains(&path) {
                    return Err(Refusal::Twice { name }.into());
                }
                fs::hard_link(self.how.into.join(from), &whole)
                    .map_err(|error| HostError::io("link", &whole, error))?;
                self.files.insert(path);
            }
            EntryBody::Other(_) => unreachable!("it was refused above"),
        }
        Ok(())
    }

    /// Makes the directories above that the archive does not name.
    fn parents(&mut self, path: &Path, name: &str) -> Result<(), Stop> {
        let above: Vec<&Path> = path.ancestors().skip(1).filter(|path| *path != Path::new("")).collect();
        for dir in above.into_iter().rev() {
            if self.files.contains(dir) {
                return Err(Refusal::Twice { name: name.to_owned() }.into());
            }
            if !self.dirs.contains(dir) {
                self.dir(dir)?;
                self.dir_modes.insert(dir.to_owned(), 0o755);
            }
        }
        Ok(())
    }

    fn dir(&mut self, path: &Path) -> Result<(), Stop> {
        if self.dirs.insert(path.to_owned()) {
            let whole = self.how.into.join(path);
            fs::create_dir(&whole).map_err(|error| HostError::io("make", &whole, error))?;
        }
        Ok(())
    }

    fn file(
        &mut self,
        path: &Path,
        reader: &mut dyn Read,
        mode: u32,
        mtime: Option<i64>,
    ) -> Result<(), Stop> {
        let failed = |error: io::Error| Stop::Host(HostError::io("write", path, error));
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        let mut part = vec![0; 1 << 16];
        loop {
            let read = match reader.read(&mut part) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.budget.bytes(read)?;
            if self.how.cancel.is_cancelled() {
                return Err(HostError::Cancelled { op: "unpack", path: path.into() }.into());
            }
            file.write_all(&part[..read]).map_err(failed)?;
        }
        self.how.permit(path, mode)?;
        if let Some(seconds) = mtime.and_then(|mtime| u64::try_from(mtime).ok()) {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            file.set_modified(time).map_err(failed)?;
        }
        file.sync_data().map_err(failed)
    }

    /// Has the kernel follow each link, now that all are there: a link through another may lead out where none does by
    /// itself.
    fn links_stay(&self) -> Result<(), Stop> {
        let how = self.how;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let root = rustix::fs::open(how.into, flags | OFlags::DIRECTORY, Mode::empty())
            .map_err(|error| HostError::io("open", how.into, error))?;
        for link in &self.links {
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
            match rustix::fs::openat2(&root, link, flags, Mode::empty(), resolve) {
                // Without openat2 (before Linux 5.6) the names must do, and may not go up through another link.
                Err(Errno::NOSYS) => {}
                Err(Errno::XDEV) => {
                    let target = fs::read_link(how.into.join(link)).unwrap_or_default();
                    let name = link.display().to_string();
                    return Err(Refusal::Link { name, target: target.display().to_string() }.into());
                }
                // To nothing, or to itself: it stays within by its names.
                _ => {}
            }
        }
        Ok(())
    }
}
