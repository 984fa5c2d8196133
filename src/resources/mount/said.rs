//! What mount(8) and umount(8) say, without what is known already, and what to do about it. Pure.

use super::spec::Spec;
use crate::engine::registry::did_you_mean;

/// Types of file systems, and the packages that may have their tools, as distributions name them.
pub const TOOLS: [(&str, &[&str]); 9] = [
    ("nfs", &["nfs-common", "nfs-utils"]),
    ("nfs4", &["nfs-common", "nfs-utils"]),
    ("cifs", &["cifs-utils"]),
    ("btrfs", &["btrfs-progs"]),
    ("xfs", &["xfsprogs"]),
    ("vfat", &["dosfstools"]),
    ("ntfs-3g", &["ntfs-3g"]),
    ("glusterfs", &["glusterfs-client", "glusterfs-fuse"]),
    ("ceph", &["ceph-common"]),
];
/// Types that a misspelt one may mean, beside those that the kernel has.
const USUAL: [&str; 8] = ["ext4", "xfs", "btrfs", "vfat", "tmpfs", "overlay", "iso9660", "nfs4"];
/// What mount(8) says when the kernel has answered EINVAL, which may mean anything.
const ANYTHING: &str = "wrong fs type, bad option, bad superblock";

/// The words of a tool without its own name, the mount point and general advice.
pub fn plain(said: &str, point: &str) -> String {
    let mut lines = Vec::new();
    for line in said.lines().map(str::trim) {
        let line = line.strip_prefix("mount: ").or_else(|| line.strip_prefix("umount: ")).unwrap_or(line);
        let line = line.strip_prefix(point).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(line);
        if !line.is_empty() && !line.starts_with("dmesg(1)") && !line.starts_with("(hint)") {
            lines.push(line.trim_end_matches('.'));
        }
    }
    lines.join("; ")
}

/// Whether the kernel may tell more, if it is asked for each option.
pub fn is_anything(plain: &str) -> bool {
    plain.contains(ANYTHING) || plain.contains("bad option")
}

/// What to do. `types`: the file systems that the kernel has.
pub fn hint(plain: &str, spec: &Spec, types: &[String]) -> Option<String> {
    let (fstype, device) = (&*spec.entry.fstype, &*spec.entry.device);
    let has = |words: &str| plain.contains(words);
    if has("unknown filesystem type") || has("helper program") && TOOLS.iter().any(|it| it.0 == fstype) {
        let near = did_you_mean(fstype, types.iter().map(String::as_str).chain(USUAL))
            .filter(|near| *near != fstype);
        return Some(match (near, TOOLS.iter().find(|(name, _)| *name == fstype)) {
            (_, Some((_, packages))) => {
                format!("the package with its tools may be missing: {}", packages.join(" or "))
            }
            (Some(near), _) => format!("did you mean `type: {near}`?"),
            (None, None) => "neither the kernel nor its modules know it: see /proc/filesystems".to_owned(),
        });
    }
    Some(if has("does not exist") || has("can't find") {
        let hint = if spec.bind {
            "what is bound must be there: declare it as a file, and it is made before"
        } else if device.contains('=') {
            "`blkid` lists the devices with their UUIDs and labels"
        } else {
            "`lsblk` lists the devices; `nofail: true` keeps the machine booting without it"
        };
        hint.to_owned()
    } else if has("mount point is not a directory") {
        "a file is in the way: remove it, or choose another mount point".to_owned()
    } else if has(ANYTHING) {
        format!("is there a file system of this type on it (`blkid {device}`)? `dmesg` may tell more")
    } else if has("must be superuser") || has("ermission denied") || has("Operation not permitted") {
        "only root may mount, and in a container only what its host permits".to_owned()
    } else if has("already mounted or mount point busy") {
        "it is mounted elsewhere, or something uses it: see `findmnt` and `lsof`".to_owned()
    } else if has("write-protected") {
        "add the option `ro`".to_owned()
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::id::Label;
    use crate::engine::{Declaration, Value};

    fn spec(device: &str, fstype: &str) -> Spec {
        let params = [("device", Value::str(device)), ("type", Value::str(fstype))];
        Spec::new(&Declaration::new(Label::new("mount", "/m"), params.into_iter().collect())).unwrap()
    }

    #[test]
    fn words_of_tools_are_told_once() {
        for (said, told) in [
            (
                "mount: /m: mount point does not exist.\n       dmesg(1) may have more information after failed mount system call.\n",
                "mount point does not exist",
            ),
            ("umount: /m: target is busy.", "target is busy"),
            ("mount: /m: can't find UUID=1234.", "can't find UUID=1234"),
            ("mount.nfs: Connection refused\n", "mount.nfs: Connection refused"),
            ("mount: /other: x.\nmount: (hint) your fstab has been modified", "/other: x"),
            ("", ""),
        ] {
            assert_eq!(plain(said, "/m"), told, "{said}");
        }
    }

    #[test]
    fn each_refusal_has_its_hint() {
        for (plain, spec, wanted) in [
            ("unknown filesystem type 'ext44'", spec("/dev/x", "ext44"), "did you mean `type: ext4`?"),
            ("unknown filesystem type 'zfss'", spec("/dev/x", "zfss"), "did you mean `type: zfs`?"),
            ("unknown filesystem type 'q'", spec("/dev/x", "q"), "neither the kernel"),
            ("unknown filesystem type 'nfs'", spec("h:/x", "nfs"), "nfs-common or nfs-utils"),
            (
                "bad option; for several filesystems you might need a helper program",
                spec("h:/x", "nfs"),
                "nfs-common",
            ),
            ("special device /dev/x does not exist", spec("/dev/x", "ext4"), "`lsblk` lists"),
            ("can't find UUID=1", spec("UUID=1", "ext4"), "`blkid` lists"),
            ("mount point is not a directory", spec("t", "tmpfs"), "a file is in the way"),
            ("wrong fs type, bad option, bad superblock on /dev/x", spec("/dev/x", "xfs"), "blkid /dev/x"),
            ("permission denied", spec("/dev/x", "xfs"), "only root"),
        ] {
            let found = hint(plain, &spec, &["zfs".to_owned()]).unwrap();
            assert!(found.contains(wanted), "{plain}: {found}");
        }
        assert_eq!(hint("odd", &spec("t", "tmpfs"), &[]), None);
    }
}
