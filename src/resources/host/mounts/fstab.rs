//! Editing `/etc/fstab` (fstab(5)) so that every byte of the other lines stays. Pure.

use super::escape::{escape, unescape};
use crate::resources::line::text::{Fate, lines, put, without_end};

/// A line of fstab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is mounted.
    pub device: Box<str>,
    /// Where.
    pub point: Box<str>,
    /// The type of the file system.
    pub fstype: Box<str>,
    /// The options, with commas between them.
    pub options: Box<str>,
    /// For dump(8).
    pub freq: u32,
    /// The order of checks at boot; 0: none.
    pub passno: u32,
}

impl Entry {
    /// Reads a line without its end; `None`: a comment, or nothing. `rest` is what follows the fields.
    fn parse(line: &str) -> Option<(Self, &str)> {
        let line = line.trim_start_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let mut fields = [""; 6];
        let mut rest = line;
        for field in &mut fields {
            let from = rest.trim_start_matches([' ', '\t']);
            if from.is_empty() || from.starts_with('#') {
                break;
            }
            let end = from.find([' ', '\t']).unwrap_or(from.len());
            *field = &from[..end];
            rest = &from[end..];
        }
        let [device, point, fstype, options, freq, passno] = fields;
        if fstype.is_empty() {
            return None;
        }
        let options = if options.is_empty() { "defaults".into() } else { unescape(options) };
        let point = unescape(point);
        let trimmed = if point.len() > 1 { point.trim_end_matches('/') } else { &point };
        let entry = Self {
            device: unescape(device).into(),
            point: trimmed.into(),
            fstype: unescape(fstype).into(),
            options: options.into(),
            freq: freq.parse().unwrap_or_default(),
            passno: passno.parse().unwrap_or_default(),
        };
        Some((entry, rest.trim_end_matches([' ', '\t'])))
    }

    /// The line, without an end.
    pub fn line(&self) -> String {
        let fields = [&self.device, &self.point, &self.fstype, &self.options].map(|field| escape(field));
        format!("{} {} {}", fields.join(" "), self.freq, self.passno)
    }
}

/// The entry of a mount point. Of several, the last one: it would be mounted over the others.
pub fn find(text: &[u8], point: &str) -> Option<Entry> {
    entries(text).filter(|entry| &*entry.point == point).last()
}

fn entries(text: &[u8]) -> impl Iterator<Item = Entry> {
    lines(text).filter_map(|line| parse(without_end(line)).map(|(entry, _)| entry))
}

/// How many entries a mount point has.
pub fn count(text: &[u8], point: &str) -> usize {
    entries(text).filter(|entry| &*entry.point == point).count()
}

/// The text with this entry for its mount point: in the place of the first one that is there, or at the end. Others of the
/// same mount point go. A comment after the fields stays.
pub fn with(text: &[u8], entry: &Entry) -> Vec<u8> {
    put(text, Some(&entry.line()), |line| match parse(line) {
        Some((found, _)) if found == *entry => Fate::Right,
        Some((found, rest)) if found.point == entry.point => Fate::Becomes(format!("{}{rest}", entry.line())),
        _ => Fate::Stays,
    })
}

/// The text without any entry of a mount point.
pub fn without(text: &[u8], point: &str) -> Vec<u8> {
    put(text, None, |line| match parse(line) {
        Some((found, _)) if &*found.point == point => Fate::Goes,
        _ => Fate::Stays,
    })
}

fn parse(line: &[u8]) -> Option<(Entry, &str)> {
    std::str::from_utf8(line).ok().and_then(Entry::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b"# static\n\nUUID=1 / ext4 errors=remount-ro 0 1\n /dev/b\t/srv/a\\040b  xfs\tnoatime # why\n\
                          garbage\nold /x/ tmpfs\n\xff\xfe\nnone none swap sw 0 0";

    fn entry(point: &str, options: &str) -> Entry {
        Entry {
            device: "/dev/new one".into(),
            point: point.into(),
            fstype: "xfs".into(),
            options: options.into(),
            freq: 0,
            passno: 2,
        }
    }

    #[test]
    fn entries_are_read_however_they_are_written() {
        let found = find(TEXT, "/srv/a b").unwrap();
        assert_eq!((&*found.device, &*found.options, found.passno), ("/dev/b", "noatime", 0));
        let found = find(TEXT, "/x").unwrap();
        assert_eq!((&*found.fstype, &*found.options), ("tmpfs", "defaults"));
        assert_eq!(find(TEXT, "/").unwrap().passno, 1);
        assert_eq!(find(TEXT, "/srv"), None);
        assert_eq!((count(TEXT, "/x"), count(TEXT, "/srv")), (1, 0));
    }

    #[test]
    fn an_edit_changes_one_line_and_no_other_byte() {
        let changed = with(TEXT, &entry("/srv/a b", "ro"));
        let text = String::from_utf8_lossy(TEXT).into_owned();
        let wanted = text.replace(
            " /dev/b\t/srv/a\\040b  xfs\tnoatime # why",
            "/dev/new\\040one /srv/a\\040b xfs ro 0 2 # why",
        );
        assert_eq!(String::from_utf8_lossy(&changed), wanted);
        assert_eq!(with(&changed, &entry("/srv/a b", "ro")), changed);
        let added = with(TEXT, &entry("/y", "ro"));
        assert_eq!(added, [TEXT, b"\n/dev/new\\040one /y xfs ro 0 2\n"].concat());
        assert_eq!(with(b"", &entry("/y", "ro")), b"/dev/new\\040one /y xfs ro 0 2\n");
        assert_eq!(with(b"# x\r\n", &entry("/y", "ro")), b"# x\r\n/dev/new\\040one /y xfs ro 0 2\r\n");
    }

    #[test]
    fn a_mount_point_has_one_entry_or_none() {
        let twice = b"a /m tmpfs a\nb /m tmpfs b\nc /n tmpfs c\n";
        assert_eq!(&*find(twice, "/m").unwrap().device, "b");
        assert_eq!(with(twice, &entry("/m", "ro")), b"/dev/new\\040one /m xfs ro 0 2\nc /n tmpfs c\n");
        assert_eq!(without(twice, "/m"), b"c /n tmpfs c\n");
        assert_eq!(without(TEXT, "/none"), TEXT);
    }
}
