//! What is mounted: `/proc/self/mountinfo` (proc_pid_mountinfo(5)). Pure.

use std::path::Path;

use super::escape::unescape;

/// A mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mounted {
    /// Where.
    pub point: Box<str>,
    /// Which directory of the file system is there: `/`, unless it is a bind mount or a subvolume.
    pub root: Box<str>,
    /// What is mounted.
    pub source: Box<str>,
    /// The type of the file system.
    pub fstype: Box<str>,
    /// All options: those of this mount, and those of the file system.
    pub options: Vec<Box<str>>,
    /// How many of them are those of this mount; they come first.
    pub own_options: usize,
}

/// All mounts, in the order in which they were made.
pub fn parse(text: &str) -> Vec<Mounted> {
    text.lines().filter_map(line).collect()
}

/// What is to be seen at a mount point: of several, the last.
pub fn at<'a>(mounts: &'a [Mounted], point: &str) -> Option<&'a Mounted> {
    mounts.iter().rev().find(|mount| &*mount.point == point)
}

/// The first mount point that is a path, or below it.
pub fn within<'a>(mounts: &'a [Mounted], path: &Path) -> Option<&'a Mounted> {
    mounts.iter().find(|mount| Path::new(&*mount.point).starts_with(path))
}

fn line(line: &str) -> Option<Mounted> {
    let (head, tail) = line.split_once(" - ")?;
    let mut head = head.split(' ').skip(3);
    let (root, point, own) = (head.next()?, head.next()?, head.next()?);
    let mut tail = tail.splitn(3, ' ');
    let (fstype, source, general) = (tail.next()?, tail.next()?, tail.next().unwrap_or_default());
    let split =
        |options: &str| -> Vec<Box<str>> { options.split(',').map(|it| unescape(it).into()).collect() };
    let mut options = split(own);
    let own_options = options.len();
    options.extend(split(general));
    Some(Mounted {
        point: unescape(point).into(),
        root: unescape(root).into(),
        source: unescape(source).into(),
        fstype: fstype.into(),
        options,
        own_options,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_mount_of_a_place_is_the_visible_one() {
        let mounts = parse(
            "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n\
             30 22 0:40 / /srv/a\\040b rw - tmpfs first rw,size=1024k\n\
             31 30 0:41 /sub /srv/a\\040b ro,nosuid master:3 propagate_from:2 - tmpfs second\\040one rw\n\
             damaged\n",
        );
        assert_eq!(mounts.len(), 3);
        let seen = at(&mounts, "/srv/a b").unwrap();
        assert_eq!((&*seen.source, &*seen.root, seen.own_options), ("second one", "/sub", 2));
        assert_eq!(seen.options, ["ro".into(), "nosuid".into(), Box::<str>::from("rw")]);
        assert_eq!(at(&mounts, "/").unwrap().options.len(), 4);
        assert_eq!(at(&mounts, "/srv"), None);
        let found = |path| within(&mounts, Path::new(path)).map(|mount| &*mount.point);
        assert_eq!(
            (found("/srv"), found("/srv/a"), found("/srv/a b")),
            (Some("/srv/a b"), None, Some("/srv/a b"))
        );
    }
}
