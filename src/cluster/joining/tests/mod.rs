//! Whole conversations, over streams in memory and a store in memory.

mod asking;
mod bytes;
mod certifying;
mod joining;
mod refusals;
mod servers;

use crate::cluster::identity::KeyFolder;

/// A folder of keys that goes away with the test.
pub(super) fn folder() -> (tempfile::TempDir, KeyFolder) {
    let prefix = tempfile::tempdir().unwrap();
    let folder = KeyFolder::open(prefix.path()).unwrap();
    (prefix, folder)
}
