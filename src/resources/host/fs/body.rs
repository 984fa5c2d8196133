//! What a file should hold: a text at hand, or other files one after the other. Long ones are streamed.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FileType;
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::{Content, Fs, Halt, LONG, Pace, Sunk, size, type_name};
use crate::resources::error::HostError;

/// How much is read or copied at once.
const CHUNK: usize = 256 << 10;
/// How many files of one body are kept open; the others are opened again when their turn comes.
const MOST_OPEN: usize = 16;
/// How much the kernel is asked to copy at once: small enough to be cancelled soon.
const KERNEL_CHUNK: usize = 8 << 20;

/// What a file should hold.
#[derive(Debug)]
pub enum Body {
    /// A text of the declaration.
    Text(Arc<str>),
    /// Short content of other files, read.
    Bytes(Vec<u8>),
    /// Long content of other files, in order.
    Files(Vec<Piece>),
}

/// One of the files of a body.
#[derive(Debug)]
pub struct Piece {
    /// Where it is.
    pub path: PathBuf,
    /// Its size when it was looked at.
    pub size: u64,
    /// Open for reading; `None`: to be opened when its turn comes.
    pub fd: Option<OwnedFd>,
}

impl Body {
    /// These pieces, one after the other.
    ///
    /// # Errors
    /// [`Halt::Long`] at a short pace, if they are long together. When one cannot be read.
    pub fn of_pieces(fs: &Fs, mut pieces: Vec<Piece>, pace: Pace<'_>) -> Result<Self, Halt> {
        for piece in pieces.iter_mut().skip(MOST_OPEN) {
            piece.fd = None;
        }
        let body = Self::Files(pieces);
        if body.len() > LONG {
            pace.long()?;
            return Ok(body);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(body.len()).unwrap_or(0));
        body.each(fs, pace, |chunk| {
            bytes.extend_from_slice(chunk);
            Ok(bytes.len() as u64 <= LONG)
        })?;
        if bytes.len() as u64 > LONG {
            pace.long()?; // it grew meanwhile, or lies about its size, as /proc does
            return Ok(body);
        }
        Ok(Self::Bytes(bytes))
    }

