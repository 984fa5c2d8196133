//! The table of mounts: which places of the file system hold something else than they did.
//!
//! Inotify says nothing of a mount over a watched directory, since the directory below stays as it is. The kernel
//! marks an open `/proc/self/mountinfo` (proc(5)) as exceptional, though, whenever the table has changed.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsFd, BorrowedFd};

/// The table, followed.
#[derive(Debug)]
pub(super) struct Mounts {
    table: File,
    known: HashSet<Mount>,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Mount {
    /// The mount's number, its device, and which directory of that it shows. A number alone may be given anew.
    what: Box<[u8]>,
    /// Where it is mounted: the absolute path, without links.
    point: Box<[u8]>,
}

impl Mounts {
    /// The table as it is now.
    pub(super) fn open() -> io::Result<Self> {
        let mut mounts = Self { table: File::open("/proc/self/mountinfo")?, known: HashSet::new() };
        mounts.known = mounts.read()?;
        Ok(mounts)
    }

    /// Where something was mounted or unmounted since the last call, or since it was opened.
    pub(super) fn changes(&mut self) -> io::Result<HashSet<Box<[u8]>>> {
        let now = self.read()?;
        let changed = now.symmetric_difference(&self.known).map(|mount| mount.point.clone()).collect();
        self.known = now;
        Ok(changed)
    }

    fn read(&mut self) -> io::Result<HashSet<Mount>> {
        let mut text = Vec::new();
        self.table.rewind()?;
        self.table.read_to_end(&mut text)?;
        Ok(text.split(|byte| *byte == b'\n').filter_map(parse).collect())
    }
}

impl AsFd for Mounts {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.table.as_fd()
    }
}

/// A line: number, parent's number, device, directory, mount point, and what does not matter here.
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let (number, _, device) = (fields.next()?, fields.next()?, fields.next()?);
    let (directory, point) = (fields.next()?, fields.next()?);
    Some(Mount { what: [number, device, directory].join(&b' ').into(), point: unescape(point) })
}

/// Blanks, line ends and backslashes are written as octal numbers, as in `\040`.
fn unescape(text: &[u8]) -> Box<[u8]> {
    let mut clean = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let digits = after.get(..3).filter(|_| *first == b'\\').and_then(|it| std::str::from_utf8(it).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                clean.push(byte);
                rest = &after[3..];
            }
            None => {
                clean.push(*first);
                rest = after;
            }
        }
    }
    clean.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_what_is_mounted_where_whatever_the_name() {
        let line = b"36 35 98:0 /mnt1 /a\\040b\\134 rw,noatime master:1 - ext3 /dev/root rw,errors=continue";
        let mount = parse(line).unwrap();
        assert_eq!((&*mount.what, &*mount.point), (&b"36 98:0 /mnt1"[..], &b"/a b\\"[..]));
        assert_eq!(parse(b""), None);
        assert_eq!(&*unescape(b"\\04"), b"\\04");
    }

    #[test]
    fn the_root_is_mounted_and_nothing_changes_by_looking() {
        let mut mounts = Mounts::open().unwrap();
        assert!(mounts.known.iter().any(|mount| *mount.point == *b"/"));
        mounts.known.retain(|mount| *mount.point != *b"/");
        assert!(mounts.changes().unwrap().contains(&b"/"[..]));
    }
}
