//! What the machine knows of devices.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
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
        let tag = TAGS.iter().find_map(|(tag, dir)| Some((*tag, declared.strip_prefix(tag)?, *dir)));
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        let declared_path = match tag {
            Some(("UUID=", value, _)) if is_part_of(value.trim_matches('"'), &shown_path) => return true,
            // Without udev nobody can tell: what works is not taken away for that.
            Some((_, _, dir)) if !Path::new(dir).is_dir() => return shown_path.starts_with("/dev"),
            Some((_, value, dir)) => Path::new(dir).join(value.trim_matches('"')),
            None if declared.starts_with('/') => PathBuf::from(declared),
            // A server's export, with a slash at its end or not.
            None => return declared.trim_end_matches('/') == shown.trim_end_matches('/'),
        };
        match (real(&declared_path), real(&shown_path)) {
            (Some(declared), Some(shown)) => declared == shown || are_parts_of_one(&declared, &shown),
            _ => false,
        }
    }

    fn is_on(&self, declared: &str, point: &str) -> bool {
        let dir = TAGS.iter().find_map(|(tag, dir)| Some(Path::new(dir).join(declared.strip_prefix(tag)?)));
        let device = std::fs::metadata(dir.unwrap_or_else(|| PathBuf::from(declared)));
        let device = device.ok().filter(|it| it.file_type().is_block_device());
        device.is_some_and(|it| std::fs::metadata(point).is_ok_and(|point| point.dev() == it.rdev()))
    }

    fn is_same_place(&self, one: &str, other: &str) -> bool {
        let identity = |path: &str| std::fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
        identity(one).is_some_and(|it| identity(other) == Some(it))
    }
}

/// Where the kernel lists the devices of each btrfs by its UUID: of several, any may be shown.
const BTRFS: &str = "/sys/fs/btrfs";

fn is_part_of(uuid: &str, device: &Path) -> bool {
    let devices = Path::new(BTRFS).join(uuid).join("devices");
    device.file_name().is_some_and(|name| !uuid.is_empty() && devices.join(name).exists())
}

fn are_parts_of_one(one: &Path, other: &Path) -> bool {
    let all = std::fs::read_dir(BTRFS).into_iter().flatten().flatten();
    let mut uuids = all.filter_map(|entry| entry.file_name().into_string().ok());
    uuids.any(|uuid| is_part_of(&uuid, one) && is_part_of(&uuid, other))
}

/// The image file of a loop device.
fn backing_file(device: &str) -> Option<PathBuf> {
    let name = device.strip_prefix("/dev/loop")?;
    let path = std::fs::read_to_string(format!("/sys/block/loop{name}/loop/backing_file")).ok()?;
    Some(PathBuf::from(path.trim_end()))
}
