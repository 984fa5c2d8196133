//! Which file systems tell the kernel of changes.

use std::path::Path;

use rustix::io::Errno;

/// How changes below a mount become known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileSystem {
    /// Every change passes this kernel.
    Events,
    /// Others can change files without this kernel knowing: look from time to time.
    Timed,
    /// As [`Timed`](Self::Timed), and times say nothing: contents are made when they are read.
    Synthetic,
}

/// Network and user-space file systems, by `f_type`: statfs(2) and the kernel's `linux/magic.h`.
const TIMED: [u32; 9] = [
    0x6969,      // nfs
    0x517b,      // smb
    0xff53_4d42, // cifs
    0xfe53_4d42, // smb2
    0x6573_5546, // fuse
    0x0102_1997, // 9p
    0x5346_414f, // afs
    0x00c3_6400, // ceph
    0x7375_7245, // coda
];

/// File systems made of the kernel's own variables, by `f_type`.
const SYNTHETIC: [u32; 9] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0x6265_6570, // configfs
    0xde5e_81e4, // efivarfs
];

impl FileSystem {
    /// What `path` leads to, links followed.
    pub(super) fn of(path: &Path) -> Result<Self, Errno> {
        let stat = rustix::fs::statfs(path)?;
        // The field is signed or not, and longer than its values, by architecture.
        Ok(Self::of_type(stat.f_type as u32))
    }

    fn of_type(f_type: u32) -> Self {
        if TIMED.contains(&f_type) {
            Self::Timed
        } else if SYNTHETIC.contains(&f_type) {
            Self::Synthetic
        } else {
            Self::Events
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_has_no_events_and_no_times() {
        assert_eq!(FileSystem::of(Path::new("/proc/self")), Ok(FileSystem::Synthetic));
        assert_eq!(FileSystem::of_type(0x6969), FileSystem::Timed);
        assert_eq!(FileSystem::of_type(0xef53), FileSystem::Events);
    }
}
