//! Reading archives: which sort it is tells its beginning, not its name.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};

use tar::EntryType;

/// One thing in an archive.
pub struct Entry<'a> {
    /// Its name, as it stands there.
    pub name: String,
    /// What it is.
    pub body: EntryBody<'a>,
    /// Its permission bits, setuid and the like included.
    pub mode: u32,
    /// When it was last written, in seconds since 1970; `None`: not said.
    pub mtime: Option<i64>,
}

/// What an entry is.
pub enum EntryBody<'a> {
    /// A directory.
    Dir,
    /// A file.
    File(&'a mut dyn Read),
    /// A symbolic link, and where it points.
    Link(String),
    /// Another name of a file that came before.
    HardLink(String),
    /// Something that is refused.
    Other(&'static str),
}

/// How the bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
    /// zip, which is an archive by itself.
    Zip,
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "tar",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Zip => "zip",
        })
    }
}

impl Packing {
    /// From the first bytes.
    pub fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Self::Zip,
            _ => Self::Plain,
        }
    }
}

/// Memory that unpacking xz may take, in KiB: enough for `xz -9e`.
const XZ_MEMORY: u32 = 128 << 10;
/// The greatest window of zstd, in bytes: what `zstd --ultra -22` needs.
const ZSTD_WINDOW: u64 = 128 << 20;

/// Calls `see` with each entry, in order.
///
/// # Errors
/// When it is damaged, or no archive; what `see` fails with, as it is.
pub fn each<E: From<io::Error>>(
    mut file: File,
    see: &mut dyn FnMut(Entry<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut first = Vec::new();
    file.by_ref().take(16).read_to_end(&mut first)?;
    file.rewind()?;
    let what = match (&*first, not_unpacked(&first)) {
        ([], _) => Some("it is empty".to_owned()),
        (_, Some(what)) => Some(format!("it is {what}, and no archive that is unpacked")),
        _ => None,
    };
    if let Some(what) = what {
        return Err(damaged(what).into());
    }
    let packed = BufReader::with_capacity(1 << 16, file);
    let packing = Packing::of(&first);
    match packing {
        Packing::Plain => each_of_tar(packing, packed, see),
        Packing::Gzip => each_of_tar(packing, flate2::bufread::MultiGzDecoder::new(packed), see),
        Packing::Bzip2 => each_of_tar(packing, bzip2::bufread::MultiBzDecoder::new(packed), see),
        Packing::Xz => {
            each_of_tar(packing, lzma_rust2::XzReader::new_mem_limit(packed, true, XZ_MEMORY), see)
        }
        Packing::Zstd => {
            let decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(packed, ZSTD_WINDOW);
            each_of_tar(packing, decoder.map_err(|error| unpackable(packing, &error.to_string()))?, see)
        }
        Packing::Zip => each_of_zip(packed, see),
    }
}

/// What a file is that is often taken for an archive, by its first bytes.
fn not_unpacked(first: &[u8]) -> Option<&'static str> {
    Some(match first {
        [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => "a RAR file",
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => "a 7z file",
        [b'L', b'Z', b'I', b'P', ..] => "packed with lzip",
        [4, 0x22, 0x4d, 0x18, ..] => "packed with lz4",
        [0x1f, 0x9d, ..] => "packed with compress",
        [0x5d, 0, 0, ..] => "packed with lzma",
        [b'0', b'7', b'0', b'7', b'0', b'1' | b'2' | b'7', ..] => "a cpio archive",
        [0xed, 0xab, 0xee, 0xdb, ..] => "an RPM package: `pkg` installs it",
        _ if first.starts_with(b"!<arch>\ndebian") => "a Debian package: `pkg` installs it",
        _ if first.starts_with(b"\x7fELF") => "a program",
        _ if is_web_page(first) => "a web page, such as one that says what went wrong",
        _ => return None,
    })
}

fn is_web_page(first: &[u8]) -> bool {
    let lower = first.trim_ascii_start().to_ascii_lowercase();
    lower.starts_with(b"<!doctype htm") || lower.starts_with(b"<html")
}

/// What the reader of packed data said.
fn unpackable(packing: Packing, reason: &str) -> io::Error {
    damaged(format!("its {packing} data is cut off or damaged: {reason}"))
}

/// Tells what the reader of an archive cannot: whether it was given all that is there, and whether that is damaged.
struct Watched<'a, R> {
    inner: R,
    packing: Packing,
    seen: &'a Cell<Seen>,
}

/// What was met while reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Seen {
    /// Data.
    #[default]
    Data,
    /// Its end.
    End,
    /// Data that cannot be unpacked.
    Damage,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(into) {
            Ok(0) if !into.is_empty() => {
                self.seen.set(Seen::End);
                Ok(0)
            }
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.seen.set(Seen::Damage);
                match self.packing {
                    // The file itself cannot be read.
                    Packing::Plain => Err(error),
                    packing => Err(unpackable(packing, &error.to_string())),
                }
            }
            other => other,
        }
    }
}

