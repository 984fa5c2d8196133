//! Writing an archive: headers of three formats, and what follows them.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use ::tar::{Builder, EntryType, Header};
use rustix::io::Errno;

use super::walk::{Entry, Holds};
use crate::resources::error::HostError;
use crate::resources::host::fs::{Pace, Sink, Sunk, host_error, permissions, size};

/// How headers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// POSIX of 1988: names of up to 255 bytes, files of up to 8 GiB.
    Ustar,
    /// POSIX of 2001: ustar, with records for what does not fit.
    Pax,
    /// GNU's own, without limits.
    Gnu,
}

/// The longest name and link of a plain header, and the longest prefix of a ustar name, in bytes.
const NAME: usize = 100;
const PREFIX: usize = 155;
/// What does not fit into eleven octal digits.
const HUGE: u64 = 1 << 33;
/// GNU's name of an entry that holds a long name.
const LONG_LINK: &[u8] = b"././@LongLink";

/// An archive that is being written.
pub struct Archive<'a> {
    format: Format,
    builder: Builder<Sink<'a>>,
}

impl<'a> Archive<'a> {
    /// An empty archive.
    pub fn new(format: Format, sink: Sink<'a>) -> Self {
        Self { format, builder: Builder::new(sink) }
    }

    /// Adds an object under its path, without the slash that begins it.
    ///
    /// # Errors
    /// When it cannot be read, does not fit into the format, or changes meanwhile.
    pub fn add(&mut self, entry: Entry<'_>, pace: Pace<'_>) -> Result<(), HostError> {
        let path = entry.path;
        let failed = |error| host_error("archive", path, error);
        let mut name = path.as_os_str().as_bytes().strip_prefix(b"/").unwrap_or_default().to_vec();
        let stat = &entry.stat;
        let mut header = match self.format {
            Format::Gnu => Header::new_gnu(),
            Format::Ustar | Format::Pax => Header::new_ustar(),
        };
        header.set_mode(permissions(stat));
        header.set_uid(stat.st_uid.into());
        header.set_gid(stat.st_gid.into());
        header.set_mtime(u64::try_from(stat.st_mtime).unwrap_or(0));
        header.set_size(0);
        match entry.holds {
            Holds::Dir => {
                header.set_entry_type(EntryType::Directory);
                name.push(b'/');
                self.name(&mut header, &name, b"", path)?;
                header.set_cksum();
                self.builder.append(&header, io::empty()).map_err(failed)
            }
            Holds::Link(target) => {
                header.set_entry_type(EntryType::Symlink);
                self.name(&mut header, &name, &target, path)?;
                header.set_cksum();
                self.builder.append(&header, io::empty()).map_err(failed)
            }
            Holds::File(file) => {
                header.set_entry_type(EntryType::Regular);
                header.set_size(size(stat));
                self.name(&mut header, &name, b"", path)?;
                header.set_cksum();
                let data = Exactly { file: File::from(file), left: size(stat), pace, path };
                self.builder.append(&header, data).map_err(failed)
            }
        }
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When its end cannot be written.
    pub fn finish(self, path: &Path) -> Result<Sunk, HostError> {
        let sink = self.builder.into_inner().map_err(|error| host_error("write", path, error))?;
        Ok(sink.finish())
    }

    /// Puts name and link into the header, or, if they are too long, before it. The size must be in it already.
    fn name(&mut self, header: &mut Header, name: &[u8], link: &[u8], path: &Path) -> Result<(), HostError> {
        let failed = |error| host_error("archive", path, error);
        let split = if self.format == Format::Gnu { None } else { split(name) };
        let (prefix, short) = split.unwrap_or((b"", name));
        let fits = short.len() <= NAME;
        let is_huge = header.entry_size().is_ok_and(|size| size >= HUGE);
        match self.format {
            Format::Gnu => {
                if link.len() > NAME {
                    self.long(EntryType::GNULongLink, link).map_err(failed)?;
                }
                if !fits {
                    self.long(EntryType::GNULongName, name).map_err(failed)?;
                }
            }
            Format::Ustar if !fits || link.len() > NAME => {
                return Err(HostError::io("put into the format ustar", path, Errno::NAMETOOLONG));
            }
            Format::Ustar if is_huge => {
                return Err(HostError::io("put into the format ustar", path, Errno::FBIG));
            }
            Format::Ustar => {}
            Format::Pax => {
                let size = header.entry_size().unwrap_or(0).to_string();
                let records = [
                    (!fits).then_some(("path", name)),
                    (link.len() > NAME).then_some(("linkpath", link)),
                    is_huge.then_some(("size", size.as_bytes())),
                ];
                if records.iter().any(Option::is_some) {
                    self.builder.append_pax_extensions(records.into_iter().flatten()).map_err(failed)?;
                }
            }
        }
        put(&mut header.as_old_mut().name, short);
        put(&mut header.as_old_mut().linkname, link);
        if let Some(ustar) = header.as_ustar_mut() {
            put(&mut ustar.prefix, prefix);
        }
        Ok(())
    }

    /// GNU's entry for a name that is too long.
    fn long(&mut self, entry_type: EntryType, name: &[u8]) -> io::Result<()> {
        let mut header = Header::new_gnu();
        put(&mut header.as_old_mut().name, LONG_LINK);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(name.len() as u64 + 1);
        header.set_entry_type(entry_type);
        header.set_cksum();
        self.builder.append(&header, name.chain(&b"\0"[..]))
    }
}

/// Cuts a name in two at a slash, if it is too long for one field and fits into two.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= NAME {
        return None;
    }
    let fits = |at: &usize| *at <= PREFIX && name.len() - at - 1 <= NAME && at + 1 < name.len();
    let slashes = (1..name.len()).filter(|at| name[*at] == b'/');
    let at = slashes.into_iter().find(fits)?;
    Some((&name[..at], &name[at + 1..]))
}

/// Fills a field as far as it goes.
fn put(field: &mut [u8], text: &[u8]) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text[..length]);
}

/// Reads just so many bytes of a file: a header has said so.
struct Exactly<'a> {
    file: File,
    left: u64,
    pace: Pace<'a>,
    path: &'a Path,
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.pace.go_on("archive", self.path).map_err(io::Error::other)?;
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let read = self.file.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::Error::other(HostError::Raced { op: "archive", path: self.path.into() }));
        }
        self.left -= read as u64;
        Ok(read)
    }
}
