//! What the machine knows of devices.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::differences::Devices;

/// The devices of this machine.
#[derive(Debug)]
pub struct SystemDevices;

/// Tags of fstab(5), and where udev keeps the links of their devices.
const TAGS: [(&str, &str); 4] = [
    ("UUID=", "/dev/disk/by-uuid"),
    ("LABEL=", "/dev/disk/by-label"),
    ("PARTUUID=", "/dev/disk/by-partuuid"),
    ("PARTLABEL=", "/dev/disk/by-partlabel"),
];

impl Devices for SystemDevices {
    fn is_same(&self, declared: &str, shown: &str) -> bool {
        let shown_path = backing_file(shown).unwrap_or_else(|| PathBuf::from(shown));
        if declared == shown || Path::new(declared) == shown_path {
            return true;
        }
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        let declared_path = match TAGS.iter().find_map(|(tag, dir)| Some((declared.strip_prefix(tag)?, dir)))
        {
            Some((value, dir)) => Path::new(dir).join(value.trim_matches('"')),
            None if declared.starts_with('/') => PathBuf::from(declared),
            // A server's export, with a slash at its end or not.
            None => return declared.trim_end_matches('/') == shown.trim_end_matches('/'),
        };
        match (real(&declared_path), real(&shown_path)) {
            (Some(declared), Some(shown)) => declared == shown,
            _ => false,
        }
    }

    fn is_same_place(&self, one: &str, other: &str) -> bool {
        let identity = |path: &str| std::fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
        identity(one).is_some_and(|it| identity(other) == Some(it))
    }
}

/// The image file of a loop device.
fn backing_file(device: &str) -> Option<PathBuf> {
    let name = device.strip_prefix("/dev/loop")?;
    let path = std::fs::read_to_string(format!("/sys/block/loop{name}/loop/backing_file")).ok()?;
    Some(PathBuf::from(path.trim_end()))
}