/// What is wrong with an archive of which so many entries could be read. What the library says may hold lines of it.
fn unreadable(packing: Packing, seen: Seen, entries: usize, error: io::Error) -> io::Error {
    match (seen, entries) {
        (Seen::Damage, _) => error,
        (_, 0) if packing == Packing::Plain => damaged("it is no archive that is known"),
        (_, 0) => damaged(format!("what is packed in it, with {packing}, is no tar archive")),
        (Seen::End, _) => damaged(format!("it ends in the middle of entry {entries}")),
        (Seen::Data, _) => damaged(format!("it is damaged behind entry {entries}")),
    }
}

fn damaged(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

fn text(bytes: &[u8]) -> io::Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| damaged("a name in it is not UTF-8"))
}

fn each_of_tar<E: From<io::Error>>(
    packing: Packing,
    reader: impl Read,
    see: &mut dyn FnMut(Entry<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let (seen, mut count) = (Cell::default(), 0);
    let mut archive = tar::Archive::new(Watched { inner: reader, packing, seen: &seen });
    for entry in archive.entries()? {
        let mut entry = entry.map_err(|error| unreadable(packing, seen.get(), count, error))?;
        count += 1;
        let name = text(&entry.path_bytes())?;
        let of_header = |error| unreadable(packing, Seen::Data, count, error);
        let mode = entry.header().mode().map_err(of_header)?;
        let mtime = entry.header().mtime().map_err(of_header)?;
        let target = entry.link_name_bytes().map(|bytes| text(&bytes)).transpose()?;
        let target = || target.clone().ok_or_else(|| damaged("a link in it points nowhere"));
        let body = match entry.header().entry_type() {
            EntryType::Directory => EntryBody::Dir,
            EntryType::Symlink => EntryBody::Link(target()?),
            EntryType::Link => EntryBody::HardLink(target()?),
            EntryType::Char | EntryType::Block => EntryBody::Other("a device"),
            EntryType::Fifo => EntryBody::Other("a named pipe"),
            // Comments and settings for all that follows.
            EntryType::XGlobalHeader => continue,
            // Whatever is unknown is to be taken as a file: so says the standard.
            _ => EntryBody::File(&mut entry),
        };
        see(Entry { name, body, mode, mtime: i64::try_from(mtime).ok() })?;
    }
    // A file of zeros is an empty archive; an empty file is none.
    if count == 0 && archive.into_inner().read(&mut [0])? != 0 {
        return Err(damaged("it is no archive that is known").into());
    }
    Ok(())
}

fn each_of_zip<E: From<io::Error>>(
    reader: BufReader<File>,
    see: &mut dyn FnMut(Entry<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let refuse = |error: zip::result::ZipError| unpackable(Packing::Zip, &error.to_string());
    let mut archive = zip::ZipArchive::new(reader).map_err(refuse)?;
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(refuse)?;
        let name = text(entry.name_raw())?;
        let mode = entry.unix_mode();
        // Zip has local times without a zone: they would differ from host to host.
        let (is_dir, is_link) = (entry.is_dir(), entry.is_symlink());
        let mut target = String::new();
        if is_link {
            entry.by_ref().take(4096).read_to_string(&mut target)?;
        }
        let (body, usual) = match (is_dir, is_link) {
            (true, _) => (EntryBody::Dir, 0o755),
            (_, true) => (EntryBody::Link(target), 0o777),
            _ => (EntryBody::File(&mut entry), 0o644),
        };
        see(Entry { name, body, mode: mode.unwrap_or(usual) & 0o7777, mtime: None })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packing_is_told_by_the_first_bytes() {
        for (first, packing) in [
            (&b"\x1f\x8b\x08"[..], Packing::Gzip),
            (b"BZh9", Packing::Bzip2),
            (b"\xfd7zXZ\0\0", Packing::Xz),
            (b"\x28\xb5\x2f\xfd", Packing::Zstd),
            (b"PK\x03\x04", Packing::Zip),
            (b"PK\x05\x06", Packing::Zip),
            (b"etc/host", Packing::Plain),
            (b"", Packing::Plain),
        ] {
            assert_eq!(Packing::of(first), packing, "{first:?}");
            assert_eq!(not_unpacked(first), None);
        }
    }

    #[test]
    fn what_is_often_taken_for_an_archive_is_named() {
        for (first, what) in [
            (&b"Rar!\x1a\x07\x01\0"[..], "a RAR file"),
            (b"7z\xbc\xaf\x27\x1c", "a 7z file"),
            (b"!<arch>\ndebian-b", "a Debian package: `pkg` installs it"),
            (b"  <!DOCTYPE html", "a web page, such as one that says what went wrong"),
        ] {
            assert_eq!(not_unpacked(first), Some(what));
        }
    }
}