    /// Its size in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Files(pieces) => pieces.iter().map(|piece| piece.size).sum(),
        }
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, if they are at hand.
    pub fn at_hand(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            Self::Files(_) => None,
        }
    }

    /// Calls `see` with one chunk after the other until it returns `false`.
    ///
    /// # Errors
    /// When a file cannot be read; what `see` fails with; when the run is cancelled.
    pub fn each(
        &self,
        fs: &Fs,
        pace: Pace<'_>,
        mut see: impl FnMut(&[u8]) -> Result<bool, HostError>,
    ) -> Result<(), HostError> {
        if let Some(bytes) = self.at_hand() {
            for chunk in bytes.chunks(CHUNK) {
                if !see(chunk)? {
                    break;
                }
            }
            return Ok(());
        }
        let Self::Files(pieces) = self else { return Ok(()) };
        for piece in pieces {
            let mut buffer = vec![0; CHUNK.min(usize::try_from(piece.size).unwrap_or(CHUNK).max(512))];
            let opened;
            let fd = match &piece.fd {
                Some(fd) => fd,
                None => {
                    opened = fs.open_source(&piece.path)?;
                    &opened
                }
            };
            let mut at = 0;
            loop {
                pace.go_on("read", &piece.path)?;
                let read = fs.read_at(fd, &piece.path, &mut buffer, at)?;
                if read == 0 {
                    break;
                }
                at += read as u64;
                if !see(&buffer[..read])? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Whether an open file of the same size holds just this.
    ///
    /// # Errors
    /// When a file cannot be read; when the run is cancelled.
    pub fn is_in(&self, fs: &Fs, file: &OwnedFd, path: &Path, pace: Pace<'_>) -> Result<bool, HostError> {
        let mut buffer = Vec::new();
        let mut at = 0;
        let mut same = true;
        self.each(fs, pace, |chunk| {
            pace.go_on("read", path)?;
            buffer.resize(chunk.len(), 0);
            let mut filled = 0;
            while filled < chunk.len() {
                let read = fs.read_at(file, path, &mut buffer[filled..], at + filled as u64)?;
                if read == 0 {
                    break;
                }
                filled += read;
            }
            at += filled as u64;
            same = buffer[..filled] == *chunk;
            Ok(same)
        })?;
        Ok(same && at == self.len())
    }

    /// The SHA-256 of it.
    ///
    /// # Errors
    /// When a file cannot be read; when the run is cancelled.
    pub fn digest(&self, fs: &Fs, pace: Pace<'_>) -> Result<[u8; 32], HostError> {
        Ok(self.measure(fs, pace)?.sha256)
    }

    /// What it really comes to, which may not be what the sizes of its files say.
    ///
    /// # Errors
    /// When a file cannot be read; when the run is cancelled.
    pub fn measure(&self, fs: &Fs, pace: Pace<'_>) -> Result<Sunk, HostError> {
        let (mut hash, mut size) = (Sha256::new(), 0);
        self.each(fs, pace, |chunk| {
            hash.update(chunk);
            size += chunk.len() as u64;
            Ok(true)
        })?;
        Ok(Sunk { size, sha256: hash.finalize().into() })
    }
}

impl Content for Body {
    fn size(&self) -> Option<u64> {
        Some(self.len())
    }

    fn write_to(&self, fs: &Fs, file: &OwnedFd, path: &Path, pace: Pace<'_>) -> Result<u64, HostError> {
        if let Self::Files(pieces) = self
            && let [Piece { fd: Some(source), path: from, .. }] = pieces.as_slice()
            && let Some(copied) = fs.copy_in_kernel(source, from, file, path, pace)?
        {
            return Ok(copied);
        }
        let mut written = 0;
        self.each(fs, pace, |chunk| {
            fs.write_all(file, path, chunk)?;
            written += chunk.len() as u64;
            Ok(true)
        })?;
        Ok(written)
    }
}

/// What content may be read from.
#[derive(Debug)]
pub enum Source {
    /// A file.
    File(Piece),
    /// A directory, open to be listed.
    Dir(OwnedFd),
}

impl Source {
    /// Opens a path for reading.
    ///
    /// # Errors
    /// When it is neither a regular file nor a directory, or the system refuses.
    pub fn open(fs: &Fs, path: &Path) -> Result<Self, HostError> {
        let fd = fs.open_source(path)?;
        let stat = fs.call("stat", path, || rustix::fs::fstat(&fd))?;
        // /dev/null is how people write "empty"; other devices have no end.
        let is_null = stat.st_rdev == rustix::fs::makedev(1, 3);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(Self::Dir(fd)),
            FileType::RegularFile => {
                Ok(Self::File(Piece { path: path.to_owned(), size: size(&stat), fd: Some(fd) }))
            }
            _ if is_null => Ok(Self::File(Piece { path: path.to_owned(), size: 0, fd: Some(fd) })),
            _ => Err(HostError::WrongType {
                path: path.into(),
                found: type_name(&stat),
                wanted: "a file",
                hint: "content is read from regular files",
            }),
        }
    }
}

impl Fs {
    /// The whole of an open file, of which the size is known: one call where that is right.
    ///
    /// # Errors
    /// When the system refuses, or the file grows without end.
    pub fn read_whole(&self, fd: &OwnedFd, path: &Path, size: u64) -> Result<Vec<u8>, HostError> {
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        let mut filled = 0;
        while filled < bytes.len() {
            let read = self.read_at(fd, path, &mut bytes[filled..], filled as u64)?;
            if read == 0 {
                break;
            }
            filled += read;
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn read_at(&self, fd: &OwnedFd, path: &Path, buffer: &mut [u8], offset: u64) -> Result<usize, HostError> {
        self.call("read", path, || rustix::io::pread(fd, &mut *buffer, offset))
    }

    pub(super) fn write_all(&self, fd: &OwnedFd, path: &Path, mut bytes: &[u8]) -> Result<(), HostError> {
        while !bytes.is_empty() {
            let written = self.call("write", path, || rustix::io::write(fd, bytes))?;
            if written == 0 {
                return Err(HostError::io("write", path, std::io::ErrorKind::WriteZero));
            }
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Copies within the kernel, sharing blocks where the file system can; `None`: it cannot, and nothing was done.
    fn copy_in_kernel(
        &self,
        source: &OwnedFd,
        from: &Path,
        file: &OwnedFd,
        path: &Path,
        pace: Pace<'_>,
    ) -> Result<Option<u64>, HostError> {
        let mut at = 0;
        loop {
            pace.go_on("write", path)?;
            let before = at;
            let copied = self.call("write", path, || {
                at = before;
                rustix::fs::copy_file_range(source.as_fd(), Some(&mut at), file.as_fd(), None, KERNEL_CHUNK)
            });
            match copied {
                Ok(0) if before == 0 => return Ok(None), // some file systems say so of files that are not empty
                Ok(0) => return Ok(Some(before)),
                Ok(_) => {}
                Err(error)
                    if before == 0
                        && matches!(
                            error.errno(),
                            Some(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM)
                        ) =>
                {
                    tracing::trace!(from = %from.display(), %error, "copying by reading and writing");
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }
}
