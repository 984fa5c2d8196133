//! Stamps of files: what tells the echo of an own write from someone else's doing.

use std::hash::{DefaultHasher, Hash, Hasher};

use rustix::fs::Stat;

use crate::engine::Stamp;

/// The stamp of a path's object; `None`: nothing is there.
pub fn stamp_of(stat: Option<&Stat>) -> Stamp {
    let Some(stat) = stat else { return Stamp(0) };
    let mut hash = DefaultHasher::new();
    (stat.st_dev, stat.st_ino, stat.st_ctime, stat.st_ctime_nsec).hash(&mut hash);
    (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_size, stat.st_nlink).hash(&mut hash);
    Stamp(hash.finish().max(1))
}
