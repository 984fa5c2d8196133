//! Digests of a path's visible state, by which a writer recognises the echo of its own write.

use std::hash::{DefaultHasher, Hash, Hasher};

use rustix::fs::Stat;

use crate::engine::Stamp;

/// The digest of what `lstat` says of a path; `None`: there is nothing at the path.
///
/// Identity, change time, mode, owner, size and links count; access and modification time do not. Stamps mean something
/// within one run of the program only.
pub fn stamp_of(stat: Option<&Stat>) -> Stamp {
    // The keys of this hasher are fixed, other than those of a hash map.
    let mut hasher = DefaultHasher::new();
    match stat {
        None => 0_u8.hash(&mut hasher),
        Some(stat) => {
            1_u8.hash(&mut hasher);
            (stat.st_dev, stat.st_ino, stat.st_ctime, stat.st_ctime_nsec).hash(&mut hasher);
            (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_size, stat.st_nlink).hash(&mut hasher);
        }
    }
    Stamp(hasher.finish())
}

/// One digest of what several paths are.
pub fn stamp_of_all<'a>(paths: impl IntoIterator<Item = &'a std::path::Path>) -> Stamp {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        stamp_of(rustix::fs::stat(path).ok().as_ref()).0.hash(&mut hasher);
    }
    Stamp(hasher.finish())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_stamp_changes_with_the_mode_and_with_nothing_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "x").unwrap();
        let stamp = || stamp_of(rustix::fs::lstat(&path).ok().as_ref());
        let first = stamp();
        assert_eq!(fs::read(&path).unwrap(), b"x");
        assert_eq!(stamp(), first);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let second = stamp();
        assert_ne!(second, first);
        fs::remove_file(&path).unwrap();
        assert_eq!(stamp(), stamp_of(None));
        assert_ne!(second, stamp_of(None));
    }
}
